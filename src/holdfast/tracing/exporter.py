"""The exporter: takes batches from the spool and from what dead processes left, and delivers them."""

from __future__ import annotations

import queue
import time
from collections.abc import Set
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Condition
from typing import Final, Protocol

import msgspec

from holdfast.errors import DeliveryError
from holdfast.tracing.adoption import Adoption, DeadSpool
from holdfast.tracing.ahead import Ahead
from holdfast.tracing.backlog import MAX_BATCH_BYTES, Batch
from holdfast.tracing.delivery import Delivery, Post, Step, send_records
from holdfast.tracing.live_runs import LiveRuns
from holdfast.tracing.losses import LossLedger, kinds_of
from holdfast.tracing.problems import ProblemLog
from holdfast.tracing.rejected import RejectedFile, Rejection
from holdfast.tracing.spool import Spool
from holdfast.tracing.suspicion import Standing
from holdfast.tracing.verdict import SLOW_RETRY, Control, Problem, Verdict

__all__ = ["Exporter", "Source", "Tally"]

_CONTROL_PATH: Final = "/api/v1/control"
_MOST_ASKED: Final = 500
_NO_CONTROL_SECONDS: Final = 3600.0
_URGENT_SECONDS: Final = 1.0
"""So often the server is asked while somebody looks for an answer …"""
_SOUGHT_SECONDS: Final = 5.0
"""… and so long after the last look."""
_GATHERINGS: Final = 4
"""So often is it looked, while records gather, whether they fill a batch already."""


class _ControlAnswer(msgspec.Struct, frozen=True, kw_only=True):
    status: str
    control: dict[str, Control] = msgspec.field(default_factory=dict)


class Source(Protocol):
    """Where batches come from: the live `Spool` or a `DeadSpool`."""

    rejected: RejectedFile
    losses: LossLedger

    def next_batch(self, read: Batch | None = None) -> Batch | None:
        """The oldest records that are not settled: `read`, where it holds just these. Raises `OSError`."""
        ...

    def batch_after(self, batch: Batch) -> Batch | None:
        """A full batch of the records behind `batch`, None where there are not so many yet. Raises `OSError`."""
        ...

    def settle(self, batch: Batch) -> None:
        """The batch needs no further sending. Raises `OSError`."""
        ...

    def put_back(self, batch: Batch) -> None:
        """The batch was not delivered and will not be by this exporter."""
        ...


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came of this exporter's own records (`delivered`, `rejected`) and of those it adopted."""

    delivered: int = 0
    rejected: int = 0
    adopted: int = 0
    control: dict[str, Control] = field(default_factory=dict)


class Exporter:
    """Delivers until told to stop. `run` is the body of its thread; the other methods may be called from any.

    The thread sleeps without end while nothing is recorded, no run is watched and no neighbour is known.
    """

    def __init__(
        self,
        post: Post,
        *,
        spool: Spool | None,
        adoption: Adoption | None,
        runs: LiveRuns,
        problems: ProblemLog,
        interval: float,
        control_interval: float = 30.0,
        ahead: Ahead | None = None,
    ) -> None:
        """`ahead` sends the next batch while one is under way; without it they go one after the other."""
        self._post = post
        self._ahead = ahead
        self._following: Batch | None = None
        self._spool = spool
        self._adoption = adoption
        self._runs = runs
        self._problems = problems
        self._interval = interval
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()  # its `put` may interrupt itself: signals
        self._progress = Condition()
        self._hurried = False
        self._waiting = 0
        self._deadline: float | None = None
        self._given_up = False
        self._behind_since: float | None = None
        self._draining = False
        self._standing = Standing()
        self._delivery: tuple[Source, Delivery] | None = None
        self._dead: DeadSpool | None = None
        self._control_interval = control_interval
        self._control_due = time.monotonic() + control_interval
        self._control_asked = time.monotonic() - _URGENT_SECONDS
        self._has_control = True
        self.tally = Tally()

    # --- from any thread

    def wake(self) -> None:
        """Something was recorded. Reentrant, never waits."""
        self._wake.put(None)

    def hurry(self) -> None:
        """Send now, without gathering first."""
        self._hurried = True
        self._wake.put(None)

    @property
    def behind(self) -> float:
        """Seconds since all that there was had been delivered; 0 where nothing waits."""
        since = self._behind_since
        return 0.0 if since is None else time.monotonic() - since

    def wait_for(self, settled: int, timeout: float) -> bool:
        """Wait until so many of the spool's records are settled."""
        spool = self._spool
        if spool is None:
            return True
        with self._progress:
            self._waiting += 1
            self.hurry()
            try:
                return self._progress.wait_for(lambda: spool.settled >= settled, timeout)
            finally:
                self._waiting -= 1

    def stop(self, deadline: float) -> None:
        """Deliver what can be until `deadline` (monotonic seconds), then leave `run`."""
        self._given_up = False
        self._deadline = deadline
        self.hurry()

    def drain(self, timeout: float) -> bool:
        """On the calling thread, in place of `run`: take over all there is and deliver it, or stop at the
        first failure. True where nothing is left to take over."""
        self._draining = True
        self.stop(time.monotonic() + timeout)
        self.run()
        return not self._draining

    # --- the thread

    def run(self) -> None:
        """Deliver until stopped. Nothing that goes wrong ends it."""
        self._gather()
        while not self._over():
            try:
                self._turn()
            except Exception as error:  # noqa: BLE001 - a bug in delivery must not end delivery
                disk = isinstance(error, OSError)  # `Source` says that it may raise that
                self._problems.report(Problem.DISK if disk else Problem.BUG, repr(error))
                self._given_up = True
                self._abandon()
                self._sleep(SLOW_RETRY, lightly=False)
        self._abandon()

    def _over(self) -> bool:
        if self._deadline is None:
            self._given_up = False
            return False
        if time.monotonic() >= self._deadline or self._given_up:
            return True
        if self._delivery is not None or self._draining:
            return False
        return self._spool is None or self._spool.pending_bytes == 0

    def _gather(self) -> None:
        """Let what is being recorded travel together, unless somebody waits for it."""
        for _ in range(_GATHERINGS):
            full = self._spool is not None and self._spool.pending_bytes >= MAX_BATCH_BYTES
            if full or self._waiting or self._deadline is not None:
                return
            self._sleep(self._interval / _GATHERINGS, lightly=False)

    def _sleep(self, seconds: float | None, *, lightly: bool) -> None:
        """Until the time is over (None: without end) or `hurry` is called; `lightly`: or anything is recorded."""
        until = None if seconds is None else time.monotonic() + seconds
        while not self._hurried:
            if self._deadline is not None:
                if self._given_up:
                    return
                until = self._deadline if until is None else min(until, self._deadline)
            rest = None if until is None else until - time.monotonic()
            if rest is not None and rest <= 0:
                return
            with suppress(queue.Empty):
                self._wake.get(timeout=rest)
                if lightly:
                    return
        self._hurried = False

    def _turn(self) -> None:
        """One step of delivery, and the rest after it."""
        if self._delivery is None:
            self._delivery = self._next_delivery()
        if self._delivery is None:
            self._draining = False
            self._behind_since = None
            self._announce()
            self._idle()
            return
        source, delivery = self._delivery
        if self._behind_since is None:
            self._behind_since = time.monotonic()
        self._hurried = False  # whoever called for haste has it: pauses from here on are the server's wish
        self._look_ahead(source, delivery.batch)
        step = delivery.step(self._send)
        self._record(source, step)
        if not delivery.done:
            if step.problem is not None and self._adoption is not None and self._deadline is None:
                self._adoption.compact()
            if delivery.stuck:  # read again, and with it what was recorded since
                source.put_back(delivery.batch)
                self._delivery = None
            if step.pause:
                self._sleep(step.pause, lightly=False)
            return
        source.settle(delivery.batch)
        self._delivery = None
        if self._spool is not None and source is self._spool:
            self._announce()
            if self._spool.pending_bytes < MAX_BATCH_BYTES // 4:
                self._gather()

    def _next_delivery(self) -> tuple[Source, Delivery] | None:
        source: Source | None = self._spool
        batch = None
        if self._spool is not None:
            batch = self._spool.next_batch(self._following)
            self._following = None
        if batch is None and (self._deadline is None or self._draining):
            source = self._dead = self._dead or self._adopt()
            if self._dead is not None:
                batch = self._dead.next_batch()
                if batch is None:
                    self._dead.finish()
                    self._dead = None
                    return self._next_delivery()
        return None if batch is None or source is None else (source, Delivery(batch, self._standing))

    def _adopt(self) -> DeadSpool | None:
        return self._adoption.next_dead() if self._adoption is not None and self._adoption.due() else None

    def _look_ahead(self, source: Source, batch: Batch) -> None:
        """Send the batch behind this one as well, where there is a full one and the server takes them."""
        if self._ahead is None or self._following is not None or source is not self._spool:
            return
        if self._standing.failures or not self._standing.successes:
            return
        self._following = source.batch_after(batch)
        if self._following is not None:
            self._ahead.send(self._following.records, batch.records)

    def _send(self, records: list[bytes]) -> Verdict:
        if self._ahead is not None:
            accepted = self._ahead.accepted(records, self._time_left())
            if accepted is not None:
                return accepted
        return send_records(records, self._post, self._time_left())

    def _time_left(self) -> float | None:
        return None if self._deadline is None else max(0.05, self._deadline - time.monotonic())

    def _record(self, source: Source, step: Step) -> None:
        if step.rejected:
            self._set_aside(source, step.rejected)
        if step.control:
            self.tally.control.update(step.control)
        if step.problem is not None:
            self._problems.report(step.problem.problem, step.problem.detail)
            hunting = self._draining and step.problem.may_be_request
            self._given_up = not hunting and (self._spool is None or self._spool.directory is not None)
        elif step.delivered:
            self._problems.solved()
        if source is self._spool:
            self.tally.delivered += step.delivered
            self.tally.rejected += len(step.rejected)
        else:
            self.tally.adopted += step.delivered

    def _set_aside(self, source: Source, rejections: tuple[Rejection, ...]) -> None:
        first = rejections[0]
        self._problems.report(Problem.REJECTED, f"{first.code}: {first.message[:200]}")
        try:
            source.rejected.add(rejections)
        except OSError as error:
            source.losses.add(kinds_of(rejection.record for rejection in rejections))
            self._problems.report(Problem.DISK, str(error))

    def _announce(self) -> None:
        with self._progress:
            self._progress.notify_all()

    def _idle(self) -> None:
        """Nothing to send: ask for control where it is time, and sleep until there is something to do."""
        if self._spool is not None and not self._spool.may_sleep():
            return
        waits = [self._adoption.wait if self._adoption is not None else None]
        sought = self._runs.sought(time.monotonic() - _SOUGHT_SECONDS)
        if self._runs.watched or sought:
            if time.monotonic() >= self._next_asking(sought):
                self._ask_control(sought)
            waits.append(max(0.0, self._next_asking(sought) - time.monotonic()))
        self._sleep(min((wait for wait in waits if wait is not None), default=None), lightly=True)
        self._gather()

    def _next_asking(self, sought: Set[str]) -> float:
        if sought and self._has_control:
            return min(self._control_due, self._control_asked + _URGENT_SECONDS)
        return self._control_due

    def _ask_control(self, sought: Set[str]) -> None:
        self._control_asked = time.monotonic()
        self._control_due = self._control_asked + self._control_interval
        watched = sorted(self._runs.watched | sought)
        for start in range(0, len(watched), _MOST_ASKED):
            body = msgspec.json.encode({"agent_instance_ids": watched[start : start + _MOST_ASKED]})
            try:
                answer = self._post(_CONTROL_PATH, body, self._time_left())
                if answer.status in (404, 405):  # another kind of server: it has no such word
                    self._control_due = time.monotonic() + _NO_CONTROL_SECONDS
                    self._has_control = False
                    return
                self._has_control = True
                control = msgspec.json.decode(answer.body, type=_ControlAnswer).control
            except (DeliveryError, msgspec.DecodeError):
                return
            self.tally.control.update(control)

    def _abandon(self) -> None:
        """Leave what is under way to whoever comes next."""
        if self._delivery is not None:
            source, delivery = self._delivery
            source.put_back(delivery.batch)
            self._delivery = None
        if self._dead is not None:
            self._dead.release()
            self._dead = None
        self._announce()
