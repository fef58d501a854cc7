"""The run list as a browser without scripts gets it: filters, order, columns, saved lists, export, news."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import msgspec
import pytest
import urllib3

from holdfast._clock import utc_now_ns
from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server
from server.wait import wait_until
from web.conftest import Reader
from web.sample_runs import SECOND, refund_run, send

_RUN = re.compile(r'<a href="/runs/([^"]+)" data-open>')


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    with background_server(ServerConfig(data=tmp_path_factory.mktemp("listed"), port=0)) as server:
        now = utc_now_ns()
        items = []
        for number in range(6):
            items += _run(now - (number + 1) * 100 * SECOND, number)
        items += refund_run(now - 900 * SECOND, "refund").items
        send(server.url, server.token, items)
        yield server


def _run(begun: int, number: int) -> list[dict[str, object]]:
    """Runs r0 (newest) to r5: each costs and takes more than the one before, of two agents, models and tools."""
    run = f"r{number}"
    span = {
        "_type": "agent_spans/create",
        "agent_instance_id": run,
        "status": "complete",
        "started_at": begun,
    }
    items: list[dict[str, object]] = [
        {
            "_type": "agent_instances/register",
            "id": run,
            "agent_id": f"agent{number % 2}",
            "name": f"=run {number}",
            "agent_version": {"name": f"v{number % 3}", "external_identifier": f"v{number % 3}"},
            "purpose": "eval" if number == 3 else "live",
            "timestamp": begun,
        },
        {"_type": "agent_instances/start", "agent_instance_id": run, "timestamp": begun},
        span
        | {
            "id": f"{run}.llm",
            "schema_name": "agent:llm",
            "name": "answer",
            "finished_at": begun + SECOND,
            "payload": {"question": f"what about needle{number} in the hay"},
            "attributes": {
                "gen_ai.request.model": f"model{number % 2}",
                "gen_ai.usage.input_tokens": 100 * (number + 1),
                "gen_ai.usage.output_tokens": 10,
                **({} if number == 0 else {"holdfast.cost.usd": 0.01 * number}),
            },
        },
        span
        | {
            "id": f"{run}.tool",
            "schema_name": "agent:tool",
            "name": f"tool{number % 3}",
            "finished_at": begun + SECOND,
        },
        {
            "_type": "agent_instances/finish",
            "agent_instance_id": run,
            "timestamp": begun + (number + 1) * 10 * SECOND,
            "status": "failed" if number == 4 else "complete",
        },
    ]
    return [{**item, "idempotency_key": f"{run}.{place}"} for place, item in enumerate(items)]


@pytest.fixture(scope="module")
def reader(listed: Listening) -> Reader:
    code = listed.services.auth.login_code("default")
    answer = urllib3.request("GET", f"{listed.url}/login?code={code}", redirect=False)
    return Reader(listed.url, answer.headers["set-cookie"].partition(";")[0])


def _runs(reader: Reader, **query: str) -> list[str]:
    return _RUN.findall(reader.html(f"/runs?{urlencode(query)}"))


def _value(reader: Reader, label: str, **query: str) -> str:
    """The value of the choice with that label."""
    found = re.search(
        rf'<option value="([^"]+)"[^>]*>{label}</option>', reader.html(f"/runs?{urlencode(query)}")
    )
    assert found is not None, label
    return unescape(found[1])


def test_every_filter_narrows(reader: Reader) -> None:
    """Model, tool, failure, purpose, version, environment; cost, duration and tokens from and to; together."""
    agent = _value(reader, "agent1")
    version = _value(reader, "v1", agent=agent)
    environment = _value(reader, "default")
    cases: dict[str, tuple[dict[str, str], list[str]]] = {
        "model": ({"model": "model1"}, ["r1", "r3", "r5"]),
        "tool": ({"tool": "tool2"}, ["r2", "r5"]),
        "model and tool": ({"model": "model1", "tool": "tool2"}, ["r5"]),
        "purpose": ({"purpose": "eval"}, ["r3"]),
        "agent": ({"agent": agent}, ["r1", "r3", "r5"]),
        "version": ({"agent": agent, "version": version}, ["r1"]),
        "status and model": ({"status": "failed", "model": "model0"}, ["r4"]),
        "cost from": ({"cost_min": "0.035"}, ["r4", "r5"]),
        "cost to": ({"cost_max": "0.02", "agent": agent}, ["r1"]),
        "duration": ({"took_min": "20", "took_max": "30"}, ["r1", "r2"]),
        "tokens": ({"tokens_min": "400", "tokens_max": "515"}, ["r3", "r4"]),
        "nothing": ({"tool": "none"}, []),
        "event": ({"event": "loop.stopped"}, []),
    }
    found = {
        name: [run for run in _runs(reader, **query) if run != "refund"] for name, (query, _) in cases.items()
    }
    assert found == {name: wanted for name, (_, wanted) in cases.items()}
    assert len(_runs(reader, env=environment)) == 7
    assert _runs(reader, category="timeout", event="agent.recovery.attempted") == ["refund"]


def test_every_order(reader: Reader) -> None:
    """The most first: by time, by cost, by duration, by tokens; with filters too. What costs nothing known is
    in no range of costs."""
    newest = ["r0", "r1", "r2", "r3", "r4", "r5", "refund"]
    assert _runs(reader) == newest
    assert [run for run in _runs(reader, sort="cost") if run != "refund"] == newest[5::-1]
    assert [run for run in _runs(reader, sort="duration", status="complete") if run != "refund"] == [
        "r5",
        "r3",
        "r2",
        "r1",
        "r0",
    ]
    assert [run for run in _runs(reader, sort="tokens", model="model1") if run != "refund"] == [
        "r5",
        "r3",
        "r1",
    ]
    assert "r0" not in _runs(reader, cost_max="1000")


@pytest.mark.parametrize("query", ["", "sort=cost", "sort=duration", "model=model1", "tokens_min=1", "q=run"])
def test_pages_of_one(reader: Reader, listed: Listening, query: str) -> None:
    """Whatever leads, page after page shows each run once, down and up again."""
    from holdfast.server.web.runs.query import ListQuery

    wanted = ListQuery.read(dict(pair.split("=") for pair in query.split("&") if pair))
    runs, now = listed.services.queries.run_list, utc_now_ns()
    whole = [run.id for run in runs.page(wanted.wanted("default", now), wanted.order, 50).runs]
    down: list[str] = []
    place = None
    while True:
        page = runs.page(wanted.wanted("default", now), wanted.order, 1, before=place)
        down += [run.id for run in page.runs]
        if page.older is None:
            break
        place = page.older
    assert down == whole
    up = list(page.runs)
    seen = [run.id for run in up]
    while page.newer is not None:
        page = runs.page(wanted.wanted("default", now), wanted.order, 1, after=page.newer)
        seen = [run.id for run in page.runs] + seen
    assert seen == whole


def test_what_was_recorded_is_searched(reader: Reader) -> None:
    """A text in a payload finds its run, with the words marked; with other filters; nothing else does."""
    wait_until(lambda: _runs(reader, **{"q": "needle3", "in": "all"}) == ["r3"])
    html = reader.html("/runs?q=needle3&in=all")
    assert "<mark>needle3</mark>" in html
    assert _runs(reader, **{"q": "hay", "in": "all", "model": "model1"}) == ["r5", "r3", "r1"]
    assert _runs(reader, q="needle3") == []
    assert "Clear" in html


def test_chips_take_a_filter_away(reader: Reader) -> None:
    """Every filter in force stands above the list, with a link to the list without it."""
    html = reader.html("/runs?tool=tool2&model=model1&cost_min=0.01&sort=cost")
    hrefs = [unescape(href) for href in re.findall(r'<a href="([^"]+)" title="Without this filter">', html)]
    assert hrefs == [
        "/runs?tool=tool2&cost_min=0.01&sort=cost",
        "/runs?model=model1&cost_min=0.01&sort=cost",
        "/runs?model=model1&tool=tool2&sort=cost",
    ]


def test_columns_are_chosen(reader: Reader) -> None:
    """The choice is kept in a cookie and shown in the list; the status and the name are always there."""
    answer = reader.get("/list/columns?col=cost&col=environment&col=nonsense&back=/runs?status=failed")
    assert answer.headers["location"] == "/runs?status=failed"
    cookie = answer.headers["set-cookie"].partition(";")[0]
    both = Reader(reader.url, f"{reader.cookie}; {cookie}")
    heads = re.findall(r'<th scope="col"[^>]*>(?:<a[^>]*>)?([^<]+)', both.html("/runs"))
    assert heads == ["Status", "Run", "Environment", "Cost"]
    away = reader.get("/list/columns?back=https://elsewhere.example")
    assert away.headers["location"] == "/runs"


def test_lists_are_saved_and_deleted(reader: Reader, listed: Listening) -> None:
    """A list gets a name, leads back to itself, is replaced under the same name, and goes; with a form only."""
    html = reader.html("/runs?tool=tool2")
    csrf = re.search(r'name="csrf" value="([^"]+)"', html)
    assert csrf is not None
    assert reader.post("/list/saved", name="two", address="tool=tool2").status == 403
    for address in ("status=failed", "tool=tool2&sort=cost&nonsense=1"):
        answer = reader.post("/list/saved", csrf=csrf[1], name="<two>", address=address)
        assert answer.status == 303
    assert answer.headers["location"] == "/runs?tool=tool2&sort=cost"
    html = reader.html("/runs")
    assert re.findall(r'<a href="([^"]+)"><bdi>&lt;two&gt;</bdi>', html) == ["/runs?tool=tool2&amp;sort=cost"]
    assert listed.services.saved.lists("other") == {}
    assert reader.post("/list/saved", csrf=csrf[1], name=" ", address="").status == 422
    reader.post("/list/saved", csrf=csrf[1], delete="<two>", address="")
    assert "&lt;two&gt;" not in reader.html("/runs")


def test_export(reader: Reader, tmp_path: Path) -> None:
    """CSV has a line a run, JSON Lines has whole runs as `holdfast export` writes them; both as filtered and
    sorted; no cell is a formula; an unknown cost is empty."""
    answer = reader.get("/list/runs.csv?tool=tool2&sort=cost")
    assert answer.headers["content-disposition"] == 'attachment; filename="runs.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.data.decode())))
    assert [row["id"] for row in rows] == ["r5", "r2"]
    assert (rows[0]["name"], rows[0]["cost_usd"], rows[0]["duration_s"]) == (
        "'=run 5",
        "0.050000000",
        "60.000",
    )
    assert next(csv.DictReader(io.StringIO(reader.get("/list/runs.csv").data.decode())))["cost_usd"] == ""
    lines = reader.get("/list/runs.jsonl?status=failed").data.splitlines()
    (whole,) = [msgspec.json.decode(line) for line in lines]
    assert (whole["run"]["id"], len(whole["spans"]), whole["events"]) == ("r4", 2, [])
    everything = reader.get("/list/runs.jsonl").data.splitlines()
    assert len(everything) == 7


def test_news(reader: Reader, listed: Listening) -> None:
    """The top of the list asks how many runs have come since; a filtered list counts its own."""
    paths = {
        query: unescape(re.findall(r'data-news="([^"]+)"', reader.html(f"/runs{query}"))[0])
        for query in ("", "?tool=tool1", "?tool=tool7")
    }
    assert [msgspec.json.decode(reader.get(path).data) for path in paths.values()] == [{"new": 0}] * 3
    send(listed.url, listed.token, _run(utc_now_ns(), 7))
    assert [msgspec.json.decode(reader.get(path).data)["new"] for path in paths.values()] == [1, 1, 0]
    assert 'data-news=""' in reader.html("/runs?sort=cost")
    assert reader.get("/list/news").data == b'{"new":0}'


def test_without_a_login_nothing_is_told(listed: Listening) -> None:
    """Export, news and the rest lead to the login."""
    for path in ("/runs", "/list/news?after=0.0", "/list/runs.csv", "/list/runs.jsonl", "/list/columns"):
        answer = urllib3.request("GET", listed.url + path, redirect=False)
        assert (answer.status, answer.headers["location"]) == (303, "/login/help")
