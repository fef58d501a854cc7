"""Erasing runs whose spans lie in the span store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.server.services.forgetting.erasing import ErasureWork
from holdfast.server.services.setup import prepare
from holdfast.server.stores.forgetting.receipts import ReceiptRow, add_receipt, find_receipt
from holdfast.server.stores.opening import open_database
from holdfast.server.stores.reach import Reach
from holdfast.server.stores.reads.run_selection import Selection
from holdfast.server.stores.schema import record as schema
from holdfast.server.stores.schema.columnar import moved_runs, recalled_spans, span_erasures
from holdfast.server.stores.tiered.store import TieredStore
from holdfast.wire.operations import SpanCreate, SpanFinish
from holdfast.wire.vocabulary import ErasureCause, ErasureState
from server.moved_runs import LATER, left_here, move, mover, record
from server.records import apply, rows


@pytest.fixture(params=["sqlite", "postgres"])
def store(tmp_path: Path, chdb: str, request: pytest.FixtureRequest) -> Iterator[TieredStore]:
    address = request.getfixturevalue("postgres") if request.param == "postgres" else None
    store = open_database(tmp_path / "record.db", address, chdb)
    assert isinstance(store, TieredStore)
    prepare(store, LATER)
    yield store
    store.close()


def _erase(store: TieredStore, *run_ids: str) -> dict[str, int]:
    """What the receipt counts."""
    selection = Selection(reach=Reach(account_id="default"), arrived_before=LATER, run_ids=list(run_ids))
    row = ReceiptRow(
        id="receipt",
        account_id="default",
        cause=ErasureCause.ASKED,
        state=ErasureState.RUNNING,
        asked_by="a test",
        selection=selection,
        inserted_at=LATER,
    )
    with store.write() as transaction:
        add_receipt(transaction.connection, row)
    ErasureWork(store, lambda: LATER).carry_on()
    with store.reader.connect() as connection:
        receipt = find_receipt(connection, "receipt")
    assert receipt is not None
    assert receipt.state is ErasureState.COMPLETE
    return receipt.counts


def test_moved_spans_go_too(store: TieredStore) -> None:
    """Of an erased run nothing is left in the span store once it has been swept; others lie there as before."""
    record(store, "a", "b", "c")
    move(store)
    before = store.span_writes.size()
    counts = _erase(store, "a", "c")
    assert (counts["instances"], counts["moved_spans"]) == (2, 24)
    assert {row["account_id"] for row in rows(store, span_erasures)} == {"default"}
    move(store)
    after = store.span_writes.size()
    assert (before.spans, after.spans) == (36, 12)
    assert rows(store, span_erasures) == []
    assert [row["instance_key"] for row in rows(store, moved_runs)] == [
        row["key"] for row in rows(store, schema.instances) if row["id"] == "b"
    ]


def test_recalled_spans_go_too(store: TieredStore) -> None:
    """A span that something late has brought back is taken out in both places."""
    closed = SpanFinish(idempotency_key="f", agent_instance_id="a", agent_span_id="a-first")
    apply(store, [closed])
    record(store, "a", "b")
    move(store)
    started = SpanCreate(idempotency_key="c", agent_instance_id="a", id="a-first", name="at last")
    apply(store, [started], now=LATER)
    counts = _erase(store, "a")
    assert (counts.get("moved_spans", 0), counts.get("spans", 0)) == (12, 1)
    assert rows(store, recalled_spans) == []
    assert left_here(store) == (0, 0, 0)
    move(store)
    assert store.span_writes.size().spans == 12


def test_erased_while_it_is_moved(store: TieredStore) -> None:
    """A run that is erased between two sweeps of the mover does not come back by them."""
    record(store, "a", "b")
    with mover(store) as own:
        own.sweep()
        _erase(store, "a")
        own.sweep()
        own.sweep()
    move(store)  # by another mover, which does not know when files were last written anew
    assert store.span_writes.size().spans == 12
    assert [row["id"] for row in rows(store, schema.instances)] == ["b"]
