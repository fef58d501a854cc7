"""What the spool of this machine holds, for people: `holdfast spool status` and `doctor`."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from holdfast.tracing.losses import load_losses
from holdfast.tracing.process_dir import ProcessDir, destination_dirs
from holdfast.tracing.rejected import REJECTED_FILE
from holdfast.tracing.segment import iter_records

__all__ = ["ProcessSpool", "spool_status"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpool:
    """One directory of the spool: a process's, or (`process` None) the leavings of a destination's dead.

    `pending` counts the operations that are not acknowledged, `pending_bytes` is their size; `disk_bytes`
    is what the files take. `alive` says that a process has it locked: its owner or an adopter.
    """

    path: Path
    url: str
    token_fingerprint: str
    process: str | None
    alive: bool
    pending: int
    pending_bytes: int
    disk_bytes: int
    rejected: int
    losses: dict[str, int]


def spool_status(root: Path) -> list[ProcessSpool]:
    """Every directory of the spool at `root`. Reads all that is pending; changes nothing."""
    found: list[ProcessSpool] = []
    for above, known in destination_dirs(root):
        for path in (above, *ProcessDir.all_of(above)):
            process = None if path == above else path.name
            pending, pending_bytes = (0, 0) if process is None else _pending(path)
            rejected, losses = _count_lines(path / REJECTED_FILE), load_losses(path)
            if process is None and not rejected and not losses:
                continue
            found.append(
                ProcessSpool(
                    path=path,
                    url=known.url,
                    token_fingerprint=known.token_fingerprint,
                    process=process,
                    alive=process is not None and _is_locked(path),
                    pending=pending,
                    pending_bytes=pending_bytes,
                    disk_bytes=_disk_bytes(path),
                    rejected=rejected,
                    losses=dict(losses),
                )
            )
    return found


def _pending(path: Path) -> tuple[int, int]:
    directory = ProcessDir.look_at(path)
    number_at, offset_at = directory.load_cursor()
    totals: Counter[str] = Counter()
    for number, segment in directory.segments():
        with suppress(OSError):  # its process may have just finished and removed it
            offset = offset_at if number == number_at else 0
            for record in iter_records(segment, offset, segment.stat().st_size):
                totals.update({"records": 1, "bytes": len(record)})
    return totals["records"], totals["bytes"]


def _disk_bytes(path: Path) -> int:
    size = 0
    for file in path.glob("*"):
        with suppress(OSError):
            size += file.stat().st_size if file.is_file() else 0
    return size


def _is_locked(path: Path) -> bool:
    directory = ProcessDir.adopt(path)
    if directory is None:
        return True
    directory.release()
    return False


def _count_lines(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return sum(1 for _ in file)
    except OSError:
        return 0
