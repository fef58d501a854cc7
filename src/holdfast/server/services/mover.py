"""Moving what is settled into the span store, in the background."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Final

from holdfast._ids import new_id
from holdfast.errors import SpanStoreUnavailableError, StoreUnavailableError
from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.retrying import in_transaction
from holdfast.server.stores.tiered.moving import SettledRun, Slice, read_slices, settled_runs, take_out
from holdfast.server.stores.tiered.moving_state import (
    batches_left,
    close_batches,
    erasures_left,
    forget_erasures,
    give_back,
    longest_kept,
    newest_batch,
    open_batches,
    take_over,
)
from holdfast.server.stores.tiered.store import TieredStore

__all__ = ["Mover", "erase_moved", "moving"]

_log: Final = logging.getLogger("holdfast.server")
_SECOND: Final = 1_000_000_000
_MINE_FOR: Final = 180 * _SECOND
"""Longer than the span store may take for an answer: nobody else begins while one still waits for it."""
_SKEW: Final = 60 * _SECOND
"""So far servers' clocks may be apart: what is younger is looked at again."""
_RUNS: Final = 1_000
_SPANS_AT_ONCE: Final = 20_000
_BYTES_AT_ONCE: Final = 64 << 20
_ERASURES: Final = 2_000
_NOTHING: Final = -1
_LOOK_AT_ALL: Final = 24 * 3600 * _SECOND
"""So often runs are looked for from the beginning: clocks go back, and copies bring old runs."""
_PURGE_EVERY: Final = 3600 * _SECOND
"""It rewrites files, whole months of them."""
_DAY: Final = 24 * 3600 * _SECOND
_SPARE_DAYS: Final = 90
"""The span store drops what is so much over its time. Until then it is erased run by run, with a receipt."""
_LEAST_EVERY: Final = 0.2
_MOST_EVERY: Final = 30.0


@contextmanager
def moving(store: Store, clock: Callable[[], int], *, after: float) -> Generator[None]:
    """Where there is a span store, move what has been quiet for `after` seconds, for the length of the block."""
    if not isinstance(store, TieredStore):
        yield
        return
    mover = Mover(store, clock, after=after, every=min(max(after / 10, _LEAST_EVERY), _MOST_EVERY))
    try:
        yield
    finally:
        mover.close()


def erase_moved(store: TieredStore) -> bool:
    """Take some of the runs that were erased out of the span store too; whether there were any. Whoever does it
    again, or at the same time, does no harm."""
    with store.reader.connect() as connection:
        gone = erasures_left(connection, _ERASURES)
    if gone:
        store.span_writes.erase(gone)
        keys = [key for _, key in gone]
        in_transaction(store, lambda transaction: forget_erasures(transaction, keys))
    return bool(gone)


class Mover:
    """Owns its thread, which does a `sweep` every `every` seconds until `close`. Of the servers of one record one
    moves at a time. `after` is for how many seconds a run must have been quiet.

    The span store is written first, as a batch that does not count yet; the catalogue then lets go of what has not
    changed meanwhile, in the transaction that makes the batch count. Whatever ends in between, every span is read
    once: the next sweep takes away what was written of unfinished batches.
    """

    def __init__(self, store: TieredStore, clock: Callable[[], int], *, after: float, every: float) -> None:
        self._store = store
        self._clock = clock
        self._after = int(after * _SECOND)
        self._every = every
        self._me = new_id()
        self._done_until = _NOTHING  # everything settled that last changed up to then has been moved
        self._looked_at_all = _NOTHING
        self._numbers_fit = False
        self._erased = True  # a former process may have left some in the files
        self._purged_at = _NOTHING
        self._days: int | None = _NOTHING  # not known what is set
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="holdfast-mover", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        try:
            in_transaction(self._store, lambda transaction: give_back(transaction, self._me))
        except StoreUnavailableError as error:
            _log.warning("others will wait before they move spans: %s", error)

    def _run(self) -> None:
        while not self._closing.wait(self._every):
            try:
                self.sweep()
            except StoreUnavailableError as error:
                _log.warning("moving spans waits: %s", error)
            except Exception:  # noqa: BLE001 - what cannot be moved stays where it is
                _log.exception("moving spans failed; the next sweep tries again")

    def sweep(self) -> int:
        """Move everything that is settled; how many spans and events. 0 while another server does it.

        Raises `StoreUnavailableError` where one of the two stores is away; what has been moved stays moved.
        """
        now = self._clock()
        if not in_transaction(self._store, lambda transaction: self._take_over(transaction, now)):
            self._done_until = _NOTHING
            return 0
        self._check_numbers()
        self._tidy()
        before = now - self._after
        if now - self._looked_at_all > _LOOK_AT_ALL:
            self._looked_at_all, self._done_until = now, _NOTHING
        place = (self._done_until, _NOTHING)
        done = before - _SKEW
        moved = 0
        while runs := settled_runs(self._store, place, before, _RUNS):
            place = runs[-1].updated_at, runs[-1].key
            count, stayed = self._move([run for run in runs if not run.waiting])
            moved += count
            done = min([done, *stayed, *(run.updated_at for run in runs if run.waiting)])
            if self._closing.is_set():
                return moved
        self._done_until = done - 1
        return moved

    def _take_over(self, transaction: WriteTransaction, now: int) -> bool:
        return take_over(transaction, self._me, now, now + _MINE_FOR)

    def _check_numbers(self) -> None:
        """Raises `SpanStoreUnavailableError` where the span store has batches that the catalogue has not made: it is
        an older copy, in which other runs may have those runs' keys. Only a person can tell which one is right."""
        if self._numbers_fit:
            return
        there = self._store.span_writes.newest()
        with self._store.reader.connect() as connection:
            here = newest_batch(connection)
        if there > here:
            raise SpanStoreUnavailableError(
                self._store.span_store,
                f"holds batches up to {there}, and the database has made {here}: it is an older copy, "
                "see docs/clickhouse.md",
            )
        self._numbers_fit = True

    def _tidy(self) -> None:
        """Take away what was written of batches that were not finished, and what was erased; tell the span store for
        how long anything is kept at most."""
        with self._store.reader.connect() as connection:
            unfinished = batches_left(connection)
        if unfinished:
            self._store.span_writes.drop_batches(unfinished)
            in_transaction(self._store, lambda transaction: close_batches(transaction, unfinished))
        while not self._closing.is_set() and erase_moved(self._store):
            self._erased = True
        now = self._clock()
        if self._erased and now - self._purged_at > _PURGE_EVERY:
            self._store.span_writes.purge()
            self._erased, self._purged_at = False, now
        with self._store.reader.connect() as connection:
            longest = longest_kept(connection)
        days = None if longest is None else longest // _DAY + _SPARE_DAYS
        if days != self._days:
            self._store.span_writes.keep_for(days)
            self._days = days

    def _move(self, runs: Sequence[SettledRun]) -> tuple[int, set[int]]:
        """How many rows were moved, and when those runs changed last of which something stayed."""
        moved = 0
        stayed: set[int] = set()
        slices: list[Slice] = []
        for one in read_slices(self._store, runs):
            slices.append(one)
            if _large(slices):
                moved += self._move_slices(slices, stayed)
                slices = []
            if self._closing.is_set():
                return moved, stayed
        return moved + self._move_slices(slices, stayed), stayed

    def _move_slices(self, slices: Sequence[Slice], stayed: set[int]) -> int:
        if not slices:
            return 0
        until = self._clock() + _MINE_FOR
        first = in_transaction(
            self._store, lambda transaction: open_batches(transaction, self._me, len(slices), until)
        )
        if first is None:
            stayed.add(min(run.updated_at for one in slices for run in one.runs))
            return 0
        self._store.span_writes.add(
            [row for n, one in enumerate(slices) if not one.events for row in one.filed(first + n)],
            [row for n, one in enumerate(slices) if one.events for row in one.filed(first + n)],
        )
        moved = 0
        for n, one in enumerate(slices):
            count = self._take_out(one, first + n)
            moved += count
            if count < len(one.rows):
                stayed.add(min(run.updated_at for run in one.runs))
        return moved

    def _take_out(self, one: Slice, batch: int) -> int:
        return in_transaction(self._store, lambda transaction: take_out(transaction, one, batch))


def _large(slices: Sequence[Slice]) -> bool:
    rows = sum(len(one.rows) for one in slices)
    return rows >= _SPANS_AT_ONCE or sum(one.size for one in slices) >= _BYTES_AT_ONCE
