"""The failures pages: groups of what failed, and the runs behind them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, StorageState

from holdfast._clock import utc_now_ns
from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server
from web.conftest import Reader, minded
from web.sample_runs import SECOND, Story, send

_SLOW = {"type": "openai.RateLimitError", "message": "Error code: 429 - try again in {} s"}
_ODD = "<script>alert(1)</script>"


def _run(number: int, at: int) -> list[dict[str, Any]]:
    """Every run meets a rate limit; the even ones are mended and complete, the odd ones fail with it."""
    run = Story(f"run-{number:03d}", at).begin(f"job {number}", "writer" if number % 3 else "reader")
    error = _SLOW | {"message": _SLOW["message"].format(number)}
    step = run.open("step", "agent:step", None)
    call = run.open("answer", "agent:llm", step, span_id=f"call-{number}")
    run.wait(1).close(call, "failed", error=error)
    if number % 2:
        run.close(step, "failed", error=error)
        run._add(  # noqa: SLF001 - the helper that all others use
            "agent_instances/finish", agent_instance_id=run.id, status="failed", timestamp=run.at, error=error
        )
        return run.items
    run.close(step)
    run.event("agent.recovery.succeeded")
    tool = run.open("fetch", "agent:tool", None)
    run.wait(1).close(tool, "failed", error={"type": "OSError", "message": f"no '{number}' {_ODD}"})
    run._add("agent_instances/finish", agent_instance_id=run.id, timestamp=run.at)  # noqa: SLF001 - as above
    return run.items


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    """Its own, with sixty runs of the last three days that fail."""
    with background_server(ServerConfig(data=tmp_path_factory.mktemp("failures"), port=0)) as running:
        now = utc_now_ns()
        items: list[Any] = []
        for number in range(60):
            items += _run(number, now - (number + 1) * 3600 * SECOND)
        send(running.url, running.token, items)
        yield running


def _rows(html: str) -> list[str]:
    return re.findall(r"<tr data-row>.*?</tr>", html, re.S)


def _group(reader: Reader, category: str) -> str:
    html = reader.html(f"/failures?category={category}")
    found = re.search(r'<a href="(/failures/[^"]+)" data-open>', html)
    assert found is not None
    return unescape(found[1])


def test_groups_with_their_numbers(reader: Reader) -> None:
    """What differs in numbers is one group; it counts the runs and the times once, however far it got."""
    rows = _rows(reader.html("/failures"))
    assert len(rows) == 2
    assert "try again in &lt;n&gt; s" in rows[0]
    assert "rate limit" in rows[0]
    assert re.search(r'c-times">60<', rows[0])
    assert re.search(r'failure=[^"]+">60<', rows[0])
    assert "50 %" in rows[0]
    assert "30 with a recovery" in rows[0]
    assert re.search(r'c-times">30<', rows[1])
    assert "100 %" in rows[1]
    assert "60 in all; most, " in rows[0]


def test_nothing_of_a_message_is_markup(reader: Reader) -> None:
    """A script in an error message is text, on the list and on the page of its group."""
    for html in (reader.html("/failures"), reader.html(_group(reader, "tool_error"))):
        assert _ODD not in html
        assert "&lt;script&gt;" in html


def test_filters(reader: Reader) -> None:
    """By category, by agent, by time; what a filter leaves empty says so and leads out."""
    assert len(_rows(reader.html("/failures?category=rate_limit"))) == 1
    assert re.search(
        r'c-times">2\d?<',
        _rows(
            reader.html("/failures?within=1h&category=rate_limit")
            + reader.html("/failures?within=24h&category=rate_limit")
        )[-1],
    )
    agent = re.search(r'<option value="([^"]+)">reader</option>', reader.html("/failures"))
    assert agent is not None
    assert re.search(r'c-times">20<', _rows(reader.html(f"/failures?agent={agent[1]}"))[0])
    html = reader.html("/failures?category=auth")
    assert "Nothing failed with auth in this range." in html
    assert "All categories" in html
    assert "There are no more." in reader.html("/failures?page=9")


def test_orders(reader: Reader) -> None:
    """By how often, by runs, by the first and the last time."""
    for order in ("times", "runs", "last", "first"):
        assert len(_rows(reader.html(f"/failures?sort={order}"))) == 2


@pytest.mark.parametrize(
    "query",
    ["category=no", "sort=no", "page=x", "page=-1", "agent=nobody", "within=9y", "from=x", "before=1.x"],
)
def test_a_query_that_makes_no_sense_still_gives_a_page(reader: Reader, query: str) -> None:
    """It counts as not given, or matches nothing."""
    reader.html(f"/failures?{query}")
    reader.html(f"{_group(reader, 'rate_limit').partition('?')[0]}?{query}")


def test_the_page_of_a_group(reader: Reader) -> None:
    """What became of its runs, by agent, what the runtime did, examples as they were recorded with a link to
    the span that failed, and each of its runs on exactly one page."""
    path = _group(reader, "rate_limit")
    html = reader.html(path)
    assert "Of the newest 60 runs that met it. In 30 of them a recovery succeeded." in html
    assert re.search(r"<bdi>writer</bdi>.*?<b class=\"n\">40</b>", html, re.S)
    assert "Error code: 429 - try again in 0 s" in html
    assert "/runs/run-000?span=call-0" in html
    seen: list[str] = []
    while True:
        seen += re.findall(r'<a href="(/runs/run-\d+\?span=call-\d+)" data-open>', html)
        older = re.search(r'<a href="([^"]+)" rel="next">Older', html)
        if older is None:
            break
        html = reader.html(unescape(older[1]))
    assert len(seen) == len(set(seen)) == 60


def test_a_group_of_one_agent(reader: Reader) -> None:
    """The agent's runs alone."""
    agent = re.search(r'<option value="([^"]+)">reader</option>', reader.html("/failures"))
    assert agent is not None
    html = reader.html(f"{_group(reader, 'rate_limit')}&agent={agent[1]}")
    assert len(_rows(html)) == 20
    html = reader.html(f"{_group(reader, 'rate_limit')}&agent=nobody")
    assert "No run of this range met it." in html


def test_a_group_that_is_not_there(reader: Reader) -> None:
    """A page that says so."""
    for path in ("/failures/none", "/failures/" + "x" * 500):
        answer = reader.get(path)
        assert answer.status == 404
        assert b"No failure of this kind is in the record." in answer.data


@pytest.mark.browser
@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 360)])
def test_by_keyboard_from_a_failure_to_its_span(
    chromium: Browser, server: Listening, logged_in: StorageState, theme: str, width: int
) -> None:
    """`j` and Enter open a group, and again the first of its runs at the span that failed; nothing is wider
    than the page, nothing complains, axe finds nothing."""
    context = chromium.new_context(
        storage_state=logged_in,
        viewport={"width": width, "height": 900},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    )
    page, notes = minded(context, server.url)

    def findings() -> list[str]:
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        return [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in found]

    page.goto(f"{server.url}/failures")
    assert findings() == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/failures/rate_limit-*")
    assert findings() == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/run-000?span=call-0")
    context.close()
    assert notes.complaints == []
    assert notes.foreign == []
