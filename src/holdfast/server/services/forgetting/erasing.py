"""Carrying an erasure out, in bounded transactions between which others write.

Each step leaves the record whole: sums are those of the runs that can be seen, and what was begun is found
again after a kill. First a batch of runs goes out of sight, with what was summed up of them; then what belongs
to them is deleted, a slice at a time; then the next batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Final

from holdfast.server.services.recording.facets import take_out_facets
from holdfast.server.services.recording.totals import HOUR_NS, rollup_deltas, run_sums
from holdfast.server.stores import agents
from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.forgetting.belongings import (
    moved_spans,
    take_out_now,
    take_out_rows,
    take_out_runs,
)
from holdfast.server.stores.forgetting.erasing import (
    blank_runs,
    drop_agent_sums,
    drop_empty_groups,
    drop_empty_sums,
    drop_told_of_agent,
    hidden_runs,
    next_runs,
    still_selected,
)
from holdfast.server.stores.forgetting.receipts import (
    ReceiptRow,
    add_to_receipt,
    close_receipt,
    running_receipts,
)
from holdfast.server.stores.forgetting.tombstones import add_tombstones
from holdfast.server.stores.reads.run_selection import Selection
from holdfast.server.stores.retrying import in_transaction
from holdfast.server.stores.rows import InstanceRow, RollupDelta
from holdfast.server.stores.search.queue import forget_later

__all__ = ["ErasureWork"]

_RUNS: Final = 100
_ROWS: Final = 2_000
_STILL_RUNNING: Final = "the agent stays: runs of it came after the erasure was asked for"


class ErasureWork:
    """For one thread. `pause` is called between two transactions; once it says False the work stops where it
    is, to go on another time. `agent_gone` is called after an agent, and so its tokens, was taken away."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], int],
        *,
        pause: Callable[[], bool] = lambda: True,
        agent_gone: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._pause = pause
        self._agent_gone = agent_gone

    def carry_out(self, receipt: ReceiptRow) -> bool:
        """Do what is left of it. False where it was stopped."""
        cursor = receipt.cursor
        while self._pause():
            if self._take_out(receipt.id):
                continue
            keys = next_runs(self._store, receipt.selection, cursor, _RUNS)
            if not keys:
                self._close(receipt)
                return True
            self._hide(receipt, keys)
            cursor = keys[-1]
        return False

    def carry_on(self) -> bool:
        """Do what is left of all that was ever asked for. False where it was stopped."""
        with self._store.reader.connect() as connection:
            running = running_receipts(connection)
        return all(self.carry_out(receipt) for receipt in running)

    def _hide(self, receipt: ReceiptRow, keys: Sequence[int]) -> None:
        def hide(transaction: WriteTransaction) -> None:
            connection = transaction.connection
            runs = transaction.instances_by_key(keys)
            fitting = still_selected(connection, receipt.selection, keys)
            going = [run for key, run in sorted(runs.items()) if key in fitting]
            counts: Counter[str] = Counter()
            if going:
                self._out_of_sums(transaction, receipt.account_id, going)
                keys_going = [run.key for run in going]
                counts = take_out_now(connection, keys_going)
                counts["instances"] = len(going)
                counts["moved_spans"] = moved_spans(connection, keys_going)
                now = self._clock()
                add_tombstones(connection, receipt.account_id, [run.id for run in going], receipt.id, now)
                blank_runs(connection, keys_going, receipt.id)
            add_to_receipt(connection, receipt.id, +counts, keys[-1])

        in_transaction(self._store, hide)

    def _out_of_sums(
        self, transaction: WriteTransaction, account_id: str, going: Collection[InstanceRow]
    ) -> None:
        deltas: list[RollupDelta] = []
        places: set[tuple[str, str, int]] = set()
        for run in going:
            deltas += rollup_deltas(account_id, run_sums(run), None)
            places.add((account_id, run.agent_id or "", run.begun_at // HOUR_NS))
        transaction.add_to_rollups(deltas)
        take_out_facets(transaction, going)
        drop_empty_sums(transaction.connection, places)

    def _take_out(self, receipt_id: str) -> bool:
        """Delete one slice of what is hidden. False where nothing is left."""
        keys = hidden_runs(self._store, receipt_id, _RUNS)
        if not keys:
            return False

        def take_out(transaction: WriteTransaction) -> None:
            connection = transaction.connection
            counts, all_gone = take_out_rows(connection, keys, _ROWS)
            add_to_receipt(connection, receipt_id, counts)
            if all_gone:
                take_out_runs(connection, keys)
                forget_later(transaction, keys, self._clock())

        in_transaction(self._store, take_out)
        return True

    def _close(self, receipt: ReceiptRow) -> None:
        notes: list[str] = []

        def close(transaction: WriteTransaction) -> bool:
            notes.clear()
            connection = transaction.connection
            gone = receipt.selection.whole_agent and self._drop_agent(transaction, receipt.selection, notes)
            drop_empty_groups(connection, receipt.account_id)
            if gone:
                add_to_receipt(connection, receipt.id, {"agents": 1})
            return gone

        if in_transaction(self._store, close):
            self._agent_gone()
        if receipt.selection.scrub and (left := self._store.scrub()) is not None:
            notes.append(left)
        with self._store.write() as transaction:
            close_receipt(transaction.connection, receipt.id, self._clock(), "; ".join(notes) or None)

    def _drop_agent(self, transaction: WriteTransaction, selection: Selection, notes: list[str]) -> bool:
        connection, reach = transaction.connection, selection.reach
        row = agents.find_agent_row(connection, reach, agent_id=selection.agent_id)
        if row is None:
            return False
        if agents.has_runs(connection, row):
            notes.append(_STILL_RUNNING)
            return False
        drop_told_of_agent(connection, row.account_id, row.id)
        drop_agent_sums(connection, row.account_id, row.id)
        agents.delete_agent(connection, row.id)
        return True
