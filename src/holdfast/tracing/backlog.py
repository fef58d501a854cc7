"""The segments of one directory that are not acknowledged yet, oldest first: read, acknowledged, dropped."""

from __future__ import annotations

import os
import threading
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from holdfast.tracing.losses import UNREADABLE, LossLedger, kinds_of
from holdfast.tracing.process_dir import ProcessDir
from holdfast.tracing.segment import Chunk, iter_records, read_chunk

__all__ = ["MAX_BATCH_BYTES", "MAX_BATCH_RECORDS", "Backlog", "Batch", "Entry"]

MAX_BATCH_RECORDS: Final = 2000
MAX_BATCH_BYTES: Final = 2 << 20


@dataclass(slots=True, kw_only=True)
class Entry:
    """One segment. `end` is where reading stops; it moves while the segment is the one written to."""

    number: int
    path: Path
    size: int
    end: int
    sealed: bool
    offset: int = 0
    in_flight: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Records to deliver together. `entry` is None where they were only in memory."""

    records: list[bytes]
    entry: Entry | None = None
    offset: int = 0
    next_offset: int = 0


class Backlog:
    """Read by one exporter thread; `add` and `drop_oldest` may come from others.

    Acknowledged segments are deleted, and the cursor is written after each acknowledgement: after a kill, at
    most the last batch is delivered again.
    """

    def __init__(self, directory: ProcessDir, losses: LossLedger) -> None:
        self._directory = directory
        self._losses = losses
        self._entries: deque[Entry] = deque()
        self._lock = threading.Lock()
        self._fd = -1
        self._open_number = -1

    @classmethod
    def of_dead_process(cls, directory: ProcessDir, losses: LossLedger) -> Backlog:
        """What a dead process left. Its segments' ends are not known: reading finds them."""
        backlog = cls(directory, losses)
        number_at, offset_at = directory.load_cursor()
        for number, path in directory.segments():
            with suppress(OSError):
                size = path.stat().st_size
                offset = offset_at if number == number_at else 0
                entry = Entry(number=number, path=path, size=size, end=size, sealed=True, offset=offset)
                backlog.add(entry)
        return backlog

    def add(self, entry: Entry) -> None:
        """Takes no lock: it is called by whoever records, at times from within a signal handler."""
        self._entries.append(entry)

    @property
    def pending_bytes(self) -> int:
        return sum(max(0, entry.end - entry.offset) for entry in list(self._entries))

    @property
    def disk_bytes(self) -> int:
        return sum(entry.size for entry in list(self._entries))

    def next_batch(self, read: Batch | None = None) -> Batch | None:
        """The oldest unacknowledged records; the same ones again until `settle`. `read` is given back where it
        holds just these. Raises `OSError`."""
        while True:
            with self._lock:
                entry = self._entries[0] if self._entries else None
                if entry is None:
                    return None
                entry.in_flight = True
            if read is not None and read.entry is entry and read.offset == entry.offset:
                return read
            sealed, end = entry.sealed, entry.end  # in this order: a sealed segment's end moves no more
            chunk = self._read(entry, entry.offset, end)
            if chunk.unreadable:
                self._losses.add({UNREADABLE: chunk.unreadable})
            if chunk.records:
                return _batch(entry, entry.offset, chunk)
            entry.in_flight = False
            if not sealed:
                return None
            self._finish(entry)

    def batch_after(self, batch: Batch) -> Batch | None:
        """A full batch of what lies behind `batch` in its segment, None where there is less. Raises `OSError`."""
        entry = batch.entry
        if entry is None or entry.end - batch.next_offset < MAX_BATCH_BYTES:
            return None
        chunk = self._read(entry, batch.next_offset, entry.end)
        if chunk.unreadable or not chunk.records:
            return None  # counted when its turn comes
        return _batch(entry, batch.next_offset, chunk)

    def settle(self, batch: Batch) -> None:
        """The batch is delivered or set aside: never read again. Raises `OSError`."""
        entry = batch.entry
        if entry is None:
            return
        entry.offset = batch.next_offset
        entry.in_flight = False
        if entry.sealed and entry.offset >= entry.end:
            self._finish(entry)
        else:
            with suppress(OSError):  # a full disk: after a kill the batch comes again
                self._directory.save_cursor(entry.number, entry.offset)

    def drop_oldest(self) -> Counter[str] | None:
        """Delete the oldest sealed segment that is not being sent, and count what was unsent in it by kind.

        None where there is no such segment. Raises `OSError`.
        """
        with self._lock:
            droppable = (entry for entry in list(self._entries) if entry.sealed and not entry.in_flight)
            entry = next(droppable, None)
            if entry is None:
                return None
            self._entries.remove(entry)
        try:
            return kinds_of(iter_records(entry.path, entry.offset, entry.end))
        except OSError:
            return Counter({UNREADABLE: 1})
        finally:
            entry.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file that was read last. The directory is the owner's to release or remove."""
        if self._fd >= 0:
            with suppress(OSError):
                os.close(self._fd)
        self._fd, self._open_number = -1, -1

    def _finish(self, entry: Entry) -> None:
        self.close()
        entry.path.unlink(missing_ok=True)
        with self._lock, suppress(ValueError):
            self._entries.remove(entry)

    def _read(self, entry: Entry, offset: int, end: int) -> Chunk:
        return read_chunk(
            self._descriptor(entry), offset, end, max_records=MAX_BATCH_RECORDS, max_bytes=MAX_BATCH_BYTES
        )

    def _descriptor(self, entry: Entry) -> int:
        if self._open_number != entry.number:
            self.close()
            self._fd = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC)
            self._open_number = entry.number
        return self._fd


def _batch(entry: Entry, offset: int, chunk: Chunk) -> Batch:
    return Batch(records=chunk.records, entry=entry, offset=offset, next_offset=chunk.next_offset)
