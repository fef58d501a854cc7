"""What every store must do. A test module of a store imports these tests and gives a fixture `store`."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

import pytest
from msgspec.structs import replace
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from holdfast.server.stores.base import Store
from holdfast.server.stores.rows import (
    BodyRow,
    CheckRow,
    EventRow,
    InstanceRow,
    QualityRow,
    RollupDelta,
    SpanRow,
)
from holdfast.server.stores.schema import record as schema
from server.records import NOW, rows

__all__ = [
    "test_a_transaction_that_fails_leaves_nothing",
    "test_checks_are_replaced",
    "test_events_are_kept_once",
    "test_open_and_silent",
    "test_quality_is_replaced",
    "test_reads_never_write",
    "test_responses_are_kept_once",
    "test_rollups_add_up",
    "test_runs_round_trip",
    "test_spans_of_every_width",
    "test_spans_round_trip",
    "test_watchers_are_told_after_the_commit",
    "test_write_many_spans",
]

_ACCOUNT = "default"


def _run(run_id: str = "run", **fields: object) -> InstanceRow:
    given = {"status": "active", "purpose": "live", "begun_at": NOW, "inserted_at": NOW, "updated_at": NOW}
    return InstanceRow(key=0, account_id=_ACCOUNT, id=run_id, **(given | fields))  # type: ignore[arg-type]


def _span(key: int, span_id: str, ordinal: int, status: str = "active") -> SpanRow:
    body = key << schema.BODY_KEY_BITS | ordinal
    return SpanRow(key, span_id, body, None, "t", "näme", status, NOW, None, NOW, NOW, schema.SPAN_CREATED)


def test_runs_round_trip(store: Store) -> None:
    """A run is read back as it was written, by id within its account and by key, and changed as a whole."""
    row = _run(attributes=b'{"a":1}', cost_nano=2**62, finished_at=2**63 - 1)
    with store.write() as transaction:
        row.key = transaction.add_instance(row)
    with store.write() as transaction:
        assert transaction.instances(_ACCOUNT, ["run", "other"]) == {"run": row}
        assert transaction.instances("somebody else", ["run"]) == {}
        row.status, row.error = "failed", b"{}"
        transaction.update_instances([row])
        assert transaction.instances_by_key([row.key, 999]) == {row.key: row}


def test_spans_round_trip(store: Store) -> None:
    """A span and its body are read back; an update leaves what the check stage wrote, a body change what it
    does not name."""
    with store.write() as transaction:
        key = transaction.add_instance(_run())
        span, body = (
            _span(key, "s", 1),
            BodyRow(key << schema.BODY_KEY_BITS | 1, b"\x00\xff", None, b"{}", None, b"e"),
        )
        transaction.add_spans([span], [body])
        assert transaction.spans([(key, "s"), (key, "none"), (999, "s")]) == {(key, "s"): span}
        assert transaction.find_span(_ACCOUNT, "s") == key
        assert transaction.find_span("somebody else", "s") is None
        transaction.connection.execute(schema.spans.update().values(violations=3, summary="kept"))
        span.status, span.finished_at = "complete", NOW + 1
        transaction.update_spans([span])
        transaction.change_bodies([BodyRow(body.key, result_payload=b"[]")])
        stored = transaction.spans([(key, "s")])[key, "s"]
        assert (stored.status, stored.violations, stored.summary) == ("complete", 3, "kept")
        assert transaction.body(body.key) == BodyRow(body.key, b"\x00\xff", b"[]", b"{}", None, b"e")


def test_spans_of_every_width(store: Store) -> None:
    """Whichever of a span's fields are filled, all of them are kept."""
    with store.write() as transaction:
        key = transaction.add_instance(_run())
        spans = [_span(key, f"s{n}", n) for n in range(12)]
        filled = ("error_type", "provider", "model", "cost_source")
        counted = (
            "input_tokens",
            "output_tokens",
            "cache_read_tokens",
            "cache_write_tokens",
            "reasoning_tokens",
        )
        for n, name in enumerate((*filled, *counted, "cost_nano")):
            spans[n] = replace(spans[n], **{name: "x" if name in filled else n})
        transaction.add_spans(spans, [BodyRow(span.body_key) for span in spans])
        assert list(transaction.spans([(key, span.id) for span in spans]).values()) == spans


@pytest.mark.parametrize("count", [1, 31, 32, 33, 200])
def test_write_many_spans(store: Store, count: int) -> None:
    """Any number of spans may be written and asked for at once."""
    with store.write() as transaction:
        key = transaction.add_instance(_run())
        spans = [_span(key, f"s{n:04}", n) for n in range(count)]
        transaction.add_spans(spans, [BodyRow(span.body_key, b"1") for span in spans])
    with store.write() as transaction:
        found = transaction.spans([(key, span.id) for span in spans])
    assert list(found.values()) == spans
    assert len(rows(store, schema.span_bodies)) == count


def test_open_and_silent(store: Store) -> None:
    """Open spans are the pending and active ones; silent runs are those with something open and no change."""
    with store.write() as transaction:
        old = transaction.add_instance(_run("old", updated_at=1))
        transaction.add_instance(_run("new", updated_at=NOW))
        transaction.add_instance(_run("ended", status="complete", updated_at=2))
        transaction.add_instance(_run("half", status="complete", spans_active=1, updated_at=3))
        spans = [_span(old, status, n, status) for n, status in enumerate(("active", "pending", "complete"))]
        transaction.add_spans(spans, [BodyRow(span.body_key) for span in spans])
        assert {span.id for span in transaction.open_spans(old)} == {"active", "pending"}
        assert [run.id for run in transaction.silent_instances(NOW, 10)] == ["old", "half"]
        assert [run.id for run in transaction.silent_instances(NOW, 1)] == ["old"]


def test_events_are_kept_once(store: Store) -> None:
    """The first event of an id stays; what was inserted is told."""
    with store.write() as transaction:
        key = transaction.add_instance(_run())
        event = EventRow(key, "e", None, "first", "info", NOW, NOW, b"1")
        again = EventRow(key, "e", "s", "second", "info", NOW, NOW, b"2")
        assert transaction.add_events([event, again]) == [(key, "e")]
        assert transaction.add_events([again]) == []
    assert [row["name"] for row in rows(store, schema.events)] == ["first"]


def test_quality_is_replaced(store: Store) -> None:
    """Of a name the record set last is there."""
    with store.write() as transaction:
        key = transaction.add_instance(_run())
        transaction.set_quality([QualityRow(key, "score", 1, b"1")])
        transaction.set_quality([QualityRow(key, "score", 2, None)])
        assert transaction.quality(key) == [QualityRow(key, "score", 2, None)]


def test_checks_are_replaced(store: Store) -> None:
    """Of a subject the newest ticket counts; all spans of a run can be queued at once."""
    with store.write() as transaction:
        key = transaction.add_instance(_run())
        transaction.queue_checks([CheckRow(key, "span/s", 1), CheckRow(key, "span/s", 2)])
        transaction.add_spans([_span(key, "s", 1), _span(key, "t", 2)], [BodyRow(1), BodyRow(2)])
        transaction.queue_all_checks(key, 7)
    assert [(row["subject"], row["ticket"]) for row in rows(store, schema.check_queue)] == [
        ("span/s", 7),
        ("span/t", 7),
    ]


def test_rollups_add_up(store: Store) -> None:
    """Deltas make a missing row and add to one that is there; an emptied bucket is gone."""
    delta = RollupDelta(
        account_id=_ACCOUNT, agent_id="a", hour=5, counts={"spans_total": 2}, durations={3: 1}
    )
    back = RollupDelta(
        account_id=_ACCOUNT, agent_id="a", hour=5, counts={"spans_total": -1}, durations={3: -1, 4: 2}
    )
    with store.write() as transaction:
        transaction.add_to_rollups([delta, back])
    (row,) = rows(store, schema.rollups)
    assert (row["spans_total"], row["durations"]) == (1, b'{"4":2}')


def test_responses_are_kept_once(store: Store) -> None:
    """The first answer to a key stays, until it is dropped for its age."""
    with store.write() as transaction:
        transaction.store_response(_ACCOUNT, "do", "k", b"first", 10)
        transaction.store_response(_ACCOUNT, "do", "k", b"second", 20)
        assert transaction.stored_response(_ACCOUNT, "do", "k") == b"first"
        assert transaction.stored_response(_ACCOUNT, "undo", "k") is None
        transaction.drop_responses(11)
        assert transaction.stored_response(_ACCOUNT, "do", "k") is None


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    """A block that raises rolls back, and the store goes on."""
    with suppress(ZeroDivisionError), store.write() as transaction:
        transaction.add_instance(_run())
        raise ZeroDivisionError
    assert rows(store, schema.instances) == []
    with store.write() as transaction:
        transaction.add_instance(_run())
    assert len(rows(store, schema.instances)) == 1


def test_reads_never_write(store: Store) -> None:
    """A reading connection cannot change anything, and does not see what is not committed."""
    with pytest.raises(DBAPIError), store.reader.begin() as connection:
        connection.execute(text("DELETE FROM accounts"))
    with store.write() as transaction:
        transaction.add_instance(_run())
        assert rows(store, schema.instances) == []


def test_watchers_are_told_after_the_commit(store: Store) -> None:
    """Who watches is told, once the commit can be read, of runs made and runs changed; of what was rolled
    back never."""
    told: list[int] = []

    def hear(keys: Collection[int] | None) -> None:
        with store.reader.connect() as connection:
            there = set(connection.execute(select(schema.instances.c.key)).scalars())
        told.extend(key for key in keys or () if key in there)

    store.watch(hear)
    with store.write() as transaction:
        run = _run()
        run.key = transaction.add_instance(run)
        assert told == []
    assert told == [run.key]
    with suppress(ZeroDivisionError), store.write() as transaction:
        transaction.add_instance(_run("rolled back"))
        raise ZeroDivisionError
    with store.write() as transaction:
        transaction.update_instances([run])
    with store.write() as transaction:
        transaction.drop_responses(0)
    assert told == [run.key, run.key]
