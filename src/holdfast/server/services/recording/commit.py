"""Group commit: one thread that writes what concurrent requests bring in one transaction.

A request is answered only after its transaction has reached the disk. While one is being written the next
requests gather; together they cost one sync.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final

from msgspec.structs import replace

from holdfast._clock import utc_now_ns
from holdfast.errors import ApiError, SpanStoreUnavailableError, StoreConflictError, StoreUnavailableError
from holdfast.server.services.recording.apply import Batch, BatchResult, apply_batches
from holdfast.server.services.recording.health import IngestHealth
from holdfast.server.services.recording.working_set import WorkingSet
from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.retrying import in_transaction
from holdfast.wire.vocabulary import ErrorCode, OnError

__all__ = ["Committer"]

_log: Final = logging.getLogger("holdfast.server")

_GROUP_ITEMS: Final = 8_000
"""Enough to make the sync cheap; more would only make the first of the group wait longer."""
_BUSY: Final = "the server takes requests faster than it can write them"
_CLOSED: Final = "the server is stopping"

Waiting = tuple[Batch, "Future[BatchResult]"]


class Committer:
    """Owns its thread; `close` ends it after everything submitted before has been written.

    `to_check` is called after commits that leave something to check against schemas, `to_index` after every
    commit, with how many operations it brought. `pending_limit` bounds the items that wait: past it `submit`
    refuses with `ApiError` 503.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], int],
        *,
        to_check: Callable[[], None] = lambda: None,
        to_index: Callable[[int], None] = lambda _: None,
        pending_limit: int = 200_000,
    ) -> None:
        self._store = store
        self._clock = clock
        self._to_check = to_check
        self._to_index = to_index
        self._limit = pending_limit
        self._changed = threading.Condition()
        self._waiting: deque[Waiting] = deque()
        self._pending = 0
        self.health = IngestHealth(utc_now_ns)  # of this machine's time, not of the record's
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="holdfast-writer", daemon=True)
        self._thread.start()

    @property
    def pending(self) -> int:
        """Items that wait for a transaction."""
        with self._changed:
            return self._pending

    def submit(self, batch: Batch) -> Future[BatchResult]:
        """Queue for writing. The future fails with `ApiError` only where the store cannot write at all."""
        future: Future[BatchResult] = Future()
        with self._changed:
            if self._closed or (self._pending and self._pending + len(batch.items) > self._limit):
                self._note_unwritten(batch)
                raise _unavailable(_CLOSED if self._closed else _BUSY)
            self._pending += len(batch.items)
            self._waiting.append((batch, future))
            self._changed.notify()
        future.add_done_callback(lambda done: self._note(batch, done))
        return future

    def close(self) -> None:
        """Write what waits, then end. A second call does nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _note(self, batch: Batch, done: Future[BatchResult]) -> None:
        if done.exception() is not None:
            self._note_unwritten(batch)
            return
        result = done.result()
        carried_out = len(batch.items)
        if batch.on_error is OnError.STOP and result.errors:
            carried_out = min(result.errors) + 1
        self.health.note(
            batch.who.account_id,
            kept=carried_out - len(result.errors) - result.dropped,
            dropped=result.dropped,
            refused=[error.code for error in result.errors.values()],
        )

    def _note_unwritten(self, batch: Batch) -> None:
        self.health.note(batch.who.account_id, refused=[ErrorCode.UNAVAILABLE] * len(batch.items))

    def _run(self) -> None:
        while group := self._next_group():
            try:
                self._write(group)
            except BaseException as error:  # noqa: BLE001 - this thread must outlive whatever one group does
                _log.exception("a group of requests could not be written")
                for _, future in group:
                    if not future.done():
                        future.set_exception(error)

    def _next_group(self) -> list[Waiting]:
        group: list[Waiting] = []
        items = 0
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            while self._waiting and (not group or items + len(self._waiting[0][0].items) <= _GROUP_ITEMS):
                group.append(self._waiting.popleft())
                items += len(group[-1][0].items)
            self._pending -= items
        return group

    def _write(self, group: list[Waiting]) -> None:
        try:
            results = self._commit([batch for batch, _ in group])
        except StoreConflictError:
            _log.warning("a group of %d requests met others too often and is tried one by one", len(group))
            for batch, future in group:
                future.set_result(self._alone(batch))
        except SpanStoreUnavailableError as error:
            _log.warning("a group of %d requests is tried one by one: %s", len(group), error)
            for batch, future in group:
                future.set_result(self._alone(batch))
        except StoreUnavailableError as error:
            _log.warning("the store cannot write: %s", error)
            for _, future in group:
                future.set_exception(_unavailable(str(error)))
        except Exception:  # noqa: BLE001 - one bad operation must not fail the others of its group
            _log.warning("a group of %d requests is tried one by one", len(group), exc_info=True)
            for batch, future in group:
                future.set_result(self._alone(batch))
        else:
            for (_, future), result in zip(group, results, strict=True):
                future.set_result(result)

    def _alone(self, batch: Batch) -> BatchResult:
        """One request by itself; if that fails, each of its items by itself."""
        if len(batch.items) > 1:
            try:
                return self._commit([batch])[0]
            except Exception:  # noqa: BLE001 - found item by item below
                _log.warning("a request of %d items is tried item by item", len(batch.items))
        whole = BatchResult(errors={}, answers={}, control={})
        for place, item in enumerate(batch.items):
            try:
                one = self._commit([replace(batch, items=[item])])[0]
            except StoreUnavailableError as error:
                one = BatchResult(errors={0: _unavailable(str(error))}, answers={}, control={})
            except Exception:  # noqa: BLE001 - a bug that one item meets must not end the thread
                _log.exception("an operation could not be applied: %r", type(item).__name__)
                problem = ApiError(500, ErrorCode.INTERNAL, "the server failed to apply this operation")
                one = BatchResult(errors={0: problem}, answers={}, control={})
            if 0 in one.errors:
                whole.errors[place] = one.errors[0]
            if 0 in one.answers:
                whole.answers[place] = one.answers[0]
            whole.control |= one.control
            whole.dropped += one.dropped
            if one.errors and batch.on_error is OnError.STOP:
                break
        return whole

    def _commit(self, batches: Sequence[Batch]) -> list[BatchResult]:
        def write(transaction: WriteTransaction) -> tuple[list[BatchResult], bool]:
            work = WorkingSet(transaction, self._clock())
            results = apply_batches(work, batches)
            work.write()
            return results, bool(work.checks or work.check_all)

        results, to_check = in_transaction(self._store, write)
        if to_check:
            self._to_check()
        self._to_index(sum(len(batch.items) for batch in batches))
        return results


def _unavailable(message: str) -> ApiError:
    return ApiError(503, ErrorCode.UNAVAILABLE, message, retry_after=1.0)
