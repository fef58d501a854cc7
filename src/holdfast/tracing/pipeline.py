"""Spool, exporter and their two threads as one thing: what the SDK appends to."""

from __future__ import annotations

import atexit
import os
import queue
import socket
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from holdfast._settings import read_setting, state_dir
from holdfast.errors import SpoolError
from holdfast.tracing.adoption import Adoption
from holdfast.tracing.any_server import ahead_to, post_to
from holdfast.tracing.destination import Destination
from holdfast.tracing.exporter import Exporter
from holdfast.tracing.live_runs import LiveRuns
from holdfast.tracing.problems import ProblemLog
from holdfast.tracing.process_dir import ProcessDir
from holdfast.tracing.spool import Spool
from holdfast.tracing.transport import TransportOptions
from holdfast.tracing.verdict import Control, Problem
from holdfast.wire.questions import AnswerGiven
from holdfast.wire.spool_state import SpoolState

__all__ = [
    "Control",
    "Destination",
    "Pipeline",
    "PipelineOptions",
    "PipelineStats",
    "TransportOptions",
    "open_pipeline",
    "spool_root",
]


def spool_root(given: str | os.PathLike[str] | None = None) -> Path:
    """The directory of all spools: `given`, else the setting `spool`, else beside the SDK's other state."""
    named = read_setting("spool", None if given is None else os.fspath(given))
    return Path(named).expanduser() if named else state_dir() / "spool"


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineOptions:
    """Where records wait and how they travel. Sizes in bytes, times in seconds; see the settings' table.

    `root` None keeps everything in memory. `adopt` False leaves dead processes' records alone.
    """

    root: Path | None = field(default_factory=spool_root)
    spool_max: int = 1 << 30
    spool_memory: int = 32 << 20
    fsync_interval: float = 0.0
    export_interval: float = 0.2
    flush_timeout: float = 2.0
    control_interval: float = 30.0
    adopt: bool = True
    transport: TransportOptions = field(default_factory=TransportOptions)

    @classmethod
    def from_settings(cls, spool: str | os.PathLike[str] | None = None) -> PipelineOptions:
        """What arguments, environment and settings file say. Raises `SettingError`."""
        return cls(
            root=spool_root(spool),
            spool_max=read_setting("spool_max"),
            spool_memory=read_setting("spool_memory"),
            fsync_interval=read_setting("fsync_interval"),
            export_interval=read_setting("export_interval"),
            flush_timeout=read_setting("flush_timeout"),
            transport=TransportOptions(
                timeout=read_setting("timeout"),
                ca_bundle=read_setting("ca_bundle"),
                compress=read_setting("compress"),
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineStats:
    """Counts of operations since the pipeline was opened.

    `recorded` is `delivered` + `rejected` + all of `lost` + what is pending. `spilled` went through memory
    because no segment was ready. `adopted` were delivered for dead processes and are in no other number.
    `spool` is this process's directory, None where records are in memory only. `last_problem` is None while
    delivery works.
    """

    recorded: int
    delivered: int
    rejected: int
    lost: dict[str, int]
    spilled: int
    adopted: int
    pending_bytes: int
    last_problem: str | None
    spool: Path | None


class Pipeline:
    """Takes records and sees to it that they arrive. Made by `open_pipeline`.

    `append` is the hot path: about a microsecond, never waits, never raises. It keeps working after a fork
    (the child gets a directory, threads and counts of its own) and after `close` (onto the disk, for a later
    process). The threads start with the first record.
    """

    def __init__(self, destination: Destination, options: PipelineOptions) -> None:
        self.destination = destination
        self.options = options
        self._spool = Spool(
            self._open_directory,
            max_bytes=options.spool_max,
            max_memory=options.spool_memory,
            wake_exporter=self._wake_exporter,
            wake_keeper=self._wake_keeper,
            durable=options.fsync_interval > 0,
        )
        self._warned = False
        self._closed = False
        self._begin()
        self._spool.prepare()
        self.append: Callable[[bytes], None] = self._spool.append
        _all.add(self)
        atexit.register(self._at_exit)

    def _begin(self) -> None:
        """All that a fork must make anew."""
        self._problems = ProblemLog()
        self._runs = LiveRuns()
        self._keeper_wake: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._started = False
        self._left_behind = False
        self._adoption = (
            Adoption(self._own_destination, self.options.spool_max) if self.options.adopt else None
        )
        self._exporter = Exporter(
            post_to(self.destination, self.options.transport, self._tell),
            spool=self._spool,
            adoption=self._adoption,
            runs=self._runs,
            problems=self._problems,
            interval=self.options.export_interval,
            control_interval=self.options.control_interval,
            ahead=ahead_to(self.destination, self.options.transport),
        )

    # --- what the SDK calls

    def flush(self, timeout: float) -> bool:
        """Wait until all that was recorded before this call is settled at the server; False past `timeout`.

        Also False where some of it was lost (the cap, a full disk) instead of delivered.
        """
        if self._closed:
            return self._spool.pending_bytes == 0
        recorded = self._spool.recorded
        lost = self._spool.losses.total
        self._start()
        return self._exporter.wait_for(recorded, timeout) and self._spool.losses.total == lost

    def close(self, timeout: float) -> bool:
        """Deliver what can be within `timeout` seconds in all, end the threads, let go of the directory.

        True where everything was delivered; the rest stays on disk for the next process. While the server
        cannot be reached one attempt is made, not `timeout` seconds of them. A repetition does nothing.
        """
        if self._closed:
            return self._spool.pending_bytes == 0
        self._closed = True
        atexit.unregister(self._at_exit)
        deadline = time.monotonic() + timeout
        if self._spool.recorded > self._spool.settled:
            self._start()
        self._exporter.stop(deadline)
        self._keeper_wake.put(False)
        if self._started and not self._threads:  # the interpreter is ending: no thread would start
            self._exporter.run()
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()) + 0.05)
        delivered = self._spool.pending_bytes == 0
        self._left_behind = True  # a thread that hangs in a request closes the spool when that is over
        if not any(thread.is_alive() for thread in self._threads):
            self._spool.close()
        return delivered

    def stats(self) -> PipelineStats:
        """The counts now."""
        spool, tally = self._spool, self._exporter.tally
        return PipelineStats(
            recorded=spool.recorded,
            delivered=tally.delivered,
            rejected=tally.rejected,
            lost=spool.losses.by_kind,
            spilled=spool.spilled,
            adopted=tally.adopted,
            pending_bytes=spool.pending_bytes,
            last_problem=self._problems.last,
            spool=spool.directory.path if spool.directory else None,
        )

    def control(self, instance_id: str) -> Control | None:
        """The server's latest word to a run, None where there was none."""
        return self._exporter.tally.control.get(instance_id)

    def answer(self, instance_id: str, question_id: str) -> AnswerGiven | None:
        """What somebody has answered to a question of a run. As long as it is looked for, the server is asked
        every second."""
        if self._runs.seek(instance_id, time.monotonic()):
            self._wake_exporter()
        word = self.control(instance_id)
        return None if word is None else word.answers.get(question_id)

    def watch(self, instance_id: str, *, owned: bool = True) -> None:
        """A run is live: ask for its control from time to time. `owned`: this process began it, so that the
        run is ended as failed (`ProcessDied`) by whoever finds this process dead."""
        self._runs.watch(instance_id, owned=owned)

    def unwatch(self, instance_id: str) -> None:
        """The run ended."""
        self._runs.unwatch(instance_id)
        self._exporter.tally.control.pop(instance_id, None)

    def _tell(self) -> SpoolState:
        return SpoolState(
            client=f"{socket.gethostname()[:100]}:{os.getpid()}",
            lost=self._spool.losses.total,
            waiting=self._spool.pending_bytes,
            behind=round(self._exporter.behind, 1),
        )

    # --- threads

    def _wake_exporter(self) -> None:
        if not self._started:
            self._start()
        self._exporter.wake()

    def _wake_keeper(self) -> None:
        self._keeper_wake.put(True)

    def _start(self) -> None:
        if self._started:
            return
        self._started = True
        threads = [
            threading.Thread(target=self._export, name="holdfast-export", daemon=True),
            threading.Thread(target=self._keep, name="holdfast-spool", daemon=True),
        ]
        with suppress(RuntimeError):  # at interpreter end none starts: `close` delivers by itself then
            for thread in threads:
                thread.start()
                self._threads.append(thread)

    def _export(self) -> None:
        """Body of the exporter's thread."""
        self._exporter.run()
        if self._left_behind:
            self._spool.close()

    def _keep(self) -> None:
        """Body of the keeper's thread: segments in advance, the cap, fsync."""
        interval = self.options.fsync_interval or None
        while True:
            try:
                lost = self._spool.losses.total
                wait = self._spool.maintain()
                if self._spool.losses.total > lost:
                    self._problems.report(Problem.LOST, f"{self._spool.losses.total} operations")
                if self._spool.directory is not None:
                    self._runs.save(self._spool.directory.path)
                    if interval:
                        self._spool.sync()
            except OSError as error:
                self._problems.report(Problem.DISK, str(error))
                wait = 1.0
            except Exception as error:  # noqa: BLE001 - without a keeper all would have to stay in memory
                self._problems.report(Problem.BUG, repr(error))
                wait = 1.0
            waits = [seconds for seconds in (wait, interval) if seconds is not None]
            with suppress(queue.Empty):
                if not self._keeper_wake.get(timeout=min(waits, default=None)):
                    return

    # --- places

    def _open_directory(self) -> ProcessDir | None:
        root = self.options.root
        if root is None:
            return None
        try:
            return ProcessDir.create(root, self.destination)
        except (OSError, SpoolError) as error:
            if not self._warned:
                self._warned = True
                self._problems.report(Problem.DISK, str(error))
            return None

    def _own_destination(self) -> list[Path]:
        root = self.options.root
        return [] if root is None else [root / self.destination.key]

    # --- ends and forks

    def _at_exit(self) -> None:
        self.close(self.options.flush_timeout)

    def after_fork_in_child(self) -> None:
        """The parent's records are the parent's; its threads do not exist here."""
        self._spool.forget()
        self._begin()

    def after_fork_in_parent(self) -> None:
        """The child may die and leave records to adopt."""
        if self._adoption is not None:
            self._adoption.expect()
            self._exporter.wake()


_all: Final[weakref.WeakSet[Pipeline]] = weakref.WeakSet()


def _in_child() -> None:
    for pipeline in list(_all):
        pipeline.after_fork_in_child()


def _in_parent() -> None:
    for pipeline in list(_all):
        pipeline.after_fork_in_parent()


if hasattr(os, "register_at_fork"):  # not everywhere
    os.register_at_fork(after_in_child=_in_child, after_in_parent=_in_parent)


def open_pipeline(destination: Destination, options: PipelineOptions) -> Pipeline:
    """A pipeline, whatever the disk says: where the spool cannot be written it keeps a bounded amount in
    memory and logs that once."""
    return Pipeline(destination, options)
