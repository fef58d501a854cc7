"""A question to a human, and the answer that comes from somewhere else: from this process, or through the server
from the console."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from holdfast._ids import new_id
from holdfast.core.lifecycle import AgentWorker
from holdfast.core.ports import Notices, Record
from holdfast.core.progress import Progress
from holdfast.errors import InputPendingError, NoInputPendingError, RunTerminated
from holdfast.wire.agent_events import AgentEventName, AgentEventStatus
from holdfast.wire.runtime_vocabulary import AgentStatus

__all__ = ["InputDesk"]

_LOOK_AGAIN: Final = 0.5
"""Seconds between looks at what comes from outside and wakes nobody: a stop, an answer."""


class InputDesk:
    """One question at a time. While it is open the worker waits for input.

    `provide` may come from any thread or task. A question whose asker is cancelled or interrupted is closed, and
    an event says so: whoever would still answer it learns that nobody waits.
    """

    __slots__ = (
        "_answer",
        "_lock",
        "_notices",
        "_now",
        "_progress",
        "_prompt",
        "_question",
        "_record",
        "_wake",
        "_worker",
    )

    def __init__(
        self,
        worker: AgentWorker,
        progress: Progress,
        notices: Notices,
        record: Record,
        now: Callable[[], float],
    ) -> None:
        self._worker = worker
        self._progress = progress
        self._notices = notices
        self._record = record
        self._now = now
        self._lock = threading.Lock()
        self._prompt: str | None = None
        self._question = ""
        self._answer: str | None = None
        self._wake: Callable[[], None] | None = None

    def ask(self, prompt: str, timeout: float | None) -> str:
        """The answer. Raises `TimeoutError` after `timeout` seconds, `RunTerminated` where a stop was asked for
        meanwhile, `InputPendingError` where a question is open already."""
        woken = threading.Event()
        self._open(prompt, woken.set)
        try:
            ends_at = None if timeout is None else self._now() + timeout
            while not woken.wait(self._patience(ends_at)):
                if self._look(ends_at):
                    break
            return self._taken()
        finally:
            self._close()

    async def aask(self, prompt: str, seconds: float | None) -> str:
        """As `ask`, in a task."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(woken.set)

        self._open(prompt, wake)
        try:
            ends_at = None if seconds is None else self._now() + seconds
            while not woken.is_set():
                try:
                    await asyncio.wait_for(woken.wait(), self._patience(ends_at))
                except TimeoutError:
                    if self._look(ends_at):
                        break
            return self._taken()
        finally:
            self._close()

    def provide(self, value: str) -> None:
        """Answer the open question; raises `NoInputPendingError` where there is none or it is answered."""
        if not self._give(value):
            raise NoInputPendingError

    def _give(self, value: str, by: str | None = None) -> bool:
        """False where nobody waits for it."""
        with self._lock:
            if self._wake is None or self._answer is not None:
                return False
            self._answer = value
            wake, data = self._wake, {"question": self._question}
        if by is not None:
            data["by"] = by
        self._notices.tell(AgentEventName.INPUT_PROVIDED, AgentEventStatus.RUNNING, data=data)
        wake()
        return True

    def _open(self, prompt: str, wake: Callable[[], None]) -> None:
        self._progress.check(self._now(), "a question")
        question = new_id()
        with self._lock:
            if self._prompt is not None:
                raise InputPendingError(self._prompt)
            self._worker.transition(AgentStatus.WAITING_FOR_INPUT, prompt)
            self._prompt, self._question, self._answer, self._wake = prompt, question, None, wake
        self._notices.tell(
            AgentEventName.INPUT_REQUESTED, AgentEventStatus.BLOCKED, prompt, {"question": question}
        )

    def _close(self) -> None:
        with self._lock:
            given_up = self._answer is None
            question = self._question
            self._prompt = self._answer = self._wake = None
            if self._worker.status is AgentStatus.WAITING_FOR_INPUT:
                self._worker.transition(AgentStatus.RUNNING)
        if given_up:
            self._notices.tell(
                AgentEventName.INPUT_CLOSED, AgentEventStatus.RUNNING, data={"question": question}
            )

    def _taken(self) -> str:
        with self._lock:
            return self._answer or ""

    def _patience(self, ends_at: float | None) -> float:
        return _LOOK_AGAIN if ends_at is None else min(_LOOK_AGAIN, max(0.0, ends_at - self._now()))

    def _look(self, ends_at: float | None) -> bool:
        """Whether somebody has answered from outside."""
        reason = self._progress.stop_reason()
        if reason is not None:
            raise RunTerminated(reason)
        answer = self._record.answer_to(self._question)
        if answer is not None:
            self._give(answer.value, answer.by)
            return True
        if ends_at is not None and self._now() >= ends_at:
            raise TimeoutError("nobody answered in time")
        return False
