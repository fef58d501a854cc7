"""What a recovery is given and what it leaves: the plan, the attempts, the result."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import cast

from msgspec import Struct

from holdfast.core.failures import Failure
from holdfast.core.failures.plain import read
from holdfast.core.flow import Target
from holdfast.core.recovery import REMEDIES, JitterMode, RecoveryRecipe, RecoveryStep, Remedy
from holdfast.core.scenarios import FailureScenario, scenario_for
from holdfast.wire.vocabulary import FailureCategory

__all__ = ["Attempt", "GaveUp", "Recovered", "RecoveryPlan", "attach", "attempts_of"]


class RecoveryPlan(Struct, frozen=True, kw_only=True):
    """How a session recovers. One plan serves any number of flows.

    `fallbacks` are tried in order, each once. `remedies` replaces the default remedy of the categories that it
    names, `recipes` those of all categories of a scenario. `hooks` are the steps that the application can carry
    out. `max_attempts` bounds the calls of one flow over all targets. `base` and `cap` are seconds of
    `backoff_delay`; a Retry-After longer than `retry_after_cap` seconds is waited for that long only, and only
    where no fallback is left.
    """

    fallbacks: tuple[Target, ...] = ()
    remedies: Mapping[FailureCategory, Remedy] = {}
    recipes: Mapping[FailureScenario, RecoveryRecipe] = {}
    hooks: frozenset[RecoveryStep] = frozenset()
    max_attempts: int = 8
    base: float = 2.0
    cap: float = 60.0
    retry_after_cap: float = 60.0
    jitter: JitterMode = JitterMode.DECORRELATED

    def remedy_for(self, category: FailureCategory) -> Remedy:
        """The plan's remedy, else its recipe for the category's scenario, else the default."""
        if remedy := self.remedies.get(category):
            return remedy
        if recipe := self.recipes.get(scenario_for(category)):
            return Remedy(
                steps=tuple(recipe.steps), retries=recipe.max_attempts, escalation=recipe.escalation_policy
            )
        return REMEDIES[category]


class Attempt(Struct, frozen=True, kw_only=True):
    """One call of a flow. Times are seconds of the driver's monotonic clock; `waited` is what was slept before
    it; `step` is the recovery step that led to it, None for the first."""

    number: int
    target: Target
    started: float
    ended: float
    waited: float = 0.0
    step: RecoveryStep | None = None
    failure: Failure | None = None


class Recovered(Struct, frozen=True, kw_only=True):
    """A call succeeded, at the first or at a later attempt."""

    value: object
    attempts: tuple[Attempt, ...]


class GaveUp(Struct, frozen=True, kw_only=True):
    """No call succeeded. `error` is what the last one raised; `attempts_of(error)` gives the attempts too,
    where the exception takes attributes. Whoever drives the flow raises it."""

    error: BaseException
    failure: Failure
    attempts: tuple[Attempt, ...]


def attempts_of(error: BaseException) -> tuple[Attempt, ...]:
    """The attempts that were made before `error` was let through; empty for any other error."""
    found = read(error, "attempts")
    if type(found) is not tuple:
        return ()
    return tuple(one for one in cast("tuple[object, ...]", found) if isinstance(one, Attempt))


def attach(error: BaseException, attempts: tuple[Attempt, ...]) -> None:
    """Put the attempts on the error, for `attempts_of`; where it takes no such attribute, they are not."""
    with suppress(Exception):  # slots, or a property of that name, which may raise anything
        error.attempts = attempts  # type: ignore[attr-defined]  # foreign errors carry what was tried
