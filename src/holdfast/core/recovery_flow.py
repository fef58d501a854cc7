"""The recovery that acts: one call and what follows its failures, as a flow of commands.

After each failed attempt the remedy of its category is walked through, and the first step that can be taken
is: wait and call again, have the application shrink the context and call again, switch to the next fallback.
Where none can be taken the flow gives up at once, without waiting for a call that it will not make.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from holdfast.core.failures import Failure, classify
from holdfast.core.flow import (
    Emit,
    Escalate,
    Flow,
    Outcome,
    Prepare,
    Raised,
    Returned,
    Sleep,
    Target,
    call,
    prepare,
)
from holdfast.core.recovery import EscalationPolicy, RecoveryStep, backoff_delay
from holdfast.core.recovery_plan import Attempt, GaveUp, Recovered, RecoveryPlan, attach, attempts_of
from holdfast.wire.agent_events import AgentEventName, AgentEventStatus
from holdfast.wire.vocabulary import FailureCategory

__all__ = ["Attempt", "GaveUp", "Recovered", "RecoveryPlan", "attempts_of", "recover_flow", "recovery_event"]


def recover_flow(
    first: Target,
    plan: RecoveryPlan,
    *,
    draw: Callable[[float, float], float],
    deadline: float | None = None,
    during: Literal["model", "tool"] = "model",
    available: Callable[[Target], bool] = lambda target: True,
    attempt: Callable[[Target, int], Flow[Outcome]] = call,
) -> Flow[Recovered | GaveUp]:
    """Call `first` and recover from its failures by `plan`.

    `draw(low, high)` is a uniform random number. `deadline` is on the driver's monotonic clock: a wait that
    would end after it is not begun. `available` says whether a fallback may be called now; one whose circuit
    is open is passed over. `attempt` makes one call: whoever has more to do around each (a limit, a record)
    puts that there.
    """
    course = _Course(plan, first, draw, deadline, available)
    step: RecoveryStep | None = None
    waited = 0.0
    while True:
        outcome = yield from attempt(course.target, len(course.attempts) + 1)
        if isinstance(outcome, Returned):
            course.add(outcome, step, waited, None)
            if step is not None:
                done = AgentEventStatus.COMPLETED
                yield recovery_event(AgentEventName.RECOVERY_SUCCEEDED, course.attempts, step, status=done)
            return Recovered(value=outcome.value, attempts=tuple(course.attempts))
        failure = classify(outcome.error, during, unix_now=outcome.unix_now)
        course.add(outcome, step, waited, failure)
        move = yield from course.next_move(failure)
        if move is None:
            return (yield from _give_up(course, failure, outcome.error))
        step, waited = move


class _Course:
    """Where one flow is: the target, what was used up on it, and the attempts so far."""

    def __init__(
        self,
        plan: RecoveryPlan,
        target: Target,
        draw: Callable[[float, float], float],
        deadline: float | None,
        available: Callable[[Target], bool],
    ) -> None:
        self.plan = plan
        self.target = target
        self.attempts: list[Attempt] = []
        self._asked: dict[RecoveryStep, int] = {}
        self._used: dict[tuple[FailureCategory, RecoveryStep], int] = {}
        self._ahead = [fallback for fallback in plan.fallbacks if fallback.name != target.name]
        self._waited = 0.0
        self._draw = draw
        self._deadline = deadline
        self._available = available

    def add(
        self, outcome: Returned | Raised, step: RecoveryStep | None, waited: float, failure: Failure | None
    ) -> None:
        self.attempts.append(
            Attempt(
                number=len(self.attempts) + 1,
                target=self.target,
                started=outcome.started,
                ended=outcome.ended,
                waited=waited,
                step=step,
                failure=failure,
            )
        )

    def next_move(self, failure: Failure) -> Flow[tuple[RecoveryStep, float] | None]:
        """Take the first step of the remedy that can be taken: the step and what was slept, or None."""
        if self._too_late(0.0) or len(self.attempts) >= self.plan.max_attempts:
            return None
        for step in self.plan.remedy_for(failure.category).steps:
            if step is RecoveryStep.ESCALATE_TO_HUMAN:  # a human is told, and then it is over
                return None
            if step is RecoveryStep.RETRY_WITH_BACKOFF:
                waited = yield from self._wait(failure)
            elif step is RecoveryStep.SWITCH_PROVIDER:
                waited = yield from self._switch(failure)
            else:
                waited = yield from self._ask(failure, step)
            if waited is not None:
                return step, waited
        return None

    def _wait(self, failure: Failure) -> Flow[float | None]:
        step = RecoveryStep.RETRY_WITH_BACKOFF
        if not failure.retryable or not self._may(failure, step):
            return None
        seconds = self._seconds(failure)
        if seconds is None or self._too_late(seconds):
            return None
        self._use(failure, step)
        self._waited = seconds
        yield recovery_event(AgentEventName.RECOVERY_ATTEMPTED, self.attempts, step, wait=seconds)
        if seconds > 0:
            yield Sleep(seconds=seconds, reason=failure.reason)
        return seconds

    def _switch(self, failure: Failure) -> Flow[float | None]:
        """To the next fallback that may be called and can be of use; those before it are passed over for good."""
        while self._ahead:
            candidate = self._ahead.pop(0)
            if self._available(candidate) and self._helps(candidate, failure):
                event = AgentEventName.RECOVERY_PROVIDER_SWITCHED
                yield recovery_event(event, self.attempts, RecoveryStep.SWITCH_PROVIDER, to=candidate.name)
                self.target = candidate
                self._used.clear()
                self._waited = 0.0
                return 0.0
        return None

    def _ask(self, failure: Failure, step: RecoveryStep) -> Flow[float | None]:
        """Have the application do what only it can. A hook that says no is not asked again on this target."""
        if step not in self.plan.hooks or not self._may(failure, step):
            return None
        self._use(failure, step)
        times = self._asked[step] = self._asked.get(step, 0) + 1
        yield recovery_event(AgentEventName.RECOVERY_ATTEMPTED, self.attempts, step)
        done = yield from prepare(Prepare(step=step, target=self.target, failure=failure, times=times))
        if not done:
            self._used[failure.category, step] = self.plan.remedy_for(failure.category).retries
        return 0.0 if done else None

    def _may(self, failure: Failure, step: RecoveryStep) -> bool:
        limit = self.plan.remedy_for(failure.category).retries
        return self._used.get((failure.category, step), 0) < limit

    def _use(self, failure: Failure, step: RecoveryStep) -> None:
        key = (failure.category, step)
        self._used[key] = self._used.get(key, 0) + 1

    def _seconds(self, failure: Failure) -> float | None:
        """How long to wait; None where the other side asks for so long that a fallback is the better choice."""
        plan = self.plan
        if failure.retry_after is None:
            used = self._used.get((failure.category, RecoveryStep.RETRY_WITH_BACKOFF), 0)
            return backoff_delay(used, plan.base, plan.jitter, plan.cap, self._waited, draw=self._draw)
        if failure.retry_after > plan.retry_after_cap and self._could_switch(failure):
            return None
        return min(failure.retry_after, plan.retry_after_cap)

    def _could_switch(self, failure: Failure) -> bool:
        return RecoveryStep.SWITCH_PROVIDER in self.plan.remedy_for(failure.category).steps and any(
            self._available(candidate) for candidate in self._ahead
        )

    def _too_late(self, seconds: float) -> bool:
        return self._deadline is not None and self.attempts[-1].ended + seconds >= self._deadline

    def _helps(self, candidate: Target, failure: Failure) -> bool:
        """A context that is too large is only for a window that is known to be larger."""
        if failure.category is not FailureCategory.CONTEXT_OVERFLOW:
            return True
        here = self.target.context_window
        return candidate.context_window is not None and (here is None or candidate.context_window > here)


def recovery_event(
    event: AgentEventName,
    attempts: Sequence[Attempt],
    step: RecoveryStep | None = None,
    *,
    status: AgentEventStatus = AgentEventStatus.RUNNING,
    wait: float | None = None,
    to: str | None = None,
) -> Emit:
    """What is said about the last attempt."""
    last = attempts[-1]
    failure = last.failure
    data: dict[str, object] = {"attempt": last.number, "target": last.target.name}
    if step is not None:
        data["step"] = step.value
    if wait is not None:
        data["wait_seconds"] = wait
    if to is not None:
        data["to"] = to
    if failure is not None:
        data["category"] = failure.category.value
    return Emit(
        event=event,
        status=status,
        failure_class=failure.failure_class if failure else None,
        detail=failure.reason if failure else None,
        data=data,
    )


def _give_up(course: _Course, failure: Failure, error: BaseException) -> Flow[GaveUp]:
    remedy = course.plan.remedy_for(failure.category)
    attempts = tuple(course.attempts)
    attach(error, attempts)
    if remedy.steps:
        yield recovery_event(AgentEventName.RECOVERY_FAILED, attempts, status=AgentEventStatus.FAILED)
    if remedy.escalation is EscalationPolicy.ALERT_HUMAN or RecoveryStep.ESCALATE_TO_HUMAN in remedy.steps:
        yield recovery_event(AgentEventName.RECOVERY_ESCALATED, attempts, status=AgentEventStatus.BLOCKED)
        yield Escalate(policy=remedy.escalation, failure=failure, error=error, attempts=len(attempts))
    return GaveUp(error=error, failure=failure, attempts=attempts)
