"""The overview, as its reader gets it."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator

import pytest
import urllib3

from holdfast._clock import iso_utc, utc_now_ns
from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server
from web.conftest import Reader
from web.sample_runs import HOSTILE_TEXT, SECOND, Item, Story, refund_run, send, usage

pytestmark = pytest.mark.usefixtures("busy")
HOUR = 3600 * SECOND
RANGES = ("1h", "24h", "7d", "30d", "90d", "all")


def worked(
    run_id: str, at: int, agent: str, model: str, cost: float | None, status: str = "complete"
) -> list[Item]:
    story = Story(run_id, at).begin(f"job {run_id}", agent)
    story.span(model, "agent:llm", None, 1.5, attributes=usage(model, 1000, 200, cost))
    if status == "failed":
        error = {"type": "TimeoutError", "message": "no answer within 8 s", "category": "timeout"}
        story.span("fetch", "agent:tool", None, 8.0, status="failed", error=error)
        story.event("agent.recovery.attempted")
        story.event("agent.recovery.succeeded")
        story.event("loop.stopped", level="warning")
    return story.end(status).items


@pytest.fixture(scope="module")
def busy(server: Listening) -> Listening:
    """Yesterday six runs; the day before two; one that waits, one that goes on; all of two agents."""
    now = utc_now_ns()
    items: list[Item] = []
    for number in range(4):
        items += worked(f"ok-{number}", now - (3 + number) * HOUR, "reporter", "gpt-5", 0.25)
    items += worked("bad-0", now - 4 * HOUR, "reporter", "gpt-5", 0.5, "failed")
    items += worked("free-0", now - 2 * HOUR, "scribe", "local-mixtral", None)
    items += worked("old-0", now - 30 * HOUR, "reporter", "gpt-5", 0.25)
    items += worked("old-1", now - 31 * HOUR, "reporter", "gpt-5", 0.25)
    asking = Story("asking", now - HOUR).begin("Ask somebody", "scribe")
    asking.event("input.requested")
    items += asking.items
    items += refund_run(now - 600 * SECOND, "going", finish=False).items
    send(server.url, server.token, items)
    return server


@pytest.fixture(scope="module")
def html(busy: Listening, reader: Reader) -> str:
    return reader.html("/")


def tile(html: str, label: str) -> str:
    """The text of a tile without its tags."""
    found = re.search(rf"<dt>{label}</dt><dd.*?</dd>", html, re.DOTALL)
    assert found is not None, label
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split())


def test_the_page_tells_what_is_running_and_who_waits(html: str) -> None:
    """Whatever the range."""
    assert tile(html, "running now").startswith("running now 2 longest 1 h")
    assert tile(html, "waiting for a person").endswith("1")
    assert "waits for an answer" in html
    assert "Ask somebody" in html.partition('id="open"')[2].partition("</div>")[0]


def test_the_numbers_are_those_of_the_runs(html: str) -> None:
    """Eight runs began within a day; of the six that ended one failed, and one call has no price."""
    assert tile(html, "runs").startswith("runs 8 ")
    assert tile(html, "success rate").startswith("success rate 83.3 %")
    assert tile(html, "failed").startswith("failed 1 ")
    assert tile(html, "cost").startswith("cost ≥ $1.5")
    assert "1 calls of unknown cost" in tile(html, "cost")
    assert "openai/local-mixtral" in html.partition("Models without a price")[2]


def test_they_are_compared_with_the_period_before(html: str) -> None:
    """Two runs before; everything has become more. What is new is named."""
    assert "Compared with" in html
    assert "× " in tile(html, "runs")
    changed = html.partition("What changed")[2].partition("</section>")[0]
    assert "scribe ran; before, it did not" in changed
    assert "local-mixtral is called; before, it was not" in changed
    assert "new failure, 2 times: TimeoutError: no answer within" in changed


def test_failures_recoveries_and_stops_are_counted(html: str) -> None:
    """Each with a link to what is behind it."""
    failures = html.partition("Failures by category")[2].partition("</section>")[0]
    assert "timeout" in failures
    assert "/failures?within=24h&amp;category=timeout" in failures
    assert "1 of 1 failures mended (100 %)" in html
    stops = html.partition("Loops, budgets, refusals")[2].partition("</section>")[0]
    assert "loop stopped" in stops
    assert "loop.stopped" in stops


def test_the_slowest_and_costliest_runs_lead(html: str) -> None:
    """In their order, to their pages."""
    for title in ("Slowest runs", "Costliest runs"):
        listed = html.partition(title)[2].partition("</section>")[0]
        runs = re.findall(r'href="/runs/([^"?]+)"', listed)
        assert runs[0] == "bad-0"
        assert len(runs) == 5
    assert "free-0" not in runs


@pytest.mark.parametrize(
    ("label", "runs"), [("runs", 8), ("failed", 1), ("success rate", 5), ("running now", 2)]
)
def test_a_number_leads_to_the_runs_behind_it(html: str, reader: Reader, label: str, runs: int) -> None:
    """As many as it says."""
    href = re.search(rf'<dt>{label}</dt><dd[^>]*><a class="num" href="([^"]+)"', html)
    assert href is not None
    assert reader.html(href[1].replace("&amp;", "&")).count("data-open") == runs


@pytest.mark.parametrize("within", RANGES)
@pytest.mark.parametrize("by", ["model", "agent"])
def test_a_table_stands_beside_each_chart(reader: Reader, within: str, by: str) -> None:
    """In every range; its columns add up to what the legend says of runs."""
    html = reader.html(f"/?within={within}&by={by}")
    tables = re.findall(r'<section class="chart card" id="(\w+)".*?</section>', html, re.DOTALL)
    assert tables == ["runs", "durations", "cost", "tokens"]
    section = html.partition('id="runs"')[2].partition("</section>")[0]
    counts = [int(value) for value in re.findall(r"<td>(\d+)</td>", section)]
    legend = [int(value) for value in re.findall(r"<b>(\d+)</b></li>", section)]
    assert sum(counts) == sum(legend) > 0


def test_the_agent_filters_everything(reader: Reader) -> None:
    """Numbers, lists and charts."""
    everything = reader.html("/?by=agent")
    agent = re.search(r'<option value="([^"]+)">scribe<', everything)
    assert agent is not None
    html = reader.html(f"/?agent={agent[1]}")
    assert tile(html, "runs").startswith("runs 2")
    assert tile(html, "running now").startswith("running now 1")
    assert "gpt-5" not in html
    assert "bad-0" not in html
    assert f"agent={agent[1]}" in html.partition("<dt>runs</dt>")[2].partition("</dd>")[0]


def test_a_range_of_ones_own_is_a_link(reader: Reader) -> None:
    """The two runs of the day before, and the same from the list."""
    now = utc_now_ns() // HOUR
    day = {"from": (now - 33) * HOUR, "to": (now - 26) * HOUR}
    query = "&".join(f"{name}={iso_utc(at)[:16]}" for name, at in day.items())
    html = reader.html(f"/?{query}")
    assert tile(html, "runs").startswith("runs 2")
    assert "nothing to compare it with" in html


def test_an_empty_range_says_where_the_runs_are(reader: Reader) -> None:
    """And each chart how it would show something."""
    html = reader.html("/?from=2020-01-01&to=2020-01-02")
    assert "No run began in this range." in html
    assert 'href="/?within=1h">Show last hour' in html.replace("&amp;", "&")
    assert html.count("No model was called in this range.") == 2
    assert "No run of this range has a start and an end yet." in html


@pytest.mark.parametrize(
    "query",
    ["within=9y", "agent=nobody", "from=x&to=y", "by=colour", "from=0001-01-01", "to=9999-12-31T23:59"],
)
def test_odd_addresses_are_still_pages(reader: Reader, query: str) -> None:
    """What cannot be used counts as not given."""
    assert "<h1>Overview</h1>" in reader.html(f"/?{query}")


def test_hostile_names_are_shown_as_text(reader: Reader, busy: Listening) -> None:
    """Of agents, models, tools and runs."""
    items = worked("hostile", utc_now_ns() - 2 * HOUR, HOSTILE_TEXT, HOSTILE_TEXT, 9.5, "failed")
    send(busy.url, busy.token, items)
    for by in ("model", "agent"):
        html = reader.html(f"/?by={by}")
        assert "<script>alert" not in html
        assert "&lt;script&gt;alert" in html


def test_the_numbers_alone_can_be_asked_for(reader: Reader) -> None:
    """What the page puts in every few seconds is what it would show if it were loaded again."""
    part = reader.html("/overview/figures?within=7d")
    assert "<html" not in part
    for name in ("now", "tiles", "changed", "failures", "slowest"):
        assert f'data-live="{name}"' in part


def test_the_library_of_the_charts_is_packed_and_kept_for_ever(server: Listening, reader: Reader) -> None:
    """Under an address that changes with its version; only pages with charts name it."""
    found = re.search(r'data-plotly="([^"]+)"', reader.html("/"))
    assert found is not None
    url = server.url + found[1]
    packed = urllib3.request("GET", url, headers={"Accept-Encoding": "br, gzip"}, decode_content=False)
    assert packed.headers["content-encoding"] == "gzip"
    assert "immutable" in packed.headers["cache-control"]
    assert packed.headers["vary"] == "Accept-Encoding"
    plain = urllib3.request("GET", url, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) * 3 < len(plain.data)
    assert "plotly" not in reader.html("/runs")


@pytest.fixture
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with background_server(ServerConfig(data=tmp_path_factory.mktemp("bare"), port=0)) as running:
        code = running.services.auth.login_code("default")
        answer = urllib3.request("GET", f"{running.url}/login?code={code}", redirect=False)
        yield Reader(running.url, answer.headers["set-cookie"].partition(";")[0])


def test_an_empty_server_says_how_to_begin(bare: Reader) -> None:
    """With a program that can be copied, and no empty charts."""
    html = bare.html("/")
    assert "Nothing has been recorded yet" in html
    assert "holdfast.run(" in html
    assert "chart" not in html
