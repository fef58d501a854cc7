"""Sending runs on, in the order in which they settled, from where the last process stopped.

A run goes once it has ended with all that is in it and nothing was received of it for some seconds. One that
changes after that (a late span, a judgement) goes again, whole: at a receiver that knows spans by their ids this
changes what changed. Progress is kept in the database, beside the record.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from holdfast._ids import new_id
from holdfast.core.recovery import JitterMode, backoff_delay
from holdfast.errors import ForwardingError, ForwardingStopped
from holdfast.server.services.forward.receiver import Receiver
from holdfast.server.services.forward.requests import Request, packed
from holdfast.server.services.forward.spans import ForwardOptions
from holdfast.server.services.forward.verdicts import Later, Refused, Taken, TooLarge, WrongPlace
from holdfast.server.stores import forward_positions as positions
from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.forward_positions import ForwardPosition
from holdfast.server.stores.reads.forward import ForwardFilter, ForwardReads, Place
from holdfast.server.stores.retrying import in_transaction

__all__ = ["FIRST", "SETTLE_SECONDS", "Forwarder", "Forwarding"]

_log: Final = logging.getLogger("holdfast.server")
_SECOND: Final = 1_000_000_000
SETTLE_SECONDS: Final = 5.0
"""How long nothing must have been received of a run: longer than any transaction takes, since a run that was
changed earlier may be committed later."""
FIRST: Final = Place(0, 0)
_HOLD_NS: Final = 60 * _SECOND
_SAVE_NS: Final = _SECOND
_RUNS_AT_ONCE: Final = 100
_MOST_ATTEMPTS: Final = 8
"""About a minute and a half."""
_SLOW: Final = 30.0
"""Seconds between attempts where somebody has to change something first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarding:
    """What goes, how, and where a destination that is not known yet begins."""

    wanted: ForwardFilter
    options: ForwardOptions
    start: Place = FIRST
    settle: float = SETTLE_SECONDS

    def destination(self, receiver: str) -> str:
        """Under what its progress is kept."""
        agent = self.wanted.agent_id
        return receiver if agent is None else f"{receiver} agent={agent}"


class Forwarder:
    """For one thread; `open` first.

    `wait(seconds)` says whether the process is going, and returns early then; `clock` gives nanoseconds since
    1970. `patient`: a receiver that is away, or wants nothing, is waited for as long as it takes; else that raises
    `ForwardingError` after a while. `moved` is told of every step.
    """

    def __init__(
        self,
        store: Store,
        receiver: Receiver,
        forwarding: Forwarding,
        *,
        clock: Callable[[], int],
        wait: Callable[[float], bool],
        patient: bool,
        moved: Callable[[ForwardPosition], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._receiver = receiver
        self._what = forwarding
        self._clock = clock
        self._wait = wait
        self._patient = patient
        self._moved = moved
        self._reads = ForwardReads(store, content=forwarding.options.content)
        self._holder = new_id()
        self._account = forwarding.wanted.account_id
        self._destination = forwarding.destination(receiver.name)
        self._position = ForwardPosition(place=forwarding.start)
        self._saved = self._position
        self._saved_at = 0
        self._problem: str | None = None

    @property
    def position(self) -> ForwardPosition:
        return self._position

    def open(self, *, again: bool = False) -> bool:
        """Take the destination; False where another process forwards there. `again`: from the start."""

        def take(transaction: WriteTransaction) -> ForwardPosition | None:
            now = self._clock()
            connection = transaction.connection
            found = positions.take_position(
                connection,
                self._account,
                self._destination,
                holder=self._holder,
                now=now,
                until=now + _HOLD_NS,
                start=self._what.start,
            )
            if found is None or not again:
                return found
            positions.restart(connection, self._account, self._destination, self._what.start)
            return positions.read_position(connection, self._account, self._destination)

        found = in_transaction(self._store, take)
        if found is None:
            return False
        self._position = self._saved = found
        self._saved_at = self._clock()
        return True

    def close(self) -> None:
        """Write down how far it has come, and let another process take over."""

        def leave(transaction: WriteTransaction) -> None:
            connection = transaction.connection
            account, destination, holder = self._account, self._destination, self._holder
            positions.save_position(
                connection, account, destination, self._position, holder=holder, until=self._clock()
            )
            positions.let_go(connection, account, destination, holder=holder)

        in_transaction(self._store, leave)

    def catch_up(self) -> None:
        """Send what has settled until now, and wait for what settles within the next seconds.

        Raises `ForwardingStopped`, and `ForwardingError` where another process took the destination or, unless patient,
        where the receiver wants nothing.
        """
        until = self._clock()
        while True:
            self.send_settled()
            waiting = self._reads.settled(self._what.wanted, self._position.place, until, 1)
            if not waiting:
                return
            left = waiting[0].changed_at / _SECOND + self._what.settle - self._clock() / _SECOND
            self._rest(max(left, 0.01))

    def follow(self, every: float = 1.0) -> None:
        """As `catch_up`, for good: until the wait is ended, which raises `ForwardingStopped`."""
        while True:
            self.send_settled()
            self._rest(every)

    def send_settled(self) -> None:
        """Send what has settled by now. Raises as `catch_up` does."""
        while True:
            horizon = self._clock() - int(self._what.settle * _SECOND)
            runs = self._reads.settled(self._what.wanted, self._position.place, horizon, _RUNS_AT_ONCE)
            for request in packed(self._reads, runs, self._what.options):
                self._deliver(request)
                if request.done is not None:
                    self._go_on(runs=request.runs, place=request.done)
                self._save()
                if self._wait(0.0):
                    raise ForwardingStopped
            if len(runs) < _RUNS_AT_ONCE:
                return

    def _go_on(self, *, runs: int = 0, spans: int = 0, refused: int = 0, place: Place | None = None) -> None:
        known = self._position
        self._position = ForwardPosition(
            place=place or known.place,
            runs=known.runs + runs,
            spans=known.spans + spans,
            refused=known.refused + refused,
        )
        self._moved(self._position)

    def _deliver(self, request: Request) -> None:
        """Until it has been taken or refused for good."""
        if not request.items:
            return None
        body = request.encoded(newest=self._what.options.newest)
        attempt = 0
        while True:
            verdict = self._receiver.send(body)
            spans = len(request.items)
            if isinstance(verdict, Taken):
                if verdict.rejected:
                    _log.warning(
                        "%s rejects %d spans: %s", self._receiver.name, verdict.rejected, verdict.problem
                    )
                if self._problem is not None:
                    _log.info("forwarding to %s goes on", self._receiver.name)
                self._problem = None
                rejected = min(verdict.rejected, spans)
                return self._go_on(spans=spans - rejected, refused=rejected)
            if isinstance(verdict, TooLarge) and spans > 1:
                for half in request.halves():
                    self._deliver(half)
                return None
            if isinstance(verdict, Refused | TooLarge):
                problem = verdict.problem if isinstance(verdict, Refused) else "a span is too large"
                _log.warning("%s refuses %d spans: %s", self._receiver.name, spans, problem)
                return self._go_on(refused=spans)
            self._hold_out(verdict, attempt)
            attempt += 1

    def _hold_out(self, verdict: Later | WrongPlace, attempt: int) -> None:
        if not self._patient and (isinstance(verdict, WrongPlace) or attempt >= _MOST_ATTEMPTS):
            raise ForwardingError(self._receiver.name, verdict.problem)
        if verdict.problem != self._problem:
            _log.warning("forwarding to %s waits: %s", self._receiver.name, verdict.problem)
            self._problem = verdict.problem
        if isinstance(verdict, WrongPlace):
            seconds = _SLOW
        elif verdict.after is not None:
            seconds = max(verdict.after, 0.05)
        else:
            seconds = backoff_delay(attempt, 0.5, JitterMode.EQUAL, _SLOW, draw=random.uniform)
        self._rest(seconds)

    def _rest(self, seconds: float) -> None:
        """Wait, holding the destination meanwhile."""
        while seconds > 0:
            step = min(seconds, _HOLD_NS / 4 / _SECOND)
            if self._wait(step):
                raise ForwardingStopped
            seconds -= step
            self._save()

    def _save(self) -> None:
        """Where there is something to say: an idle server does not write to the disk every second."""
        now = self._clock()
        wanted = _SAVE_NS if self._position != self._saved else _HOLD_NS // 3
        if now - self._saved_at < wanted:
            return

        def save(transaction: WriteTransaction) -> bool:
            return positions.save_position(
                transaction.connection,
                self._account,
                self._destination,
                self._position,
                holder=self._holder,
                until=now + _HOLD_NS,
            )

        if not in_transaction(self._store, save):
            raise ForwardingError(self._receiver.name, "another process forwards there now")
        self._saved, self._saved_at = self._position, now
