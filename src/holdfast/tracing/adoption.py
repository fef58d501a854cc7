"""What dead processes left in the spool, taken over one directory at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from holdfast.tracing.backlog import Backlog, Batch
from holdfast.tracing.compaction import compact_dead
from holdfast.tracing.live_runs import died, open_runs
from holdfast.tracing.losses import LOSSES_FILE, LossLedger, load_losses
from holdfast.tracing.process_dir import ProcessDir, hold
from holdfast.tracing.rejected import REJECTED_FILE, RejectedFile
from holdfast.tracing.segment import iter_records

__all__ = ["Adoption", "DeadSpool", "retire"]

_RESCAN_SECONDS: Final = 5.0


class DeadSpool:
    """A dead process's records: delivered as a live spool's are, then the ends of its unfinished runs."""

    def __init__(self, directory: ProcessDir) -> None:
        self._directory = directory
        self.losses = LossLedger(directory.path)
        self.rejected = RejectedFile(directory.path)
        self._backlog = Backlog.of_dead_process(directory, self.losses)
        self._deaths = [
            died(run, directory.path.name) for run in open_runs(directory.path, self._all_records())
        ]

    def _all_records(self) -> Iterator[bytes]:
        for _, path in self._directory.segments():
            with suppress(OSError):
                yield from iter_records(path, 0, path.stat().st_size)

    @property
    def pending_bytes(self) -> int:
        return self._backlog.pending_bytes

    def next_batch(self, read: Batch | None = None) -> Batch | None:
        """The oldest unsettled records: `read`, where it holds just these. Raises `OSError`."""
        batch = self._backlog.next_batch(read)
        return Batch(records=self._deaths) if batch is None and self._deaths else batch

    def batch_after(self, batch: Batch) -> Batch | None:
        """A full batch of what lies behind `batch`, None where there is less. Raises `OSError`."""
        return self._backlog.batch_after(batch)

    def settle(self, batch: Batch) -> None:
        """Raises `OSError`."""
        if batch.entry is None:
            self._deaths = []
        self._backlog.settle(batch)

    def put_back(self, batch: Batch) -> None:
        """Nothing to do: what is not settled is still on disk."""

    def finish(self) -> None:
        """All is settled: keep its counts and refusals, remove the directory. Raises `OSError`."""
        self._backlog.close()
        self.losses.save()
        retire(self._directory)

    def release(self) -> None:
        """Leave the rest to another adopter."""
        self._backlog.close()
        self._directory.release()


def retire(directory: ProcessDir) -> None:
    """Remove an empty process directory; its losses and refusals move up to the destination's.

    A kill in the middle may count losses twice, never lose the count. Raises `OSError`.
    """
    path, above = directory.path, directory.path.parent
    with hold(above / "lock"):
        losses = load_losses(path)
        if losses:
            merged = LossLedger(above)
            merged.add(losses)
            merged.save()
        (path / LOSSES_FILE).unlink(missing_ok=True)
        refused = path / REJECTED_FILE
        if refused.exists():
            with (above / REJECTED_FILE).open("ab") as file:
                file.write(refused.read_bytes())
            refused.unlink()
    directory.remove()


class Adoption:
    """Finds the directories of dead processes under the given destinations.

    `destinations` is asked at each scan. A scan is due at the start, every few seconds while neighbours are
    alive (or were expected by `expect`), and whenever `due` is asked long after the last.
    """

    def __init__(
        self, destinations: Callable[[], list[Path]], max_bytes: int | None = None, *, always: bool = False
    ) -> None:
        self._destinations = destinations
        self._max_bytes = max_bytes
        self._always = always
        self._scanned_at = float("-inf")
        self._neighbours = True

    def expect(self) -> None:
        """A child process was made: it may die and leave something."""
        self._neighbours = True

    @property
    def wait(self) -> float | None:
        """Seconds until a scan is worth while; None where no neighbour is known."""
        if not (self._neighbours or self._always):
            return None
        return max(0.0, self._scanned_at + _RESCAN_SECONDS - time.monotonic())

    def compact(self) -> None:
        """Nothing can be delivered now: keep what waits for it small, once. `max_bytes` None: do nothing."""
        max_bytes, self._max_bytes = self._max_bytes, None
        if max_bytes is not None:
            for above in self._destinations():
                with suppress(OSError):
                    compact_dead(above, max_bytes)

    def due(self) -> bool:
        return time.monotonic() - self._scanned_at >= _RESCAN_SECONDS

    def next_dead(self) -> DeadSpool | None:
        """Take over one directory, or None. Does the files' work on the calling thread."""
        self._neighbours = False
        for above in self._destinations():
            for path in ProcessDir.all_of(above):
                directory = ProcessDir.adopt(path)
                if directory is None:
                    self._neighbours |= not path.name.startswith(f"{os.getpid()}-")  # but for ourselves
                    continue
                try:
                    return DeadSpool(directory)
                except OSError:
                    directory.release()
        self._scanned_at = time.monotonic()
        return None
