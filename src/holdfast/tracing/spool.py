"""The writing side of the spool: an append of about a microsecond that outlives the process.

Callers append to the current segment under one lock. A keeper (see `maintain`) makes the next segments
before they are needed, so that no caller ever waits for a disk. A caller that computes without pause keeps the
interpreter from the keeper for tens of milliseconds: hence two warm spares that grow with the rate, and a
large reserve behind them that takes disk but no memory until it is written to. Should all of that be used up,
or the disk be full, records wait in memory, bounded: that is the one window in which a kill loses what was
recorded, and `spilled` counts what went through it. Creating the segment on the caller's thread instead would
close the window and open a worse one, since a journalling disk may hold a file creation up for seconds.

A process begins with 44 MiB on disk, of which 12 in memory (less where the cap is below 256 MiB: never more than
half of it). That takes any burst of spans right after the start without a record in the open: with 19 MiB a
quarter of 100,000 bare appends at 400 MB/s waited in memory. A process that records in earnest grows to 96 MiB.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from holdfast.tracing.adoption import retire
from holdfast.tracing.backlog import MAX_BATCH_BYTES, MAX_BATCH_RECORDS, Backlog, Batch, Entry
from holdfast.tracing.losses import UNREADABLE, LossLedger
from holdfast.tracing.memory_buffer import MemoryBuffer
from holdfast.tracing.process_dir import ProcessDir
from holdfast.tracing.rejected import RejectedFile
from holdfast.tracing.segment import FRAME_OVERHEAD, SegmentWriter

__all__ = ["Spool"]

_SPARES: Final = 2
_FIRST_SIZE: Final = 4 << 20
_LARGEST_SIZE: Final = 16 << 20
_RESERVE_SEGMENTS: Final = 16
"""So many segments of the present size does the reserve hold, up to its own largest size."""
_LARGEST_RESERVE: Final = 32 << 20
_SMALLEST_SIZE: Final = 64 << 10
_SHARE: Final = 8
"""No segment takes more than this part of the cap: half of it stays free for what waits to be sent."""
_QUICK: Final = 0.5
"""A segment that is full within so many seconds makes the next ones four times as large."""
_MOVE_AT_ONCE: Final = 200
_RETRY_SECONDS: Final = 1.0


class Spool:
    """Records of this process, from `append` until they are settled.

    `open_directory` gives the directory to write to, or None where all has to stay in memory; it is called
    by `prepare`, and once more by the first append after `forget` or `close`. `wake_exporter` and
    `wake_keeper` are called with the lock held and must not wait. `append` may be interrupted by a signal
    handler or a finalizer that appends: hence the reentrant lock, and a segment and its end that change in
    one assignment. `durable`: no segment is let go before the disk has it; `sync` sees to the current one.
    """

    def __init__(
        self,
        open_directory: Callable[[], ProcessDir | None],
        *,
        max_bytes: int,
        max_memory: int,
        wake_exporter: Callable[[], None],
        wake_keeper: Callable[[], None],
        durable: bool = False,
    ) -> None:
        self._open_directory = open_directory
        self._wake_exporter = wake_exporter
        self._wake_keeper = wake_keeper
        self._max_bytes = max_bytes
        self._max_memory = max_memory
        self._durable = durable
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._spill = MemoryBuffer(self._max_memory)
        self._spares: deque[SegmentWriter] = deque()
        self._retired: deque[SegmentWriter] = deque()
        self._current: SegmentWriter | None = None
        self._entry: Entry | None = None
        self._backlog: Backlog | None = None
        self._size = max(_SMALLEST_SIZE, min(_FIRST_SIZE, self._max_bytes // _SHARE))
        self._synced: tuple[SegmentWriter | None, int] = (None, 0)
        self._rolling = False
        self._rolled_at = 0.0
        self._next_number = 1
        self._asleep = True
        self._keeper_called = False
        self._opened = False
        self.directory: ProcessDir | None = None
        self.losses = LossLedger(None)
        self.rejected = RejectedFile(None)
        self.recorded = 0
        self.settled = 0
        self.spilled = 0

    def prepare(self) -> None:
        """Open the directory and make the first segments. Waits for the disk; never raises."""
        self._opened = True
        directory = self._open_directory()
        if directory is None:
            return
        self.directory = directory
        self.losses.move(directory.path)
        self.rejected = RejectedFile(directory.path)
        self._backlog = Backlog(directory, self.losses)
        with suppress(OSError):  # the keeper comes upon it again, and reports it
            self.maintain()
            with self._lock:
                if self._current is None:
                    self._take_spare(0)
            self.maintain()

    def forget(self) -> None:
        """In a forked child: let go of the parent's files without touching them, and begin anew.

        The first append in the child opens a directory of its own, which waits for the disk once.
        """
        for segment in [*self._spares, *self._retired, *([self._current] if self._current else [])]:
            segment.close()
        if self._backlog is not None:
            self._backlog.close()
        if self.directory is not None:
            self.directory.forget_inherited()
        self._reset()

    # --- callers

    def append(self, record: bytes) -> None:
        """Keep one record. Never waits for net or disk; never raises."""
        with self._lock:
            current = self._current
            if current is None or not current.write(record):
                self._append_slowly(record)
            self.recorded += 1
            if self._asleep:
                self._asleep = False
                self._wake_exporter()

    def _append_slowly(self, record: bytes) -> None:
        if not self._opened:
            self.prepare()
        if self._store(record):
            return
        self._spill.append(record)
        if self._backlog is not None:
            self.spilled += 1
        if self._backlog is not None or self._spill.dropped:
            self._call_keeper()

    def _store(self, record: bytes) -> bool:
        """Write to the current segment or begin the next one; False where neither has room."""
        if self._current is not None and self._current.write(record):
            return True
        if self._rolling:  # a signal handler came upon the lines below
            return False
        self._rolling = True
        try:
            self._take_spare(len(record) + FRAME_OVERHEAD)
        finally:
            self._rolling = False
        return self._current is not None and self._current.write(record)

    def _call_keeper(self) -> None:
        if not self._keeper_called:
            self._keeper_called = True
            self._wake_keeper()

    def _take_spare(self, needed: int) -> None:
        """Go on in the first spare that is large enough, the reserve last; nothing where there is none."""
        fitting = [spare for spare in list(self._spares) if spare.size >= needed]
        if fitting:
            spare = next((spare for spare in fitting if spare.warm), fitting[0])
            self._spares.remove(spare)
            self._roll(spare)

    def _roll(self, spare: SegmentWriter) -> None:
        former, entry = self._current, self._entry
        self._entry = Entry(number=spare.number, path=spare.path, size=spare.size, end=0, sealed=False)
        self._current = spare
        if former is not None and entry is not None:
            entry.end = former.end
            entry.sealed = True
            self._retired.append(former)
            self._call_keeper()
        if self._backlog is not None:
            self._backlog.add(self._entry)
        now = time.monotonic()
        if now - self._rolled_at < _QUICK:
            self._size = min(self._size * 4, _LARGEST_SIZE, max(self._size, self._max_bytes // _SHARE))
        self._rolled_at = now

    # --- the exporter's thread

    def may_sleep(self) -> bool:
        """Whether nothing is waiting. After True the next append wakes the exporter."""
        self._asleep = True
        if self.pending_bytes:
            self._asleep = False
            return False
        return True

    @property
    def pending_bytes(self) -> int:
        self._publish()
        return self._spill.size + (self._backlog.pending_bytes if self._backlog else 0)

    def next_batch(self, read: Batch | None = None) -> Batch | None:
        """The oldest records that are not settled, from disk first: `read`, where it holds just these. Raises
        `OSError`."""
        recorded = self._publish()
        try:
            batch = None if self._backlog is None else self._backlog.next_batch(read)
        except FileNotFoundError:
            self._mourn_directory()
            return None
        if batch is None and len(self._spill):
            with self._lock:
                records = self._spill.take(MAX_BATCH_RECORDS, MAX_BATCH_BYTES)
            batch = Batch(records=records) if records else None
        if batch is None:
            with self._lock:  # all is settled, whatever became of a record that the disk did not give back
                self.settled = max(self.settled, recorded)
        return batch

    def batch_after(self, batch: Batch) -> Batch | None:
        """A full batch of what lies behind `batch` on disk, None where there is less. Raises `OSError`."""
        self._publish()
        return None if self._backlog is None else self._backlog.batch_after(batch)

    def _mourn_directory(self) -> None:
        """Somebody deleted the spool under us: count what was in it; the next append opens another."""
        self.close()
        with self._lock:
            gone = max(0, self.recorded - self.settled - len(self._spill))
        self._lose(Counter({UNREADABLE: gone}))

    def settle(self, batch: Batch) -> None:
        """Done with the batch. Raises `OSError`, after which the batch may come again: that is harmless."""
        with self._lock:
            self.settled += len(batch.records)
        if self._backlog is not None:
            self._backlog.settle(batch)

    def put_back(self, batch: Batch) -> None:
        """The batch could not be delivered and its time is over."""
        if batch.entry is None:
            with self._lock:
                self._spill.put_back(batch.records)
        else:
            batch.entry.in_flight = False

    def _publish(self) -> int:
        """Let the reader see all that was written, and say how many records were.

        Under the lock no frame is half written.
        """
        with self._lock:
            if self._current is not None and self._entry is not None and not self._entry.sealed:
                self._entry.end = self._current.end
            return self.recorded

    # --- the keeper's thread

    def maintain(self) -> float | None:
        """Spares, the cap, what waits in memory, counts. Seconds until it wants to be called again, or None.

        Raises `OSError` where the disk refuses; what was recorded then stays in memory, bounded.
        """
        self._keeper_called = False
        while self._retired:
            former = self._retired.popleft()
            if self._durable:
                former.sync()
            former.close()
        self._count_drops()
        if self.directory is None:
            return None
        while True:
            self._drain_spill()
            ready = list(self._spares)
            if len(self._spill) or sum(spare.warm for spare in ready) < _SPARES:
                made = self._make_spare(self._size, warm=True)
            elif all(spare.warm or spare.size < self._reserve_size for spare in ready):
                made = self._make_spare(self._reserve_size, warm=False)
            else:
                break
            if not made:
                self._count_drops()
                return _RETRY_SECONDS
        self.losses.save()
        return None

    @property
    def _reserve_size(self) -> int:
        wanted = min(_RESERVE_SEGMENTS * self._size, _LARGEST_RESERVE)
        return max(self._size, min(wanted, self._max_bytes // _SHARE))

    def _make_spare(self, size: int, *, warm: bool) -> bool:
        directory, backlog = self.directory, self._backlog
        if directory is None or backlog is None:
            return False
        with self._lock:
            size = max(size, self._spill.largest() + FRAME_OVERHEAD)
        spare_bytes = sum(spare.size for spare in list(self._spares))
        while backlog.disk_bytes + spare_bytes + size > self._max_bytes:
            dropped = backlog.drop_oldest()
            if dropped is None:
                return False
            self._lose(dropped)
        number = self._next_number
        self._next_number += 1
        spare = SegmentWriter(directory.segment_path(number), number, size, warm=warm)
        with self._lock:
            self._spares.append(spare)
        return True

    def _drain_spill(self) -> None:
        """Move what waits in memory to disk, a little at a time: callers wait for this lock."""
        while len(self._spill):
            with self._lock:
                waiting = self._spill.take(_MOVE_AT_ONCE, MAX_BATCH_BYTES)
                for done, record in enumerate(waiting):
                    if not self._store(record):
                        self._spill.put_back(waiting[done:])
                        return

    def _count_drops(self) -> None:
        with self._lock:
            dropped, self._spill.dropped = self._spill.dropped, Counter()
        if dropped:
            self._lose(dropped)

    def _lose(self, dropped: Counter[str]) -> None:
        self.losses.add(dropped)
        with self._lock:
            self.settled += dropped.total()

    def sync(self) -> None:
        """Wait until the disk has what was written so far. Full segments see to that as they are let go."""
        current = self._current
        if current is not None and (current, current.end) != self._synced:
            self._synced = (current, current.end)
            current.sync()

    # --- ends

    def close(self) -> None:
        """Let go of the directory: removed where all is settled, else left for whoever delivers it.

        What is only in memory goes to disk where it can. An append after this opens a new directory, which
        stays for a later process. Never raises.
        """
        with suppress(OSError):
            self.maintain()
        with self._lock:
            self._publish()
            current, self._current, self._entry = self._current, None, None
            directory, self.directory = self.directory, None
            backlog, self._backlog = self._backlog, None
            segments = [*self._retired, *self._spares]
            spares = list(self._spares)
            self._retired.clear()
            self._spares.clear()
            self._opened = False
        for segment in [*segments, *([current] if current is not None else [])]:
            segment.close()
        if directory is None or backlog is None:
            return
        empty = backlog.pending_bytes == 0
        backlog.close()
        with suppress(OSError):
            if empty:
                retire(directory)
                return
            for spare in spares:
                spare.path.unlink(missing_ok=True)
        directory.release()
