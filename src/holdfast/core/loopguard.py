"""The loop guard: notices that an agent goes in circles, first has something said to the model, then stops it.

Where the defaults come from: among 920 agents in recorded runs (`benchmarks/bench_loops.py` counts them anew)
every one that made ten or more identical calls in a row, each with the identical result, came to nothing or
was a harness starting one program again and again; some with up to eight in a row still succeeded. What was
repeated in runs that went well was mostly a test run again after an edit, which is no call in a row, and calls
whose results changed, which is work or patient waiting: those may go on three times as long.
"""

from __future__ import annotations

from collections import deque
from math import isfinite
from threading import Lock
from typing import Final

from msgspec import Struct

from holdfast.core.canonical import same_key
from holdfast.errors import InvalidInputError, LoopDetectedError
from holdfast.wire.runtime_vocabulary import LoopAction, LoopPattern

__all__ = ["LoopDetectedError", "LoopGuard", "LoopLimits", "LoopVerdict"]

_PERIODS: Final[tuple[int, ...]] = (1, 2, 3)
_KEPT: Final = 512
_CHANGING: Final = 3
_WINDOW_SECONDS: Final = 60.0
_OPAQUE: Final = b"equals nothing"


class LoopLimits(Struct, frozen=True, kw_only=True):
    """How often something must have happened in a row, this time included, before the guard steers or stops.

    `same_call`: one call with equal arguments. `cycle`: two or three calls in turn, counted in rounds. Both
    are for equal results; where results change the guard waits three times as long. `same_result`: one tool
    that answers the same to whatever arguments. `usd_per_minute`: spend within the last minute; it steers
    above that and stops above twice that; None does not look.
    """

    same_call_steer: int = 3
    same_call_stop: int = 10
    cycle_steer: int = 3
    cycle_stop: int = 6
    same_result_steer: int = 15
    same_result_stop: int = 30
    usd_per_minute: float | None = None

    def __post_init__(self) -> None:
        for name, steer, stop in (
            ("same_call", self.same_call_steer, self.same_call_stop),
            ("cycle", self.cycle_steer, self.cycle_stop),
            ("same_result", self.same_result_steer, self.same_result_stop),
        ):
            if steer < 2:
                raise InvalidInputError(f"{name}_steer", f"{steer} is no repetition", "say 2 or more")
            if stop < steer:
                raise InvalidInputError(f"{name}_stop", f"{stop} comes before the steering at {steer}")
        rate = self.usd_per_minute
        if rate is not None and not (isfinite(rate) and rate > 0):
            raise InvalidInputError("usd_per_minute", f"{rate} is no rate", "give a number above 0, or None")


class LoopVerdict(Struct, frozen=True, kw_only=True):
    """What the guard saw, and what is to be done. `message` is for the model."""

    action: LoopAction
    pattern: LoopPattern
    count: int
    tool: str
    message: str

    def error(self) -> LoopDetectedError:
        return LoopDetectedError(self.pattern.value, self.count, self.tool, self.message)


class _Call:
    __slots__ = ("key", "result", "tool")

    def __init__(self, tool: str, key: bytes | None) -> None:
        self.tool = tool
        self.key = key
        self.result: bytes | None = None

    def repeats(self, other: _Call) -> bool:
        return self.key is not None and self.key == other.key and self.tool == other.tool


class LoopGuard:
    """Watches the tool calls of one agent. Threads and tasks may share it; calls count in the order in which
    they begin, those of one turn that run side by side too.

    Each of its answers is a verdict or None. While something goes on repeating it steers again after as many
    repetitions as it took the first time. Stopping is the caller's part: a guard that said STOP says it again
    at the next repetition.
    """

    def __init__(self, limits: LoopLimits | None = None) -> None:
        self.limits = LoopLimits() if limits is None else limits
        self._lock = Lock()
        self._spends: deque[tuple[float, float]] = deque()
        self._spent = 0.0
        self._steered_spend = False
        self._reset()

    def call(self, tool: str, arguments: object) -> tuple[int, LoopVerdict | None]:
        """A call is about to begin. The number is for `result`. On STOP the call should not be made."""
        call = _Call(tool, same_key(arguments))
        with self._lock:
            for period in _PERIODS:
                repeats = len(self._calls) >= period and call.repeats(self._calls[-period])
                self._matched[period] = self._matched[period] + 1 if repeats else 0
                self._unchanged[period] = self._unchanged[period] + 1 if repeats else 0
            self._calls.append(call)
            self._number += 1
            return self._number, self._verdict(tool)

    def result(self, number: int, result: object) -> LoopVerdict | None:
        """The call came back with this, or with this error. A result that comes after five hundred further
        calls is not looked at."""
        key = same_key(result)
        with self._lock:
            age = self._number - number
            if not 0 <= age < len(self._calls):
                return None
            call = self._calls[-1 - age]
            call.result = _OPAQUE if key is None else key
            for period in _PERIODS:
                self._compare(age, age + period, period)
                self._compare(age - period, age, period)  # a later call may have been quicker
            return self._same_result(call)

    def spent(self, usd: float, now: float) -> LoopVerdict | None:
        """Money was spent at `now` (seconds on one clock)."""
        rate = self.limits.usd_per_minute
        if rate is None:
            return None
        with self._lock:
            self._spends.append((now, usd))
            self._spent += usd
            while self._spends and self._spends[0][0] <= now - _WINDOW_SECONDS:
                self._spent -= self._spends.popleft()[1]
            if self._spent <= rate:
                self._steered_spend = False
                return None
            stop = self._spent > 2 * rate
            if self._steered_spend and not stop:
                return None
            self._steered_spend = True
            return LoopVerdict(
                action=LoopAction.STOP if stop else LoopAction.STEER,
                pattern=LoopPattern.SPEND_VELOCITY,
                count=len(self._spends),
                tool="",
                message=f"The last minute cost ${self._spent:.2f}, where ${rate:.2f} is expected. Do less at a "
                "time: shorter prompts, fewer calls, or finish with what you have.",
            )

    def reset(self) -> None:
        """Forget all: a human has stepped in, or the agent starts on something else."""
        with self._lock:
            self._reset()

    def _reset(self) -> None:
        self._calls: deque[_Call] = deque(maxlen=_KEPT)
        self._number = 0
        self._matched: dict[int, int] = dict.fromkeys(_PERIODS, 0)
        self._unchanged: dict[int, int] = dict.fromkeys(_PERIODS, 0)
        self._results_tool: str | None = None
        self._results_key: bytes | None = None
        self._results_count = 0

    def _compare(self, age: int, earlier_age: int, period: int) -> None:
        """End the run of equal results where these two calls, so many calls ago, came back with others."""
        if age < 0 or earlier_age >= len(self._calls):
            return
        result, earlier = self._calls[-1 - age].result, self._calls[-1 - earlier_age].result
        if result is not None and earlier is not None and (result != earlier or result == _OPAQUE):
            self._unchanged[period] = min(self._unchanged[period], age)

    def _verdict(self, tool: str) -> LoopVerdict | None:
        limits = self.limits
        for period in _PERIODS:
            steer = limits.same_call_steer if period == 1 else limits.cycle_steer
            stop = limits.same_call_stop if period == 1 else limits.cycle_stop
            for matched, patience in ((self._unchanged[period], 1), (self._matched[period], _CHANGING)):
                if (matched % period) or not matched:
                    continue
                count = matched // period + 1
                action = _action(count, steer * patience, stop * patience)
                if action is not None:
                    return LoopVerdict(
                        action=action,
                        pattern=LoopPattern.SAME_CALL if period == 1 else LoopPattern.CYCLE,
                        count=count,
                        tool=tool,
                        message=self._words(period, count, tool, changing=patience > 1),
                    )
            if self._matched[period]:
                return None  # what repeats with this period does so with its multiples too
        return None

    def _words(self, period: int, count: int, tool: str, *, changing: bool) -> str:
        if period == 1:
            what = f"You have called {tool} with the same arguments {count} times in a row"
        else:
            names = ", ".join(call.tool for call in list(self._calls)[-period:])
            what = f"You have gone through the same {period} calls ({names}) {count} times in a row"
        if changing:
            return f"{what}. If you are waiting for something, say so and stop; else try another way."
        return (
            f"{what}, and nothing changed. Another time will not change it either: use the result that you "
            "have, try another way, or say what keeps you from going on."
        )

    def _same_result(self, call: _Call) -> LoopVerdict | None:
        if call.result == _OPAQUE or (call.tool, call.result) != (self._results_tool, self._results_key):
            self._results_tool, self._results_key, self._results_count = call.tool, call.result, 1
            return None
        self._results_count += 1
        count = self._results_count
        action = _action(count, self.limits.same_result_steer, self.limits.same_result_stop)
        if action is None:
            return None
        return LoopVerdict(
            action=action,
            pattern=LoopPattern.SAME_RESULT,
            count=count,
            tool=call.tool,
            message=f"{call.tool} has given the same result {count} times in a row, whatever it was asked. "
            "Look at that result, and try another way or say what keeps you from going on.",
        )


def _action(count: int, steer: int, stop: int) -> LoopAction | None:
    if count >= stop:
        return LoopAction.STOP
    return LoopAction.STEER if count % steer == 0 else None
