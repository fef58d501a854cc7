"""A session's loop guard at work: what it says is handed to the model first, and ends the session then."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from holdfast.core.loopguard import LoopGuard, LoopVerdict
from holdfast.core.ports import Notices
from holdfast.wire.agent_events import AgentEventName, AgentEventStatus
from holdfast.wire.runtime_vocabulary import LoopAction

__all__ = ["LoopWatch"]

_MOST_ADVICE: Final = 20


class LoopWatch:
    """Watches the tool calls whose arguments are known, and the spend of the turns.

    A call that goes round once too often is refused. Where a result or a turn's cost shows the loop, the work is
    done and paid for: it is kept, and the next step is refused, as is every one after it.
    """

    __slots__ = ("_advice", "_guard", "_notices", "_now", "_stopped")

    def __init__(self, guard: LoopGuard, notices: Notices, now: Callable[[], float]) -> None:
        self._guard = guard
        self._notices = notices
        self._now = now
        self._advice: deque[str] = deque(maxlen=_MOST_ADVICE)
        self._stopped: LoopVerdict | None = None

    def take_advice(self) -> list[str]:
        """What the guard would have the model told, since it was last asked; the latest 20."""
        taken: list[str] = []
        while self._advice:
            taken.append(self._advice.popleft())
        return taken

    def check(self) -> None:
        """Raises `LoopDetectedError` where the session was found to go round."""
        if self._stopped is not None:
            raise self._stopped.error()

    def before(self, tool: str, arguments: Mapping[str, object] | None) -> int | None:
        """A call is about to begin; the number is for `after`. Raises `LoopDetectedError`."""
        self.check()
        if arguments is None:
            return None
        number, verdict = self._guard.call(tool, arguments)
        if self._stops(verdict) and verdict is not None:
            raise verdict.error()
        return number

    def after(self, number: int | None, result: object) -> None:
        """The call came back with this, or with this text of an error."""
        if number is not None:
            verdict = self._guard.result(number, result)
            if self._stops(verdict):
                self._stopped = verdict

    def spent(self, usd: float) -> None:
        verdict = self._guard.spent(usd, self._now())
        if self._stops(verdict):
            self._stopped = verdict

    def _stops(self, verdict: LoopVerdict | None) -> bool:
        if verdict is None:
            return False
        stops = verdict.action is LoopAction.STOP
        self._notices.tell(
            AgentEventName.LOOP_STOPPED if stops else AgentEventName.LOOP_STEERED,
            AgentEventStatus.BLOCKED if stops else AgentEventStatus.RUNNING,
            verdict.message,
            {"pattern": verdict.pattern.value, "count": verdict.count, "tool": verdict.tool},
        )
        if not stops:
            self._advice.append(verdict.message)
        return stops
