"""A plain function with a deadline: it runs in a thread of its own, which is left behind when time is up."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from threading import Event, Lock, Thread
from typing import Generic, TypeVar

from holdfast.errors import CallTimeoutError

__all__ = ["call_within"]

T = TypeVar("T")


def call_within(fn: Callable[[], T], seconds: float, when_late: Callable[[str], None]) -> T:
    """What `fn` returns or raises, or `CallTimeoutError` once `seconds` are over.

    `fn` sees a copy of the caller's context variables; what it sets in them stays in its thread. Nothing can
    stop a thread from outside, so a late one runs on: what it returns or raises is dropped, and `when_late`
    is told how it ended, from that thread. A late thread does not keep the process from exiting.
    """
    if seconds <= 0:
        raise CallTimeoutError(seconds)
    job = _Job(fn, when_late)
    Thread(target=copy_context().run, args=(job.run,), name="holdfast-turn", daemon=True).start()
    in_time = False
    try:
        in_time = job.done.wait(seconds)
    finally:  # the wait may end in a KeyboardInterrupt too
        in_time = not job.abandon() or in_time
    if not in_time:
        raise CallTimeoutError(seconds)
    return job.outcome()


class _Job(Generic[T]):
    """One call, and whether somebody still waits for it."""

    __slots__ = ("_abandoned", "_ended", "_error", "_fn", "_lock", "_values", "_when_late", "done")

    def __init__(self, fn: Callable[[], T], when_late: Callable[[str], None]) -> None:
        self.done = Event()
        self._fn = fn
        self._when_late = when_late
        self._lock = Lock()
        self._ended = False
        self._abandoned = False
        self._values: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        how = "returned"
        try:
            self._values.append(self._fn())
        except BaseException as error:  # noqa: BLE001 - it is raised again where the caller waits
            self._error = error
            how = f"raised {type(error).__name__}"
        with self._lock:
            self._ended = True
            late = self._abandoned
        if late:
            self._values.clear()
            self._error = None
            self._when_late(how)
        else:
            self.done.set()

    def abandon(self) -> bool:
        """Stop waiting; False where the call had ended by then, so that its outcome counts."""
        with self._lock:
            self._abandoned = not self._ended
            return self._abandoned

    def outcome(self) -> T:
        if self._error is not None:
            raise self._error
        return self._values[0]
