"""What the pages of failures and agents read, over each store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.core.failures import error_of
from holdfast.server.services.setup import DEFAULT_ACCOUNT, prepare
from holdfast.server.stores.base import Store
from holdfast.server.stores.opening import open_database
from holdfast.server.stores.reads.agents import AgentReads
from holdfast.server.stores.reads.facet_views import FacetSpan
from holdfast.server.stores.reads.failures import FailureOrder, FailureReads
from holdfast.server.stores.sqlite.store import SqliteStore
from holdfast.wire.operations import (
    AgentVersion,
    EventCreate,
    InstanceFinish,
    InstanceRegister,
    InstanceStart,
    Operation,
    RecordedError,
    SchemaVersion,
    SpanCreate,
)
from holdfast.wire.vocabulary import FacetKind, FailureCategory, InstanceStatus, SpanStatus
from postgres_server import postgres_database
from server.records import NOW, apply

_SECOND = 1_000_000_000
_HOUR = 3600 * _SECOND
_SLOW = RecordedError(type="openai.RateLimitError", message="Error code: 429 - wait 12 s")
_ALL = FacetSpan(account_id=DEFAULT_ACCOUNT, kind=FacetKind.FAILURE)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Five runs of two agents: all meet a rate limit, the even ones go on and complete; one has a tool error."""
    if request.param == "sqlite":
        opened: Store = SqliteStore(tmp_path_factory.mktemp("reads") / "record.db")
        _fill(opened)
        yield opened
        opened.close()
        return
    with postgres_database(request.getfixturevalue("postgres_address"), "page_reads") as address:
        opened = open_database(Path("unused"), address)
        _fill(opened)
        yield opened
        opened.close()


def _fill(store: Store) -> None:
    prepare(store, NOW)
    for number in range(5):
        apply(store, _run(number))


def _run(number: int) -> list[Operation]:
    run_id, at = f"run-{number}", NOW + number * _HOUR
    failed = number % 2 == 1
    operations: list[Operation] = [
        InstanceRegister(
            idempotency_key=f"{run_id}:r",
            id=run_id,
            agent_id="one" if number < 3 else "two",
            agent_version=AgentVersion(external_identifier=f"1.{number % 2}"),
            agent_schema_version=SchemaVersion(span_schemas={f"kind-{number % 2}": {"type": "object"}}),
            timestamp=at,
        ),
        InstanceStart(idempotency_key=f"{run_id}:s", agent_instance_id=run_id, timestamp=at),
        _span(run_id, "around", "agent:step", at, _SLOW),
        _span(run_id, "call", "agent:llm", at, _SLOW, parent="around"),
        InstanceFinish(
            idempotency_key=f"{run_id}:f",
            agent_instance_id=run_id,
            status=InstanceStatus.FAILED if failed else None,
            timestamp=at + 10 * _SECOND,
            error=_SLOW if failed else None,
        ),
    ]
    if not failed:
        operations.append(
            EventCreate(
                idempotency_key=f"{run_id}:e",
                agent_instance_id=run_id,
                id="e",
                name="agent.recovery.succeeded",
                timestamp=at,
            )
        )
    if number == 0:
        operations.append(
            _span(run_id, "tool", "agent:tool", at, RecordedError(type="OSError", message="no"))
        )
    return operations


def _span(
    run_id: str, span_id: str, kind: str, at: int, error: RecordedError, *, parent: str | None = None
) -> SpanCreate:
    return SpanCreate(
        idempotency_key=f"{run_id}:{span_id}",
        agent_instance_id=run_id,
        id=span_id,
        parent_span_id=parent,
        schema_name=kind,
        name=span_id,
        status=SpanStatus.FAILED,
        started_at=at,
        finished_at=at + _SECOND,
        error=error,
    )


def _slow(store: Store) -> str:
    (one,) = FailureReads(store).groups(_ALL, category=FailureCategory.RATE_LIMIT)
    return one.group.fingerprint


def _agent(store: Store, name: str) -> str:
    return next(one.id for one in AgentReads(store).agents(DEFAULT_ACCOUNT, 10) if one.name == name)


def test_groups(store: Store) -> None:
    """In each order, in pages, of a category, of an agent, of a range of hours."""
    reads = FailureReads(store)
    found = reads.groups(_ALL)
    assert [(one.group.category, one.runs, one.times) for one in found] == [
        ("rate_limit", 5, 5),
        ("tool_error", 1, 1),
    ]
    assert found[0].group.last_seen == NOW + 4 * _HOUR + _SECOND
    for order in FailureOrder:
        names = {one.group.fingerprint for one in reads.groups(_ALL, order=order)}
        assert len(names) == 2
    assert reads.groups(_ALL, limit=1, offset=1) == found[1:]
    assert reads.groups(_ALL, category=FailureCategory.AUTH) == []
    late = FacetSpan(account_id=DEFAULT_ACCOUNT, kind=FacetKind.FAILURE, since=NOW + 2 * _HOUR)
    assert [one.times for one in reads.groups(late)] == [3]
    assert reads.groups(FacetSpan(account_id="other", kind=FacetKind.FAILURE)) == []


def test_agents_of_a_group(store: Store) -> None:
    """Who met it, how often."""
    assert FailureReads(store).by_agent(_ALL, _slow(store)) == [
        (_agent(store, "one"), 3, 3),
        (_agent(store, "two"), 2, 2),
    ]


def test_runs_of_a_group(store: Store) -> None:
    """The newest first, from any place on, of one agent; each with the span in which it began."""
    reads, name = FailureReads(store), _slow(store)
    found = reads.runs(_ALL, name, 10)
    assert [run.id for run in found] == ["run-4", "run-3", "run-2", "run-1", "run-0"]
    assert (found[0].status, found[0].duration, found[0].times) == ("complete", 10 * _SECOND, 1)
    after = reads.runs(_ALL, name, 2, before=found[1].cursor)
    assert [run.id for run in after] == ["run-2", "run-1"]
    of_one = FacetSpan(account_id=DEFAULT_ACCOUNT, kind=FacetKind.FAILURE, agent_id=_agent(store, "one"))
    assert [run.id for run in reads.runs(of_one, name, 10)] == ["run-2", "run-1", "run-0"]
    assert set(reads.first_spans([run.key for run in found], name).values()) == {"call"}
    assert error_of(name)


def test_outcomes(store: Store) -> None:
    """What became of the newest runs, and in how many of them a recovery mended it."""
    reads, name = FailureReads(store), _slow(store)
    outcomes = reads.outcomes(_ALL, [name, "none"], 100)
    assert outcomes[name].looked_at == 5
    assert outcomes[name].statuses == {"complete": 3, "failed": 2}
    assert (outcomes[name].mended, outcomes[name].escalated) == (3, 0)
    assert outcomes["none"].looked_at == 0
    of_two = FacetSpan(account_id=DEFAULT_ACCOUNT, kind=FacetKind.FAILURE, agent_id=_agent(store, "two"))
    assert reads.outcomes(of_two, [name], 100)[name].statuses == {"complete": 1, "failed": 1}
    assert reads.outcomes(_ALL, [name], 2)[name].looked_at == 2


def test_agents_and_their_versions(store: Store) -> None:
    """By name; when each ran last; how many versions there are and what their runs come to."""
    reads = AgentReads(store)
    found = reads.agents(DEFAULT_ACCOUNT, 10)
    assert [agent.name for agent in found] == ["one", "two"]
    one = found[0].id
    assert reads.last_begun(DEFAULT_ACCOUNT, [one, "nobody"]) == {one: NOW + 2 * _HOUR}
    assert reads.newest_versions(DEFAULT_ACCOUNT)[one][1] == 2
    versions = {version.external_identifier: version.id for version in reads.versions(one, 10)}
    hour = NOW // _HOUR
    sums = reads.version_sums(DEFAULT_ACCOUNT, list(versions.values()), hour, hour + 10)
    assert (sums[versions["1.0"]].point.complete, sums[versions["1.1"]].point.failed) == (2, 1)
    assert sums[versions["1.0"]].spans == 5
    assert reads.version_sums(DEFAULT_ACCOUNT, list(versions.values()), 0, hour) == {}
    schemas = reads.schema_versions(one, 10)
    assert len(schemas) == 2
    assert b"kind-" in schemas[0].content
    assert reads.agent("other", one) is None
