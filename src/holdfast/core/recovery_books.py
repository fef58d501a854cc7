"""The bookkeeping of recovery: how often each scenario was tried, and what came of it.

`attempt_recovery` counts and answers; it carries nothing out. What acts is `holdfast.core.recovery_flow`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from threading import Lock
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import asdict

from holdfast.core.recovery import (
    FailureScenario,
    JitterMode,
    RecoveryRecipe,
    RecoveryStep,
    backoff_delay,
    recipe_for,
)
from holdfast.wire.agent_events import emitted_now

__all__ = ["RecoveryContext", "RecoveryEvent", "RecoveryResult", "aattempt_recovery", "attempt_recovery"]


class RecoveryResult(Struct):
    """What an attempt came to: `recovered`, `partial_recovery`, or `escalation_required` past the cap."""

    outcome: Literal["recovered", "partial_recovery", "escalation_required"]
    steps_taken: int = 0
    recovered_steps: list[str] = field(default_factory=list)
    remaining_steps: list[str] = field(default_factory=list)
    reason: str = ""

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


class RecoveryEvent(Struct, frozen=True):
    """One attempt for the record: `event_type` is succeeded, failed or escalated; `timestamp` is ISO 8601."""

    event_type: str
    scenario: str
    recipe_steps: list[str]
    result: dict[str, object]
    timestamp: str

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


class RecoveryContext:
    """The attempts of one session, per scenario. Threads and tasks may share it."""

    def __init__(self) -> None:
        self._counts: dict[FailureScenario, int] = {}
        self._events: list[RecoveryEvent] = []
        self._lock = Lock()

    def attempt_count(self, scenario: FailureScenario) -> int:
        with self._lock:
            return self._counts.get(scenario, 0)

    @property
    def events(self) -> Sequence[RecoveryEvent]:
        """What was attempted so far, oldest first; a copy."""
        with self._lock:
            return list(self._events)

    def admit(self, scenario: FailureScenario, cap: int) -> bool:
        """Count one more attempt, unless `cap` of them were made."""
        with self._lock:
            made = self._counts.get(scenario, 0)
            if made >= cap:
                return False
            self._counts[scenario] = made + 1
            return True

    def record(self, event: RecoveryEvent) -> None:
        with self._lock:
            self._events.append(event)


def attempt_recovery(
    scenario: FailureScenario,
    ctx: RecoveryContext,
    *,
    run_step: Callable[[RecoveryStep], bool] | None = None,
    now: Callable[[], str] = emitted_now,
) -> RecoveryResult:
    """Count an attempt at `scenario` in `ctx` and say what it came to; the event is added to `ctx`.

    Without `run_step` every step counts as taken. With it each step is run in order until one answers False:
    then the outcome is `partial_recovery` and that step and those after it remain.
    """
    recipe = recipe_for(scenario)
    if not ctx.admit(scenario, recipe.max_attempts):
        result = RecoveryResult(
            "escalation_required",
            remaining_steps=[step.value for step in recipe.steps],
            reason=f"{recipe.max_attempts} attempts at {scenario} were made; then: {recipe.escalation_policy}",
        )
        return _recorded(ctx, recipe, result, "escalated", now())
    done = 0
    for step in recipe.steps:
        if run_step is not None and not run_step(step):
            break
        done += 1
    taken, left = recipe.steps[:done], recipe.steps[done:]
    result = RecoveryResult(
        "partial_recovery" if left else "recovered",
        steps_taken=done,
        recovered_steps=[step.value for step in taken],
        remaining_steps=[step.value for step in left],
        reason=f"{left[0]} could not be done" if left else "",
    )
    return _recorded(ctx, recipe, result, "failed" if left else "succeeded", now())


async def aattempt_recovery(
    scenario: FailureScenario,
    ctx: RecoveryContext,
    *,
    sleeper: Callable[[float], Awaitable[None]] | None = None,
) -> RecoveryResult:
    """As `attempt_recovery`. With `sleeper`, a recipe that backs off awaits it first: 2 s before the first
    attempt, twice that before each further one, and nothing past the cap."""
    recipe = recipe_for(scenario)
    made = ctx.attempt_count(scenario)
    if sleeper is not None and made < recipe.max_attempts and RecoveryStep.RETRY_WITH_BACKOFF in recipe.steps:
        await sleeper(backoff_delay(made, jitter=JitterMode.NONE, draw=lambda low, high: high))
    return attempt_recovery(scenario, ctx)


def _recorded(
    ctx: RecoveryContext, recipe: RecoveryRecipe, result: RecoveryResult, outcome: str, timestamp: str
) -> RecoveryResult:
    steps = [step.value for step in recipe.steps]
    ctx.record(RecoveryEvent(outcome, recipe.scenario.value, steps, result.to_dict(), timestamp))
    return result
