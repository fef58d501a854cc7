"""Keeps small what dead processes left while no server can be reached: an agent that dies again and again
must not fill the disk with preallocated segments."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from holdfast.tracing.losses import LossLedger, kinds_of
from holdfast.tracing.process_dir import ProcessDir
from holdfast.tracing.segment import content_end, iter_records

__all__ = ["compact_dead"]

_TAIL: Final = 64


def compact_dead(above: Path, max_bytes: int) -> None:
    """Cut the segments of dead processes to what is in them and delete the empty ones; then, while all
    together take more than `max_bytes`, the oldest segments, their unsent records counted as lost.

    Leaves alone what is locked. Raises `OSError`.
    """
    taken = 0
    for path in reversed(ProcessDir.all_of(above)):
        directory = ProcessDir.adopt(path)
        if directory is None:
            continue
        try:
            taken = _compact(directory, taken, max_bytes)
        finally:
            directory.release()


def _compact(directory: ProcessDir, taken: int, max_bytes: int) -> int:
    losses = LossLedger(directory.path)
    number_at, offset_at = directory.load_cursor()
    for number, path in reversed(directory.segments()):
        size = _cut(path)
        if size and taken + size > max_bytes:
            offset = offset_at if number == number_at else 0
            losses.add(kinds_of(iter_records(path, offset, size)))
            path.unlink()
        taken += size
    losses.save()
    return taken


def _cut(path: Path) -> int:
    """Remove the zeros behind the last record; the size that remains, 0 for a file that is gone."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _TAIL))
        if file.read().strip(b"\0"):
            return size  # cut before, or full
    end = content_end(path)
    if end:
        os.truncate(path, end)
    else:
        with suppress(FileNotFoundError):
            path.unlink()
    return end
