"""Finding, the critical path, parts of the time, answers: the run page in a real browser."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, StorageState, expect

import holdfast
from holdfast._clock import utc_now_ns
from holdfast.runtime import Orchestrator
from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server
from holdfast.server.stores.reach import Reach
from waiting import wait_until
from web.conftest import minded
from web.sample_runs import SECOND, Story, send

pytestmark = pytest.mark.browser
_ALL = Reach(account_id="default")


def test_what_is_found_is_marked_counted_and_gone_through(page: Page, filled: Listening) -> None:
    """By typing, with Enter, and with keys; the address says it all."""
    page.goto(f"{filled.url}/runs/wide-1000")
    page.evaluate("window.stays = 1")
    expect(page.locator("#rows")).to_contain_text("Turn 1")
    page.keyboard.press("f")
    page.keyboard.type("page 77")
    expect(page.locator("#found")).to_contain_text("9")
    page.keyboard.press("Enter")
    expect(page.locator("#rows .sel.hit .nm")).to_contain_text("fetch page 77")
    expect(page.locator("#found")).to_contain_text("1 of 9")
    page.locator("#scroll").focus()
    page.keyboard.press("n")
    expect(page.locator("#rows .sel.hit .nm")).to_contain_text("fetch page 77")
    expect(page.locator("#found")).to_contain_text("2 of 9")
    page.keyboard.press("N")
    expect(page.locator("#found")).to_contain_text("1 of 9")
    assert page.evaluate("window.stays") == 1
    page.goto(page.url)
    expect(page.locator("#found")).to_contain_text("1 of 9")
    expect(page.locator("#rows .sel.hit")).to_have_count(1)


def test_a_search_without_scripts(still_page: Page, filled: Listening) -> None:
    """A form and two links."""
    still_page.goto(f"{filled.url}/runs/wide-1000")
    still_page.get_by_label("Find a name").fill("HTTPError")
    still_page.get_by_role("button", name="Find").click()
    expect(still_page.locator("#found")).to_contain_text("8")
    expect(still_page.locator("#rows .hit").first).to_be_visible()
    still_page.locator("#found [rel=next]").click()
    expect(still_page.locator("#found")).to_contain_text("1 of 8")
    expect(still_page.locator("article.span .err")).to_contain_text("503")


def test_the_critical_path_is_marked_on_demand(page: Page, filled: Listening) -> None:
    """The chain that the run waited for; another click takes the marks away."""
    page.goto(f"{filled.url}/runs/refund-1")
    expect(page.locator("#rows .crit")).to_have_count(0)
    page.get_by_role("link", name="Critical path").click()
    expect(page.locator("#rows .crit .nm", has_text="refund").first).to_be_visible()
    count = page.locator("#rows .crit").count()
    assert count > 10
    expect(page.get_by_role("link", name=re.compile("Critical path"))).to_contain_text(str(count))
    page.get_by_role("link", name=re.compile("Critical path")).click()
    expect(page.locator("#rows .crit")).to_have_count(0)


def test_a_part_of_the_time_is_dragged_over(page: Page, filled: Listening) -> None:
    """The bars fill the axis with it, the rows go to where it begins, and a link leads back."""
    page.goto(f"{filled.url}/runs/wide-1000")
    expect(page.locator("#rows")).to_contain_text("Turn 1")
    box = page.locator("#sketch").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.5, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, y)
    page.mouse.up()
    expect(page.locator("#rows")).to_contain_text("Turn 51")
    assert "t0=" in page.url
    expect(page.locator("#rows .nm", has_text=re.compile(r"^Turn 51$"))).to_be_in_viewport()
    page.get_by_role("link", name="all", exact=True).last.click()
    expect(page).not_to_have_url(re.compile("t0="))


@pytest.fixture
def asking(server: Listening, tmp_path: Path) -> Iterator[list[str]]:
    """A real session that asks; the answers it gets."""
    client = holdfast.init(agent="asker", url=server.url, token=server.token, spool=str(tmp_path / "spool"))
    answers: list[str] = []

    def work() -> None:
        with holdfast.run("Deploy", id=f"asking-{uuid.uuid4()}") as run:
            answers.append(run.id)
            begun.set()
            with Orchestrator(role="asker", phase="p").session() as session:
                answers.append(session.pause_for_input("Deploy <b>now</b>?", timeout=60))

    begun = threading.Event()
    agent = threading.Thread(target=work)
    agent.start()
    assert begun.wait(20)
    yield answers
    agent.join(30)
    client.close()


def test_a_waiting_session_is_answered_on_its_page(page: Page, server: Listening, asking: list[str]) -> None:
    """The question comes up by itself, the answer reaches the agent, the record says who gave it."""
    run_id = asking[0]
    questions = server.services.queries.questions
    wait_until(lambda: (found := questions.run(_ALL, run_id)) and questions.of_run(found[0], 1))
    page.goto(f"{server.url}/runs/{run_id}")
    expect(page.locator("form.ask .prompt")).to_have_text("Deploy <b>now</b>?")
    page.get_by_label("Answer").fill("yes, go on")
    page.get_by_role("button", name="Answer").click()
    expect(page.locator("form.ask")).to_have_count(0)
    expect(page.locator("#head .st").first).to_have_text("complete", timeout=20_000)
    assert asking[1:] == ["yes, go on"]
    page.get_by_role("link", name="Story").click()
    steps = page.locator(".is-decision")
    expect(steps.filter(has_text="Input requested")).to_contain_text("Deploy <b>now</b>?")
    expect(steps.filter(has_text="Input answered")).to_contain_text("yes, go on")
    expect(steps.filter(has_text="Input provided")).to_contain_text("the console")


def test_an_answer_that_comes_too_late_says_so(
    chromium: Browser, server: Listening, logged_in: StorageState
) -> None:
    """And the page does not take what is being written away meanwhile."""
    story = Story(f"late-{uuid.uuid4()}", utc_now_ns() - 5 * SECOND).begin("Late", "asker")
    story.event("input.requested", level="warning", payload={"question": "q1", "detail": "Still there?"})
    send(server.url, server.token, story.items)
    story.items.clear()
    context = chromium.new_context(storage_state=logged_in)
    page, notes = minded(context, server.url)
    page.goto(f"{server.url}/runs/{story.id}")
    page.get_by_label("Answer").fill("yes")
    with page.expect_response(re.compile("/head")):
        story.event("input.closed", payload={"question": "q1"})
        send(server.url, server.token, story.items)
    expect(page.get_by_label("Answer")).to_have_value("yes")
    with page.expect_response(re.compile("/answer$")) as answered:
        page.evaluate("document.querySelector('form.ask').requestSubmit()")
    assert answered.value.status == 409
    expect(page.locator("main")).to_contain_text("The run has stopped waiting for this answer")
    context.close()
    assert [text for text in notes.complaints if "409" not in text] == []


def test_a_page_whose_session_or_run_is_gone_says_so(chromium: Browser, tmp_path: Path) -> None:
    """An expired session and a deleted run, while the page of a live run is open."""
    with background_server(ServerConfig(data=tmp_path, port=0)) as server:
        story = Story("gone", utc_now_ns() - 5 * SECOND).begin("Gone", "agent")
        send(server.url, server.token, story.items)
        context = chromium.new_context()
        page, _ = minded(context, server.url)
        page.goto(server.login_url)
        page.goto(f"{server.url}/runs/gone")
        expect(page.locator("#rows")).to_contain_text("No spans have arrived.")
        context.clear_cookies()
        story.items.clear()
        story.span("more", "agent:step", None, 0.1)
        send(server.url, server.token, story.items)
        expect(page.locator("#told")).to_contain_text("Your session has ended")
        page.goto(f"{server.url}/runs/gone")
        expect(page.locator("main")).to_contain_text("log in", ignore_case=True)
        context.close()


def test_a_page_that_is_refused_word_of_its_run_asks_why(chromium: Browser, tmp_path: Path) -> None:
    """The session ended before the stream was opened: that is said, not that the server is away."""
    with background_server(ServerConfig(data=tmp_path, port=0)) as server:
        story = Story("gone", utc_now_ns() - 5 * SECOND).begin("Gone", "agent")
        send(server.url, server.token, story.items)
        context = chromium.new_context()
        page, _ = minded(context, server.url)
        page.goto(server.login_url)

        def refuse(route: Route) -> None:
            context.clear_cookies()
            route.fulfill(status=403, body="")

        page.route("**/live", refuse)
        page.goto(f"{server.url}/runs/gone")
        expect(page.locator("#told")).to_contain_text("Your session has ended")
        context.close()
