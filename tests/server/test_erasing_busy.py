"""Erasing while others record into the same runs."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.server.services.forgetting.erasing import ErasureWork
from holdfast.server.services.recording.apply import Batch
from holdfast.server.services.recording.commit import Committer
from holdfast.server.services.setup import prepare
from holdfast.server.stores.base import Store
from holdfast.server.stores.forgetting.receipts import ReceiptRow, add_receipt
from holdfast.server.stores.opening import open_database
from holdfast.server.stores.reach import Reach
from holdfast.server.stores.reads.run_selection import Selection
from holdfast.server.stores.schema import record as schema
from holdfast.server.stores.schema.retention import tombstones
from holdfast.wire.operations import InstanceRegister, Operation, SpanCreate, SpanFinish
from holdfast.wire.vocabulary import ErasureCause, ErasureState, OnError
from server.facet_count import counted_facets, counted_rollups, kept_facets, kept_rollups
from server.records import NOW, WHO, rows

_RUNS = 12
_ROUNDS = 25
_GOING = [f"run-{n}" for n in range(0, _RUNS, 2)]


@pytest.fixture(params=["sqlite", "postgres"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Store]]:
    """Two servers' stores on one record: of SQLite too, whose file two processes may have open."""
    address = request.getfixturevalue("postgres") if request.param == "postgres" else None
    found = [open_database(tmp_path / "record.db", address) for _ in range(2)]
    prepare(found[0], NOW)
    yield found
    for store in found:
        store.close()


def _operations(run_id: str, round_: int, writer: int) -> list[Operation]:
    span_id = f"{run_id}-{writer}-{round_}"
    return [
        InstanceRegister(idempotency_key=f"{span_id}-r", id=run_id, agent_id="one", timestamp=NOW),
        SpanCreate(
            idempotency_key=f"{span_id}-c",
            agent_instance_id=run_id,
            id=span_id,
            schema_name="agent:tool",
            name="t",
            started_at=NOW,
        ),
        SpanFinish(idempotency_key=f"{span_id}-f", agent_instance_id=run_id, agent_span_id=span_id),
    ]


def test_writers_and_an_eraser(stores: list[Store]) -> None:
    """Two servers record into runs that a third thread erases: what was erased stays away, what was not is
    whole, every sum is exact, and each operation was either kept or counted as dropped."""
    dropped: list[int] = []
    half, erased = threading.Barrier(3), threading.Event()

    def record(writer: int) -> None:
        committer = Committer(stores[writer], lambda: NOW)
        chance = random.Random(writer)
        for round_ in range(_ROUNDS):
            if round_ == _ROUNDS // 2:
                half.wait()
            if round_ == _ROUNDS - 1:
                assert erased.wait(60)
            runs = [f"run-{n}" for n in range(_RUNS)]
            chance.shuffle(runs)
            items = [item for run_id in runs for item in _operations(run_id, round_, writer)]
            batch = Batch(who=WHO, items=items, on_error=OnError.CONTINUE, minimal=True)
            result = committer.submit(batch).result(60)
            assert result.errors == {}
            dropped.append(result.dropped)
        committer.close()

    writers = [threading.Thread(target=record, args=(n,)) for n in range(2)]
    for writer in writers:
        writer.start()
    half.wait()
    selection = Selection(reach=Reach(account_id="default"), arrived_before=NOW, run_ids=_GOING)
    row = ReceiptRow(
        id="receipt",
        account_id="default",
        cause=ErasureCause.ASKED,
        state=ErasureState.RUNNING,
        asked_by="a test",
        selection=selection,
        inserted_at=NOW,
    )
    with stores[0].write() as transaction:
        add_receipt(transaction.connection, row)
    assert ErasureWork(stores[1], lambda: NOW).carry_on()
    erased.set()
    for writer in writers:
        writer.join()
    store = stores[0]
    seen = {run["id"]: run for run in rows(store, schema.instances) if run["account_id"]}
    assert set(seen) == {f"run-{n}" for n in range(_RUNS)} - set(_GOING)
    assert {run["spans_complete"] for run in seen.values()} == {2 * _ROUNDS}
    assert len(rows(store, schema.spans)) == len(rows(store, schema.span_bodies)) == len(seen) * 2 * _ROUNDS
    (total,) = rows(store, schema.rollups)
    assert (total["spans_total"], total["runs_pending"]) == (len(seen) * 2 * _ROUNDS, len(seen))
    assert kept_facets(store) == counted_facets(store)
    assert kept_rollups(store) == counted_rollups(store)
    assert sum(dropped) == sum(row["dropped"] for row in rows(store, tombstones)) > 0
