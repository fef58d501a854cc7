"""The agents pages: who runs, how well, at what cost, and what changed."""

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
from web.sample_runs import SECOND, Item, Story, send

_ODD = "evil/../agent?x#<b>"


def _schemas(**fields: str) -> Item:
    properties = {name: {"type": kind} for name, kind in fields.items()}
    return {
        "span_type_schemas": [
            {"name": "writer:note", "params_schema": {"type": "object", "properties": properties}}
        ]
    }


def _run(number: int, at: int, agent: str, version: str, *, failed: bool, **fields: Any) -> list[Item]:
    run = Story(f"{agent}-{version}-{number}", at).begin(f"job {number}", agent, version, **fields)
    usage = {
        "gen_ai.provider.name": "openai",
        "gen_ai.response.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 10,
        "holdfast.cost.usd": 0.03,
    }
    run.span("answer", "agent:llm", None, 2, attributes=usage)
    error = {"type": "OSError", "message": f"no file '{number}'"} if failed else None
    end: Item = {"status": "failed", "error": error} if error else {}
    run.span("fetch", "agent:tool", None, 4, **end)
    run.span("note", "writer:note", None, 1, start={"payload": {"text": 1}})
    run._add(  # noqa: SLF001 - the helper that all others use
        "agent_instances/finish",
        agent_instance_id=run.id,
        status="failed" if failed else "complete",
        timestamp=run.at,
    )
    return run.items


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    """Its own, with two versions of one agent, the second of which fails half the time, and another agent."""
    with background_server(ServerConfig(data=tmp_path_factory.mktemp("agents"), port=0)) as running:
        now = utc_now_ns()
        first, second = _schemas(text="string", old="integer"), _schemas(text="array", new="string")
        items: list[Item] = []
        for number in range(6):
            at = now - (10 + number) * 3600 * SECOND
            items += _run(number, at, "writer", "1.0", failed=False, agent_schema_version=first)
        send(running.url, running.token, items)
        items = []
        for number in range(4):
            at = now - (1 + number) * 3600 * SECOND
            items += _run(number, at, "writer", "2.0", failed=number % 2 == 0, agent_schema_version=second)
        items += _run(0, now - 60 * SECOND, _ODD, "1", failed=False)
        send(running.url, running.token, items)
        yield running


def _rows(html: str) -> list[str]:
    return re.findall(r"<tr data-row>.*?</tr>", html, re.S)


def _writer(reader: Reader) -> str:
    found = re.search(r'<a href="(/agents/[^"]+)" data-open><bdi>writer<', reader.html("/agents"))
    assert found is not None
    return unescape(found[1])


def _table(html: str, title: str) -> list[list[str]]:
    """The cells of the rows below a heading, as text."""
    part = html[html.index(f">{title}") :]
    body = part[part.index("<tbody") : part.index("</tbody>")]
    rows = re.findall(r"<tr.*?</tr>", body, re.S)
    cells = [re.findall(r"<td.*?</td>", row, re.S) for row in rows]
    return [[unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in row] for row in cells]


def test_all_agents(reader: Reader) -> None:
    """Each with its runs, how many succeeded, what they cost, its newest version; the agent with most runs
    first. Nothing of a name is markup."""
    html = reader.html("/agents")
    rows = _rows(html)
    assert len(rows) == 2
    text = unescape(re.sub(r"<[^>]+>", " ", rows[0]))
    for part in ("writer", "2.0", "2 versions", "10  runs", "80.0 %", "$0.3000", "$0.0375"):
        assert part in text, part
    assert _ODD not in html
    assert "10 runs; most, " in rows[0]


def test_orders(reader: Reader) -> None:
    """By name, by success, by cost, by the last run."""
    for order, first in (("name", "evil"), ("success", "writer"), ("cost", "writer"), ("last", "evil")):
        assert first in _rows(reader.html(f"/agents?sort={order}"))[0], order
    assert "10<span" not in _rows(reader.html("/agents?within=1h"))[0]


def test_versions(reader: Reader) -> None:
    """Runs, success, cost and durations of each version, with links to the runs behind them."""
    html = reader.html(_writer(reader))
    newest, oldest = _table(html, "Versions")
    assert [newest[0], newest[2], newest[3], newest[4]] == ["2.0", "4", "50.0 %", "2"]
    assert [oldest[0], oldest[2], oldest[3], oldest[4]] == ["1.0", "6", "100 %", "0"]
    assert (newest[5], newest[6]) == ("$0.1200", "$0.0600")
    assert re.match(r"[67]\.\d+ s", oldest[7])
    linked = re.search(r'href="(/runs\?[^"]*version=[^"]+)">4<', html)
    assert linked is not None
    assert reader.get(unescape(linked[1])).status == 200


def test_tools_and_models(reader: Reader) -> None:
    """How often each was called, how often it failed, how long it took."""
    html = reader.html(_writer(reader))
    assert _table(html, "Tools") == [["fetch", "10", "20.0 %", "4.00 s", "10"]]
    assert _table(html, "Models") == [["openai/gpt-4o", "10", "0", "2.00 s", "1.10k", "$0.3000", "10"]]
    assert "tool=fetch" in html


def test_what_the_schemas_changed(reader: Reader) -> None:
    """A field that came, one that went, one of another type; the first version is compared with nothing."""
    html = reader.html(_writer(reader))
    drift = re.findall(
        r'<li class="d-(\w+)">.*?<code><bdi>([^<]+)</bdi></code> <small><bdi>([^<]+)<', html, re.S
    )
    assert [(word, path, unescape(told)) for word, path, told in drift] == [
        ("added", "params.new", "string, optional"),
        ("removed", "params.old", "integer, optional"),
        ("changed", "params.text", "string, optional → array, optional"),
    ]
    assert "1 added, 1 removed, 1 of another type" in html
    assert "The first that is known." in html
    assert "violations in 100 spans" in html


def test_failures_of_the_agent(reader: Reader) -> None:
    """Its most frequent ones, leading to their groups."""
    html = reader.html(_writer(reader))
    assert _table(html, "Failures <")[0][:3] == ["no file <…>", "tool error", "2"]
    found = re.search(r'<a href="(/failures/[^"]+)" data-open>', html)
    assert found is not None
    assert reader.get(unescape(found[1])).status == 200


def test_an_agent_with_an_odd_name(reader: Reader) -> None:
    """Its page is found by its id, whatever its name; there is no page for one that does not exist."""
    found = re.search(r'<a href="(/agents/[^"]+)" data-open><bdi>evil', reader.html("/agents"))
    assert found is not None
    html = reader.html(unescape(found[1]))
    assert "declared no schemas" in html
    assert "Nobody has judged" in html
    for path in ("/agents/nobody", "/agents/%252E%252E", "/agents/" + "x" * 600):
        answer = reader.get(path)
        assert answer.status == 404
        assert b"There is no such agent here." in answer.data


@pytest.mark.parametrize("query", ["within=9y", "from=x&to=y", "sort=no", "agent=nobody", "within=1h"])
def test_a_query_that_makes_no_sense_still_gives_a_page(reader: Reader, query: str) -> None:
    """It counts as not given."""
    reader.html(f"/agents?{query}")
    reader.html(f"{_writer(reader).partition('?')[0]}?{query}")


@pytest.mark.browser
@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 360)])
def test_in_a_browser(
    chromium: Browser, server: Listening, logged_in: StorageState, theme: str, width: int
) -> None:
    """By keyboard to an agent; nothing is wider than the page, nothing complains, axe finds nothing."""
    context = chromium.new_context(
        storage_state=logged_in,
        viewport={"width": width, "height": 900},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    )
    page, notes = minded(context, server.url)
    found: list[Any] = []
    for step in ("list", "one"):
        if step == "list":
            page.goto(f"{server.url}/agents")
        else:
            page.keyboard.press("j")
            page.keyboard.press("Enter")
            page.wait_for_url("**/agents/*")
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        found += Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    context.close()
    assert [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in found] == []
    assert notes.complaints == []
    assert notes.foreign == []
