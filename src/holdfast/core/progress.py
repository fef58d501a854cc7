"""How far a session is, and whether it may take another step."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from holdfast.core.error_text import error_text
from holdfast.core.lifecycle import AgentWorker
from holdfast.core.ports import Record
from holdfast.errors import (
    InvalidInputError,
    MaxIterationsExceededError,
    RunTerminated,
    SessionEndedError,
    TurnTimeoutError,
)
from holdfast.wire.runtime_vocabulary import AgentStatus

__all__ = ["Progress"]


class Progress:
    """Counts turns against the cap and knows the stop, the end and the deadline of one session.

    Threads and tasks may share it. `control` is asked whether to stop, and why; one that raises stops too.
    `ends_at` is a time on the clock of which `now` is read, None for never; `seconds` is what that allowed,
    for the message.
    """

    __slots__ = (
        "_control",
        "_lock",
        "_record",
        "_worker",
        "ends_at",
        "max_iterations",
        "seconds",
        "stopped",
        "turns",
    )

    def __init__(
        self,
        worker: AgentWorker,
        record: Record,
        *,
        max_iterations: int,
        ends_at: float | None = None,
        seconds: float = 0.0,
        control: Callable[[], str | None] | None = None,
    ) -> None:
        if max_iterations < 0:
            raise InvalidInputError("max_iterations", f"{max_iterations} is negative", "say 0 or more")
        self.max_iterations = max_iterations
        self.ends_at = ends_at
        self.seconds = seconds
        self.turns = 0
        self.stopped: str | None = None
        self._worker = worker
        self._record = record
        self._control = control
        self._lock = Lock()

    def stop(self, reason: str = "") -> None:
        """Let no further step begin. The first reason stays."""
        if self.stopped is None:
            self.stopped = reason

    def stop_reason(self) -> str | None:
        """Why the session must stop, whoever said so, or None."""
        if self.stopped is None and self._control is not None:
            try:
                self.stopped = self._control()
            except Exception as error:  # noqa: BLE001 - a switch that is broken must not keep the agent running
                self.stopped = f"the control raised {error_text(error)}"
        return self._record.stop_requested if self.stopped is None else self.stopped

    def check(self, now: float, asked: str) -> None:
        """Raises what keeps the session from doing what is `asked`: `SessionEndedError`, `RunTerminated`, or
        `TurnTimeoutError` once the session's time is over."""
        status = self._worker.status
        if status is not AgentStatus.RUNNING and status is not AgentStatus.WAITING_FOR_INPUT:
            raise SessionEndedError(status.value, asked)
        reason = self.stop_reason()
        if reason is not None:
            raise RunTerminated(reason)
        if self.ends_at is not None and now >= self.ends_at:
            raise TurnTimeoutError(self.seconds, scope="session")

    def next_turn(self, now: float) -> int:
        """The number of the turn that begins, from 1. Raises as `check` does, and
        `MaxIterationsExceededError` where all turns are used; then nothing is counted."""
        self.check(now, "a turn")
        with self._lock:
            if self.turns >= self.max_iterations:
                raise MaxIterationsExceededError(self.max_iterations)
            self.turns += 1
            return self.turns
