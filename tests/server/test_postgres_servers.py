"""Several server processes on one PostgreSQL database: nothing is lost, nothing is there twice."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import urllib3

from holdfast.server.services.recording.totals import rollup_deltas, run_sums
from holdfast.server.stores.base import Store
from holdfast.server.stores.opening import open_database
from holdfast.server.stores.rows import InstanceRow
from holdfast.server.stores.schema import record as schema
from holdfast.server.stores.schema.versions import version_rollups
from server.client import Api
from server.records import rows

_CHILD = Path(__file__).with_name("server_child.py")
_RUNS = 12
_SPANS = 40


@contextmanager
def _server(data: Path, database: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    command = [sys.executable, str(_CHILD), str(data), database]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            url, token = child.stdout.readline().split()
            yield child, url, token
        finally:
            child.kill()


@dataclass
class Servers:
    """Where writers find the servers; a killed one is replaced by one at another address."""

    data: Path
    database: str
    stack: ExitStack
    children: list[subprocess.Popen[str]] = field(default_factory=list)
    addresses: list[tuple[str, str]] = field(default_factory=list)

    def start(self, place: int) -> None:
        child, url, token = self.stack.enter_context(_server(self.data / str(place), self.database))
        self.children[place : place + 1] = [child]
        self.addresses[place : place + 1] = [(url, token)]

    def kill(self, place: int) -> None:
        self.children[place].kill()
        self.children[place].wait()
        self.start(place)


@pytest.fixture
def servers(tmp_path: Path, postgres: str) -> Iterator[Servers]:
    with ExitStack() as stack:
        servers = Servers(tmp_path, postgres, stack)
        # at once: they meet at the migrations, the account and their tokens
        with ThreadPoolExecutor(2) as both:
            made = [
                both.submit(stack.enter_context, _server(tmp_path / str(place), postgres)) for place in (0, 1)
            ]
        for child, url, token in (each.result() for each in made):
            servers.children.append(child)
            servers.addresses.append((url, token))
        yield servers


def _operations(run_id: str) -> list[dict[str, Any]]:
    """A run with its spans, some of them with a start and a finish that travel apart."""
    own = {"agent_instance_id": run_id}
    items: list[dict[str, Any]] = [
        {
            "_type": "agent_instances/register",
            "id": run_id,
            "agent_id": "shared",
            "timestamp": "2026-01-01T00:00:00Z",
        },
        {"_type": "agent_instances/start", **own, "timestamp": "2026-01-01T00:00:01Z"},
        {"_type": "agent_instances/finish", **own, "timestamp": "2026-01-01T00:01:01Z"},
        {
            "_type": "agent_instances/record_quality",
            **own,
            "name": "score",
            "payload": 1,
            "timestamp": "2026-01-01T00:02:00Z",
        },
    ]
    for number in range(_SPANS):
        span_id = f"{run_id}-{number}"
        usage = {
            "gen_ai.operation.name": "chat",
            "gen_ai.usage.input_tokens": number,
            "holdfast.cost.usd": 0.001,
        }
        items += [
            {
                "_type": "agent_spans/create",
                **own,
                "id": span_id,
                "schema_name": "agent:llm",
                "attributes": usage,
            },
            {"_type": "agent_spans/finish", **own, "agent_span_id": span_id, "status": "failed"},
            {
                "_type": "agent_events/create",
                **own,
                "id": f"e{number}",
                "name": "noted",
                "timestamp": "2026-01-01T00:00:30Z",
            },
        ]
    for number, item in enumerate(items):
        item["idempotency_key"] = f"{run_id}:{number}"
    return items


def _deliver(servers: Servers, items: list[dict[str, Any]], seed: int) -> None:
    """Every item, in any order and some of them twice, to whichever server; until each is acknowledged."""
    chance = random.Random(seed)
    waiting = items + chance.sample(items, len(items) // 4)
    chance.shuffle(waiting)
    pause = threading.Event()
    while waiting:
        batch, rest = waiting[:25], waiting[25:]
        url, token = chance.choice(servers.addresses)
        once = list({item["idempotency_key"]: item for item in batch}.values())
        with Api(url, token) as api:
            try:
                status, answer = api.bulk(once)
            except urllib3.exceptions.HTTPError:  # killed: another one, or its successor
                pause.wait(0.05)
                continue
        if status != 200:
            assert status == 503, answer
            continue
        refused = answer["outputs"]
        assert all(output["code"] == "unavailable" for output in refused.values()), answer
        waiting = rest + [item for item in once if item["idempotency_key"] in refused]


def _check_totals(store: Store) -> None:
    """The totals of every run, and the hourly sums, are the sums over the rows."""
    runs = {row["key"]: InstanceRow(**row) for row in rows(store, schema.instances)}
    spans, events = rows(store, schema.spans), rows(store, schema.events)
    for key, run in runs.items():
        own = [row for row in spans if row["instance_key"] == key]
        assert (run.spans_total, run.spans_failed, run.llm_calls) == (_SPANS, len(own), len(own))
        assert run.input_tokens == sum(row["input_tokens"] for row in own)
        assert run.cost_nano == sum(row["cost_nano"] for row in own)
        assert run.events == len([row for row in events if row["instance_key"] == key])
    deltas = [delta for run in runs.values() for delta in rollup_deltas(run.account_id, None, run_sums(run))]
    for table, of_versions in ((schema.rollups, False), (version_rollups, True)):
        wanted: dict[str, int] = {}
        for delta in deltas:
            if bool(delta.version_id) is of_versions:
                for name, count in delta.counts.items():
                    wanted[name] = wanted.get(name, 0) + count
        found = rows(store, table)
        assert {name: sum(row[name] for row in found) for name in wanted} == wanted


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_many_writers_two_servers_and_kills(servers: Servers, seed: int) -> None:
    """Fifty writers deliver the same runs in any order, each several times, to two servers of which one after
    the other is killed and started again: every run, span and event is there once, and all totals are exact."""
    work = [(_operations(f"run-{number % _RUNS}"), seed * 100 + number) for number in range(50)]
    with ThreadPoolExecutor(50) as writers:
        delivered = [writers.submit(_deliver, servers, items, own) for items, own in work]
        for place in (0, 1, 0):
            servers.kill(place)
        for each in delivered:
            each.result()
    store = open_database(Path("unused"), servers.database)
    try:
        _check_whole(store)
    finally:
        store.close()


def test_two_servers_share_what_they_make(servers: Servers) -> None:
    """Two servers that meet the same new names at once make one agent, one environment, one version."""
    with ThreadPoolExecutor(8) as writers:
        for each in [
            writers.submit(_deliver, servers, _operations(f"run-{n % _RUNS}"), n) for n in range(24)
        ]:
            each.result()
    store = open_database(Path("unused"), servers.database)
    try:
        _check_whole(store)
    finally:
        store.close()


def _check_whole(store: Store) -> None:
    assert {row["id"] for row in rows(store, schema.instances)} == {f"run-{n}" for n in range(_RUNS)}
    assert {row["status"] for row in rows(store, schema.instances)} == {"complete"}
    spans = rows(store, schema.spans)
    assert len(spans) == _RUNS * _SPANS
    assert {row["key"] for row in rows(store, schema.span_bodies)} == {row["body_key"] for row in spans}
    assert len(rows(store, schema.events)) == _RUNS * _SPANS
    for table in (schema.agents, schema.environments, schema.agent_versions, schema.deployments):
        assert len(rows(store, table)) == 1, table.name
    _check_totals(store)
