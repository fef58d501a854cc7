"""What is erased leaves the span store too, and what is kept for a time only does not stay there for ever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert

from holdfast.server.services.forgetting.erasing import ErasureWork
from holdfast.server.services.mover import erase_moved
from holdfast.server.services.setup import DEFAULT_ACCOUNT, prepare
from holdfast.server.stores.base import WriteTransaction
from holdfast.server.stores.forgetting.receipts import ReceiptRow, add_receipt
from holdfast.server.stores.forgetting.retention import KeepRow, set_keep
from holdfast.server.stores.opening import open_database
from holdfast.server.stores.reads.run_selection import Selection
from holdfast.server.stores.schema import columnar as schema_columnar
from holdfast.server.stores.schema import retention as schema_retention
from holdfast.server.stores.tiered.moving import Slice, take_out
from holdfast.server.stores.tiered.store import TieredStore
from holdfast.wire.vocabulary import ErasureCause, ErasureState
from server.everything_read import REACH, everything, span_page
from server.moved_runs import LATER, move, mover, record
from server.records import NOW, rows

_DAY = 86_400_000_000_000


@pytest.fixture
def store(tmp_path: Path, chdb: str) -> Iterator[TieredStore]:
    store = open_database(tmp_path / "record.db", None, chdb)
    assert isinstance(store, TieredStore)
    prepare(store, NOW)
    yield store
    store.close()


def _ask_for(store: TieredStore, *run_ids: str) -> None:
    row = ReceiptRow(
        id="receipt",
        account_id=DEFAULT_ACCOUNT,
        cause=ErasureCause.ASKED,
        state=ErasureState.RUNNING,
        asked_by="a test",
        selection=Selection(reach=REACH, arrived_before=LATER, run_ids=list(run_ids)),
        inserted_at=NOW,
    )
    with store.write() as transaction:
        add_receipt(transaction.connection, row)


def test_erased_runs(store: TieredStore) -> None:
    """An erased run is in no list from the moment it is taken out of the catalogue, whether or not the span store
    has been asked; then it is gone from there, and the others are as they were."""
    record(store, "a", "b")
    move(store)
    before = everything(store, ["b"])
    _ask_for(store, "a")
    ErasureWork(store, lambda: LATER).carry_on()
    assert len(rows(store, schema_columnar.span_erasures)) == 1
    assert {span_id[0] for span_id in span_page(store, agent_id="tester")[0]} == {"b"}
    assert span_page(store, since=0)[1] == 12
    assert store.span_writes.size().spans == 24
    assert erase_moved(store)
    store.span_writes.purge()
    assert rows(store, schema_columnar.span_erasures) == []
    with store.reader.connect() as connection:
        (key,) = store.moved_parts(connection, [1, 2])
    assert everything(store, ["b"])["b"] == before["b"]
    assert key == 2


def test_erased_while_it_is_moved(store: TieredStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is erased between the writing of its spans and their taking out leaves nothing behind."""
    record(store, "a", "b")

    def erase_first(transaction: WriteTransaction, one: Slice, batch: int) -> int:
        connection = transaction.connection
        for table in ("events", "spans", "span_bodies", "run_facets", "failed"):
            at = "key >> 28" if table == "span_bodies" else "instance_key"
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE {at} = 1")
        connection.exec_driver_sql("DELETE FROM instances WHERE key = 1")
        return take_out(transaction, one, batch)

    monkeypatch.setattr("holdfast.server.services.mover.take_out", erase_first)
    assert move(store) == 15
    assert [row["instance_key"] for row in rows(store, schema_columnar.span_erasures)] == [1]
    assert len(span_page(store)[0]) == 12
    assert move(store) == 0
    assert rows(store, schema_columnar.span_erasures) == []
    assert len(span_page(store)[0]) == 12


def test_lifetime(store: TieredStore) -> None:
    """The span store drops by itself what no rule keeps any more, a good while later; while anything is kept for
    ever it drops nothing. Times that no database type holds are no reason to lose anything."""
    record(store, "a")
    move(store)
    with store.write() as transaction:
        keep = KeepRow(account_id=DEFAULT_ACCOUNT, keep=30 * _DAY, updated_at=NOW)
        set_keep(transaction.connection, keep)
    with mover(store) as own:
        own.sweep()
        assert _lifetimes(store) == 2
        assert len(span_page(store)[0]) == 12
        with store.write() as transaction:
            transaction.connection.execute(
                insert(schema_retention.retention).values(
                    account_id=DEFAULT_ACCOUNT, agent_id="tester", keep=None, updated_at=NOW
                )
            )
        own.sweep()
        assert _lifetimes(store) == 0


def _lifetimes(store: TieredStore) -> int:
    """How many of the two tables drop rows by their age."""
    return store.span_writes.dropping()
