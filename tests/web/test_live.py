"""The page of a run that is going on, in a real browser."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from holdfast._clock import utc_now_ns
from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server
from holdfast.server.stores.reach import Reach
from web.conftest import minded
from web.sample_runs import SECOND, Story, send, usage

pytestmark = pytest.mark.browser


@pytest.fixture
def live(server: Listening) -> Story:
    """A run that has begun and done one thing."""
    story = Story(f"live-{uuid.uuid4()}", utc_now_ns() - 5 * SECOND).begin("Watch me", "watcher")
    story.span("first step", "agent:tool", None, 0.5, start={"payload": {"n": 1}})
    send(server.url, server.token, story.items)
    story.items.clear()
    return story


def test_a_page_that_nobody_looks_at_lets_go_of_its_connection(
    page: Page, server: Listening, live: Story
) -> None:
    """It opens it again when somebody does, and shows what has happened since."""
    page.goto(f"{server.url}/runs/{live.id}")
    expect(page.locator("#rows li")).to_have_count(1)
    look = """(away) => {
        Object.defineProperty(document, "hidden", { value: away, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/live")):
        page.evaluate(look, True)
    live.span("second step", "agent:step", None, 0.5)
    send(server.url, server.token, live.items)
    with page.expect_request(f"**/runs/{live.id}/live"):
        page.evaluate(look, False)
    expect(page.locator("#rows li")).to_have_count(2)


def test_the_page_of_a_live_run_follows_it(page: Page, server: Listening, live: Story) -> None:
    """New spans, totals, the end; no loading of the page."""
    page.goto(f"{server.url}/runs/{live.id}")
    page.evaluate("window.stays = 1")
    expect(page.locator("#rows li")).to_have_count(1)
    live.span("second step", "agent:llm", None, 0.5, attributes=usage("gpt-5", 700, 77, 0.002))
    send(server.url, server.token, live.items)
    expect(page.locator("#rows li")).to_have_count(2)
    expect(page.locator("#head")).to_contain_text("777")
    live.items.clear()
    live.end("failed", error={"type": "ValueError", "message": "out of ideas"})
    send(server.url, server.token, live.items)
    expect(page.locator("#head .st").first).to_have_text("failed")
    expect(page.locator("#head")).to_contain_text("out of ideas")
    expect(page.locator("#run")).to_have_attribute("data-live", "no")
    assert page.evaluate("window.stays") == 1


def test_the_stop_button_ends_a_run_with_the_reason(page: Page, server: Listening, live: Story) -> None:
    """The page says so, and so does the word that the agent gets."""
    page.goto(f"{server.url}/runs/{live.id}")
    page.locator("details.stop summary").click()
    page.get_by_label("Why?").fill("costs too much")
    page.get_by_role("button", name="Stop this run").click()
    expect(page.locator("#head .st").first).to_have_text("terminated")
    expect(page.locator("p.reason")).to_contain_text("costs too much")
    word = server.services.records.control(Reach(account_id="default"), [live.id])[live.id]
    assert word.terminate
    assert word.reason == "costs too much"


def test_a_live_page_goes_on_after_the_server_was_away(chromium: Browser, tmp_path: Path) -> None:
    """The browser comes back to a restarted server and hears what has happened since."""
    config = ServerConfig(data=tmp_path, port=0)
    story = Story("long-one", utc_now_ns() - 5 * SECOND).begin("Long one", "watcher")
    with background_server(config) as server:
        port = int(server.url.rpartition(":")[2])
        send(server.url, server.token, story.items)
        context = chromium.new_context()
        page, _ = minded(context, server.url)
        page.goto(server.login_url)
        page.goto(f"{server.url}/runs/long-one")
        expect(page.locator("#rows")).to_contain_text("No spans have arrived.")
    with background_server(ServerConfig(data=tmp_path, port=port)) as server:
        story.items.clear()
        story.span("after the restart", "agent:tool", None, 0.5)
        send(server.url, server.token, story.items)
        expect(page.locator("#rows")).to_contain_text("after the restart", timeout=20_000)
        context.close()
