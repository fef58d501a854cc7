"""The console and the API over runs whose spans have been moved, and while the span store is away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from difflib import unified_diff
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import msgspec
import pytest
import urllib3

from clickhouse_server import ClickHouseServer, clickhouse_server
from holdfast._clock import utc_now_ns
from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server
from holdfast.server.stores.schema import record as schema
from server.client import Api
from server.records import rows
from waiting import wait_until
from web.conftest import Reader
from web.sample_runs import SECOND, hostile_run, refund_run, send, wide_run

_RUNS = ("refund", "odd", "wide")
_WHEN = "start_time=2000-01-01T00:00:00Z&end_time=2100-01-01T00:00:00Z"
_LIST = f"/agent_spans?agent_id=crawler&pagination[page_size]=40&{_WHEN}"
_API = (
    f"{_LIST}&sorting=-started_at",
    f"{_LIST}&sorting=name&pagination[offset]=30",
    "/agent_spans?agent_instance_id=refund&include_summaries=true&include_risk_level=true",
    *(f"/agent_instance/{run}" for run in _RUNS),
    *(f"/agent_events?agent_instance_id={run}&sorting=-timestamp" for run in _RUNS),
)
_CHANGING = re.compile(r'name="csrf" value="[^"]*"|\d+ (second|minute|hour)s? ago|\?v=[0-9a-f-]+')


@pytest.fixture(scope="module")
def span_store(chdb_directory: Path) -> Iterator[ClickHouseServer]:
    with clickhouse_server(chdb_directory, "moved_pages") as server:
        yield server


@contextmanager
def _serving(config: ServerConfig) -> Iterator[tuple[Listening, Reader, Api]]:
    with background_server(config) as server, Api(server.url, server.token) as api:
        answer = urllib3.request("GET", server.login_url, redirect=False)
        yield server, Reader(server.url, answer.headers["set-cookie"].partition(";")[0]), api


def _told(reader: Reader, api: Api) -> dict[str, object]:
    """What the API answers, and what every page shows that a run's page leads to, the first twenty of each."""
    told: dict[str, object] = {path: api.get(path) for path in _API}
    assert {answer[0] for answer in told.values() if isinstance(answer, tuple)} == {200}
    for run in _RUNS:
        todo, seen = [f"/runs/{run}"], set[str]()
        while todo and len(seen) < 20:
            path = todo.pop(0)
            seen.add(path)
            page = reader.get(path).data.decode()
            told[path] = _CHANGING.sub("", page)
            for href in map(unescape, re.findall(r' href="([^"#]+)', page)):
                link = urljoin(path, href)
                if re.match(rf"/runs/{run}(/|\?|$)", link) and link not in seen and link not in todo:
                    todo.append(link)
    return told


def _items(now: int) -> list[dict[str, object]]:
    items = refund_run(now - 3600 * SECOND, "refund").items + hostile_run(now - 7200 * SECOND, "odd").items
    return items + wide_run(now - 9000 * SECOND, "wide", 300).items


def _all_moved(server: Listening) -> bool:
    store = server.services.store
    return not rows(store, schema.spans) and not rows(store, schema.events)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nobody_can_tell(tmp_path: Path, span_store: ClickHouseServer) -> None:
    """What the API answers and all pages of runs show is the same before their spans are moved and after. Without
    the span store what lies there says so, and all else goes on; afterwards all is as it was."""
    config = ServerConfig(data=tmp_path, port=0)
    with _serving(config) as (server, reader, api):
        send(server.url, server.token, _items(utc_now_ns()))
        wait_until(lambda: not rows(server.services.store, schema.check_queue))
        before, total = _told(reader, api), _spans_of(api, "refund")
        assert len(before) > 40
    with _serving(replace(config, spans=span_store.address, spans_after=0.0)) as (server, reader, api):
        wait_until(lambda: _all_moved(server))
        _assert_same(_told(reader, api), before)
        span_store.stop()
        _without_it(reader, api)
        span_store.start()
        wait_until(lambda: reader.get("/runs/refund").status == 200)
        late = {
            "_type": "agent_spans/create",
            "agent_instance_id": "refund",
            "id": "late",
            "status": "complete",
        }
        wait_until(lambda: api.bulk([late | {"idempotency_key": "late"}])[1]["accepted"] == 1)
        wait_until(lambda: _all_moved(server))
        assert _spans_of(api, "refund") == total + 1


def _spans_of(api: Api, run: str) -> int:
    total = api.get(f"/agent_instance/{run}")[1]["details"]["span_counts"]["total"]
    assert isinstance(total, int)
    return total


def _assert_same(told: dict[str, object], before: dict[str, object]) -> None:
    for path, page in before.items():
        other = told.get(path)
        if isinstance(page, str) and isinstance(other, str):
            assert not list(unified_diff(page.splitlines(), other.splitlines(), n=0))[:12], path
        assert other == page, path


def _without_it(reader: Reader, api: Api) -> None:
    page = reader.get("/runs/refund")
    assert (page.status, "the span store cannot be reached" in page.data.decode()) == (503, True)
    status, answer = api.get(_API[0])
    assert (status, answer["status"], answer["code"]) == (503, "error", "unavailable")
    assert "refund" in reader.html("/runs")
    assert api.get("/agent_instance/refund")[0] == 200
    kind = {"_type": "agent_spans/create", "status": "complete"}
    items = [
        kind | {"agent_instance_id": "refund", "id": "late", "idempotency_key": "late"},
        kind | {"agent_instance_id": "new", "id": "s", "idempotency_key": "s"},
        {"_type": "agent_instances/finish", "agent_instance_id": "new", "idempotency_key": "f"},
    ]
    status, answer = api.bulk(items)
    assert (status, answer["accepted"]) == (200, 2)
    assert answer["outputs"]["late"]["code"] == "unavailable", msgspec.json.encode(answer)
    assert reader.get("/runs/new").status == 200
