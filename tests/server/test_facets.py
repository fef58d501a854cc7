"""What runs used and met."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Raw
from sqlalchemy import insert, select, text

from holdfast.server.services.setup import DEFAULT_ACCOUNT, prepare
from holdfast.server.stores.base import Store
from holdfast.server.stores.facet_fill import fill_facets
from holdfast.server.stores.migrate import upgrade
from holdfast.server.stores.opening import open_database
from holdfast.server.stores.reads.facet_views import FacetSpan
from holdfast.server.stores.reads.facets import FacetReads
from holdfast.server.stores.schema import record as schema
from holdfast.server.stores.schema.facets import facet_rollups, failed, failure_groups, run_facets
from holdfast.server.stores.sqlite.store import SqliteStore
from holdfast.wire.operations import (
    EventCreate,
    InstanceFinish,
    InstanceRegister,
    InstanceStart,
    Operation,
    RecordedError,
    SpanCreate,
    SpanFinish,
)
from holdfast.wire.vocabulary import EventLevel, FacetKind, InstanceStatus, SpanStatus
from postgres_server import postgres_database
from server.facet_count import counted_facets, counted_rollups, kept_facets, kept_rollups
from server.records import NOW, apply, rows

_SECOND = 1_000_000_000
_HOUR = 3600 * _SECOND
_SLOW_DOWN = RecordedError(type="openai.RateLimitError", message="Error code: 429 - wait 12 s")
_FACET_TABLES = (run_facets, facet_rollups, failed, failure_groups)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind."""
    if request.param == "sqlite":
        store: Store = SqliteStore(tmp_path / "record.db")
        prepare(store, NOW)
        yield store
        store.close()
        return
    with postgres_database(request.getfixturevalue("postgres_address"), "facets") as address:
        store = open_database(Path("unused"), address)
        prepare(store, NOW)
        yield store
        store.close()


def _json(**attributes: Any) -> Raw:
    return Raw(msgspec.json.encode({name.replace("__", "."): value for name, value in attributes.items()}))


def _begin(run_id: str, *, at: int = NOW, agent: str = "one") -> list[Operation]:
    return [
        InstanceRegister(idempotency_key=f"{run_id}:r", id=run_id, agent_id=agent, timestamp=at),
        InstanceStart(idempotency_key=f"{run_id}:s", agent_instance_id=run_id, timestamp=at),
    ]


def _span(
    run_id: str,
    span_id: str,
    schema_name: str,
    name: str,
    *,
    error: RecordedError | None = None,
    parent: str | None = None,
    attributes: Raw | None = None,
) -> SpanCreate:
    return SpanCreate(
        idempotency_key=f"{span_id}:s",
        agent_instance_id=run_id,
        id=span_id,
        parent_span_id=parent,
        schema_name=schema_name,
        name=name,
        status=SpanStatus.COMPLETE if error is None else SpanStatus.FAILED,
        started_at=NOW,
        finished_at=NOW + _SECOND,
        attributes=attributes or _json(),
        error=error,
    )


def _busy_run(run_id: str, *, at: int = NOW, agent: str = "one") -> list[Operation]:
    """A run with a bit of everything."""
    usage = _json(
        gen_ai__provider__name="openai",
        gen_ai__response__model="gpt-4o",
        gen_ai__usage__input_tokens=10,
        gen_ai__usage__output_tokens=5,
    )
    return [
        *_begin(run_id, at=at, agent=agent),
        _span(run_id, "llm", "agent:llm", "answer", attributes=usage),
        _span(run_id, "step", "agent:step", "step", error=_SLOW_DOWN),
        _span(run_id, "slow", "agent:llm", "answer", error=_SLOW_DOWN, parent="step"),
        _span(run_id, "tool", "agent:tool", "look it up", attributes=_json(gen_ai__tool__name="search")),
        _span(
            run_id, "bad", "agent:tool", "read", error=RecordedError(type="OSError", message="no /a/b here")
        ),
        EventCreate(
            idempotency_key=f"{run_id}:e",
            agent_instance_id=run_id,
            id="e",
            name="budget.exceeded",
            level=EventLevel.ERROR,
            timestamp=NOW,
        ),
        InstanceFinish(
            idempotency_key=f"{run_id}:f",
            agent_instance_id=run_id,
            status=InstanceStatus.FAILED,
            timestamp=at + 5 * _SECOND,
            error=_SLOW_DOWN,
        ),
    ]


def _names(store: Store, kind: FacetKind) -> dict[str, tuple[int, int]]:
    """Calls and errors by name."""
    sums = FacetReads(store).sums(FacetSpan(account_id=DEFAULT_ACCOUNT, kind=kind))
    return {one.name: (one.calls, one.errors) for one in sums}


def test_what_a_run_used(store: Store) -> None:
    """Models with their provider, tools by the name they are called by, events, failures and their categories
    are counted for the run and, the same, in the sums over runs."""
    apply(store, _busy_run("a"))
    apply(store, _busy_run("b"))
    assert _names(store, FacetKind.MODEL) == {"openai/gpt-4o": (2, 0), "(not named)": (2, 2)}
    assert _names(store, FacetKind.TOOL) == {"search": (2, 0), "read": (2, 2)}
    assert _names(store, FacetKind.EVENT) == {"budget.exceeded": (2, 2)}
    assert _names(store, FacetKind.CATEGORY) == {"rate_limit": (2, 2), "tool_error": (2, 2)}
    assert kept_facets(store) == counted_facets(store)
    assert kept_rollups(store) == counted_rollups(store)


def test_an_error_on_its_way_up_counts_once(store: Store) -> None:
    """An exception that fails the call, the step around it and the run is one failure, whatever comes first."""
    ops = _busy_run("a")
    for op in reversed(ops):
        assert not apply(store, [op]).errors
    groups = FacetReads(store).sums(FacetSpan(account_id=DEFAULT_ACCOUNT, kind=FacetKind.FAILURE))
    assert sorted((one.name.split("-")[0], one.errors, one.runs) for one in groups) == [
        ("rate_limit", 1, 1),
        ("tool_error", 1, 1),
    ]


def test_a_run_that_alone_tells_why(store: Store) -> None:
    """A failure that no span tells of counts as the run's own; when a span tells it later, it is the span's."""
    end = InstanceFinish(
        idempotency_key="f",
        agent_instance_id="a",
        status=InstanceStatus.FAILED,
        timestamp=NOW + _SECOND,
        error=_SLOW_DOWN,
    )
    apply(store, [*_begin("a"), end])
    assert _names(store, FacetKind.CATEGORY) == {"rate_limit": (0, 1)}
    apply(store, [_span("a", "s", "agent:llm", "answer", error=_SLOW_DOWN)])
    assert _names(store, FacetKind.CATEGORY) == {"rate_limit": (1, 1)}


def test_groups_of_failures(store: Store) -> None:
    """Failures that differ in numbers alone are one group, which knows when they were first and last seen."""
    later = RecordedError(type="openai.RateLimitError", message="Error code: 429 - wait 99 s")
    apply(store, [*_begin("a"), _span("a", "s", "agent:llm", "answer", error=_SLOW_DOWN)])
    late = _span("b", "s", "agent:llm", "answer", error=later)
    apply(store, [*_begin("b"), msgspec.structs.replace(late, finished_at=NOW + _HOUR)])
    reads = FacetReads(store)
    (one,) = reads.sums(FacetSpan(account_id=DEFAULT_ACCOUNT, kind=FacetKind.FAILURE))
    group = reads.failure_groups(DEFAULT_ACCOUNT, [one.name])[one.name]
    assert (group.category, group.error_type) == ("rate_limit", "openai.RateLimitError")
    assert group.message == "Error code: 429 - wait <n> s"
    assert (group.first_seen, group.last_seen) == (NOW + _SECOND, NOW + _HOUR)
    assert reads.failure_groups("somebody else", [one.name]) == {}


def test_a_call_that_is_renamed_by_its_answer(store: Store) -> None:
    """The model that answered replaces the one that was asked for: nothing is left under the other name."""
    start = msgspec.structs.replace(
        _span("a", "s", "agent:llm", "answer", attributes=_json(gen_ai__request__model="asked")),
        status=SpanStatus.ACTIVE,
        finished_at=None,
    )
    apply(store, [*_begin("a"), start])
    assert _names(store, FacetKind.MODEL) == {"asked": (1, 0)}
    end = SpanFinish(
        idempotency_key="e",
        agent_span_id="s",
        agent_instance_id="a",
        timestamp=NOW + _SECOND,
        attributes=_json(gen_ai__response__model="answered"),
    )
    apply(store, [end])
    assert _names(store, FacetKind.MODEL) == {"answered": (1, 0)}
    assert len(kept_facets(store)) == len(kept_rollups(store)) == 1


def test_series(store: Store) -> None:
    """Over time: buckets of hours, of one agent, of some names, by agent; what lies outside is left out."""
    apply(store, _busy_run("a", at=NOW))
    apply(store, _busy_run("b", at=NOW + 30 * _HOUR, agent="two"))
    reads = FacetReads(store)
    tools = FacetSpan(account_id=DEFAULT_ACCOUNT, kind=FacetKind.TOOL)
    day = NOW // _HOUR - NOW // _HOUR % 24
    assert [(p.hour, p.name, p.runs) for p in reads.series(tools, hours=24)] == [
        (day, "read", 1),
        (day, "search", 1),
        (day + 24, "read", 1),
        (day + 24, "search", 1),
    ]
    assert [p.hour for p in reads.series(tools, hours=24, names=["read"], limit=1)] == [day + 24]
    with store.reader.connect() as connection:
        found = connection.execute(select(schema.agents.c.name, schema.agents.c.id)).all()
        agents = dict(map(tuple, found))
    by_agent = reads.series(tools, hours=24, by_agent=True)
    assert [(p.name, p.calls) for p in by_agent] == [(agents["one"], 2), (agents["two"], 2)]
    of_two = FacetSpan(
        account_id=DEFAULT_ACCOUNT,
        kind=FacetKind.TOOL,
        since=NOW,
        until=NOW + 40 * _HOUR,
        agent_id=agents["two"],
    )
    assert [(one.name, one.runs) for one in reads.sums(of_two, order="name")] == [("read", 1), ("search", 1)]


def _every_facet(store: Store) -> list[list[dict[str, Any]]]:
    return [rows(store, table) for table in _FACET_TABLES]


def test_a_record_from_before(store: Store) -> None:
    """What is counted anew for a record that has no facets yet is what the write path counted."""
    apply(store, _busy_run("a"))
    apply(store, _busy_run("b", at=NOW + 30 * _HOUR, agent="two"))
    apply(store, [_span("c", "s", "agent:tool", "t"), _span("c", "t", "mine", "t", error=_SLOW_DOWN)])
    expected, spans = _every_facet(store), rows(store, schema.spans)
    with store.write() as transaction:
        for table in _FACET_TABLES:
            transaction.connection.execute(table.delete())
        transaction.connection.execute(schema.spans.update().values(tool=None))
        fill_facets(transaction.connection)
    assert _every_facet(store) == expected
    assert rows(store, schema.spans) == spans


def test_the_migration_counts(tmp_path: Path) -> None:
    """A database of the second revision with runs in it comes out of the migrations with its facets."""
    new = SqliteStore(tmp_path / "new.db")
    prepare(new, NOW)
    apply(new, _busy_run("a"))
    old = SqliteStore(tmp_path / "old.db")
    with old.write() as transaction:
        connection = transaction.connection
        for (name,) in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).all():
            if not name.startswith("sqlite_"):
                connection.execute(text(f'DROP TABLE "{name}"'))
        upgrade(connection, to="0002")
        for table in (
            schema.accounts,
            schema.agents,
            schema.instances,
            schema.spans,
            schema.span_bodies,
            schema.events,
        ):
            there = {row[1] for row in connection.execute(text(f"PRAGMA table_info({table.name})"))}
            for row in rows(new, table):
                columns = [column for column in table.columns if column.name in there]
                connection.execute(insert(table).values({c: row[c.name] for c in columns}))
    old.close()
    with_facets = SqliteStore(tmp_path / "old.db")
    assert _every_facet(with_facets) == _every_facet(new)
    assert rows(with_facets, schema.instances)[0]["duration"] == 5 * _SECOND
    with_facets.close()
    new.close()
