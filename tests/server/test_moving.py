"""What is settled moves to the span store; nobody who reads can tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Raw
from msgspec.structs import replace

from holdfast.errors import SpanStoreUnavailableError
from holdfast.server.services.setup import prepare
from holdfast.server.stores.base import Store
from holdfast.server.stores.opening import open_database
from holdfast.server.stores.schema import columnar as schema_columnar
from holdfast.server.stores.schema import record as schema
from holdfast.server.stores.tiered.store import TieredStore
from holdfast.wire.operations import InstanceFinish, InstanceRegister, SchemaVersion, SpanCreate, SpanFinish
from holdfast.wire.vocabulary import SpanStatus
from server.everything_read import everything, span_page
from server.moved_runs import LATER, forget_work, left_here, move, mover, record, whole_run
from server.records import NOW, apply, rows

MUCH_LATER = 2 * LATER


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def store(tmp_path: Path, chdb: str, request: pytest.FixtureRequest) -> Iterator[Store]:
    address = request.getfixturevalue("postgres") if request.param == "postgres" else None
    store = open_database(tmp_path / "record.db", address, chdb)
    prepare(store, NOW)
    yield store
    store.close()


def test_reads_say_the_same(store: Store) -> None:
    """Every read of runs whose spans have been moved says what it said before, and nothing of them is left in
    the catalogue."""
    record(store, "a", "b", "c")
    before = everything(store, ["a", "b", "c"])
    assert move(store) == 3 * (12 + 3)
    assert left_here(store) == (0, 0, 0)
    assert everything(store, ["a", "b", "c"]) == before
    assert move(store) == 0


def test_reads_of_both_parts(store: Store) -> None:
    """Reads over runs that are moved, not moved and half moved say what they would if nothing had been."""
    record(store, "a", "b")
    before = everything(store, ["a", "b"])
    move(store)
    later = SpanCreate(
        idempotency_key="c", agent_instance_id="a", id="a-late", status=SpanStatus.COMPLETE, started_at=NOW
    )
    record(store, "c")
    assert apply(store, [later], now=LATER).errors == {}
    now = everything(store, ["a", "b", "c"])
    assert now["b"] == before["b"]
    assert now["a"]["light"][0] == [*before["a"]["light"][0], "a-late"]
    assert len(left_here(store)) == 3
    forget_work(store)
    move(store, at=MUCH_LATER)
    assert left_here(store) == (0, 0, 0)
    assert everything(store, ["a", "b", "c"]) == now


def test_what_is_not_settled_stays(store: Store) -> None:
    """Runs that are live, have something open, were heard of lately or have spans that are still worked on are
    not touched, and go when that is over."""
    apply(store, whole_run("live")[:-1])
    apply(store, [*whole_run("open"), SpanCreate(idempotency_key="c", agent_instance_id="open", id="o")])
    apply(store, whole_run("fresh"), now=LATER)
    forget_work(store)
    record(store, "quiet", "busy")
    with store.write() as transaction:
        (key,) = [row["key"] for row in rows(store, schema.instances) if row["id"] == "busy"]
        transaction.queue_all_checks(key, 1)
    assert move(store) == 15
    assert _hot(store) == {"live", "open", "fresh", "busy"}
    apply(store, [InstanceFinish(idempotency_key="f", agent_instance_id="live")])
    apply(store, [SpanFinish(idempotency_key="f", agent_instance_id="open", agent_span_id="o")])
    forget_work(store)
    move(store, at=MUCH_LATER)
    assert _hot(store) == set()


def test_late_operations(store: Store) -> None:
    """What comes late for a moved span is taken in as ever, with exact totals; a repeat of what it has is none.
    It moves again, and nothing else came back for it."""
    items = [*whole_run("a"), *whole_run("b")]
    closed = SpanFinish(
        idempotency_key="x", agent_instance_id="b", agent_span_id="b-first", payload=Raw(b'"late"')
    )
    started = SpanCreate(idempotency_key="c", agent_instance_id="b", id="b-first", name="at last")
    apply(store, [*items, closed])
    forget_work(store)
    move(store)
    assert apply(store, items).errors == {}
    forget_work(store)
    assert left_here(store) == (0, 0, 0)
    assert apply(store, [started], now=LATER).errors == {}
    forget_work(store)
    assert left_here(store) == (1, 1, 0)
    (row,) = rows(store, schema.spans)
    (body,) = rows(store, schema.span_bodies)
    assert (row["name"], row["status"], body["payload"]) == ("at last", "complete", b'"late"')
    runs = {run["id"]: run for run in rows(store, schema.instances)}
    assert (runs["b"]["spans_total"], runs["b"]["spans_complete"], runs["b"]["events"]) == (13, 11, 3)
    there = everything(store, ["a", "b"])
    assert move(store, at=MUCH_LATER) == 1
    assert everything(store, ["a", "b"]) == there
    assert rows(store, schema_columnar.recalled_spans) == []


def test_a_run_that_becomes_somebody_elses(store: Store) -> None:
    """A registration that arrives after the move puts the run's spans into its agent's reach."""
    (registration, *rest) = whole_run("a")
    apply(store, rest)
    forget_work(store)
    move(store)
    assert span_page(store, agent_id="tester") == ([], 0)
    apply(store, [registration], now=LATER)
    forget_work(store)
    assert len(span_page(store, agent_id="tester")[0]) == 12
    move(store, at=MUCH_LATER)
    assert left_here(store) == (0, 0, 0)
    assert len(span_page(store, agent_id="tester")[0]) == 12


def test_schemas_that_come_late(store: Store) -> None:
    """Spans that were moved before their schemas arrived are checked all the same: they come back for it."""
    (registration, *rest) = whole_run("a")
    apply(store, rest)
    forget_work(store)
    move(store)
    schemas = SchemaVersion(span_schemas={"agent:llm": {"type": "string"}})
    assert isinstance(registration, InstanceRegister)
    apply(store, [replace(registration, agent_schema_version=schemas)], now=LATER)
    assert len(rows(store, schema.check_queue)) == 12
    assert left_here(store)[0] == 12
    assert move(store, at=MUCH_LATER) == 0


def test_large_runs(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is more than one slice is moved in several, and read whole at every step between."""
    from holdfast.server.stores.tiered import moving

    monkeypatch.setattr(moving, "SLICE_ROWS", 7)
    record(store, "small", "large", spans=3)
    apply(store, whole_run("huge", 40, events=9))
    forget_work(store)
    before = everything(store, ["small", "large", "huge"])
    assert isinstance(store, TieredStore)
    steps: list[tuple[int, int, int]] = []
    take_out = moving.take_out
    with mover(store) as own:

        def one_step(*given: object) -> int:
            count = take_out(*given)  # type: ignore[arg-type]
            steps.append((count, 0, 0))
            return count

        monkeypatch.setattr("holdfast.server.services.mover.take_out", one_step)
        own.sweep()
    assert len(steps) > 5
    assert left_here(store) == (0, 0, 0)
    assert everything(store, ["small", "large", "huge"]) == before


def _hot(store: Store) -> set[str]:
    keys = {row["key"]: row["id"] for row in rows(store, schema.instances)}
    return {keys[row["instance_key"]] for row in rows(store, schema.spans)}


def test_an_older_copy_of_the_database(store: Store) -> None:
    """A database that knows less than the span store has, as a restored backup does, moves nothing on top of that,
    and is read as it is; once the rest has been taken away it goes on."""
    record(store, "a")
    move(store)
    with store.write() as transaction:
        transaction.connection.execute(schema_columnar.span_mover.update().values(batch=1))
    record(store, "b")
    there = everything(store, ["a", "b"])
    with pytest.raises(SpanStoreUnavailableError, match="up to 2, and the database has made 1"):
        move(store)
    assert everything(store, ["a", "b"]) == there
    assert isinstance(store, TieredStore)
    store.span_writes.drop_batches([2])
    assert move(store) == 15
    assert left_here(store) == (0, 0, 0)
