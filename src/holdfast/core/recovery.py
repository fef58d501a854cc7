"""What is to be done about a failure: scenarios, recipes, and the arithmetic of waiting.

Two sets of recipes live here. `recipe_for` gives the ones per `FailureScenario` that `attempt_recovery` keeps
books on. `REMEDIES` gives the ones per `FailureCategory` that the recovery flow carries out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from holdfast.core.scenarios import FailureScenario, classify_exception, scenario_of
from holdfast.errors import InvalidInputError
from holdfast.wire.vocabulary import FailureCategory

__all__ = [
    "REMEDIES",
    "EscalationPolicy",
    "FailureScenario",
    "JitterMode",
    "RecoveryRecipe",
    "RecoveryStep",
    "Remedy",
    "backoff_delay",
    "classify_exception",
    "next_provider",
    "recipe_for",
    "scenario_of",
    "smaller_context_budget",
]


class RecoveryStep(StrEnum):
    """One thing that may help."""

    RETRY_WITH_BACKOFF = "retry_with_backoff"
    RETRY_WITH_SMALLER_CONTEXT = "retry_with_smaller_context"
    SWITCH_PROVIDER = "switch_provider"
    RESTART_AGENT = "restart_agent"
    CLEAR_MEMORY_CACHE = "clear_memory_cache"
    REDUCE_TOOL_SET = "reduce_tool_set"
    ESCALATE_TO_HUMAN = "escalate_to_human"


class EscalationPolicy(StrEnum):
    """What to do once the steps are used up."""

    ALERT_HUMAN = "alert_human"
    LOG_AND_CONTINUE = "log_and_continue"
    ABORT = "abort"


class JitterMode(StrEnum):
    """How a wait is spread, so that a thousand agents do not come back at the same instant."""

    NONE = "none"
    FULL = "full"
    EQUAL = "equal"
    DECORRELATED = "decorrelated"


# --- recipes by scenario ----------------------------------------------------------------------------


class RecoveryRecipe(Struct, frozen=True):
    """The steps for one scenario, at most `max_attempts` times, then the escalation."""

    scenario: FailureScenario
    steps: list[RecoveryStep]
    max_attempts: int
    escalation_policy: EscalationPolicy


def _recipes() -> Mapping[FailureScenario, RecoveryRecipe]:
    retry, switch = RecoveryStep.RETRY_WITH_BACKOFF, RecoveryStep.SWITCH_PROVIDER
    alert, go_on, abort = (
        EscalationPolicy.ALERT_HUMAN,
        EscalationPolicy.LOG_AND_CONTINUE,
        EscalationPolicy.ABORT,
    )
    restart = RecoveryStep.RESTART_AGENT
    smaller = [RecoveryStep.RETRY_WITH_SMALLER_CONTEXT, RecoveryStep.REDUCE_TOOL_SET]
    rows = (
        RecoveryRecipe(FailureScenario.LLM_TIMEOUT, [retry], 2, alert),
        RecoveryRecipe(FailureScenario.LLM_ERROR, [retry, switch], 2, alert),
        RecoveryRecipe(FailureScenario.TOOL_EXECUTION_ERROR, [restart], 1, go_on),
        RecoveryRecipe(FailureScenario.CONTEXT_OVERFLOW, smaller, 1, alert),
        RecoveryRecipe(FailureScenario.DEPENDENCY_TIMEOUT, [retry], 1, alert),
        RecoveryRecipe(
            FailureScenario.MEMORY_CORRUPTION, [RecoveryStep.CLEAR_MEMORY_CACHE, restart], 1, abort
        ),
        RecoveryRecipe(FailureScenario.PROVIDER_FAILURE, [switch, retry], 2, abort),
    )
    return MappingProxyType({row.scenario: row for row in rows})


_RECIPES: Final = _recipes()


def recipe_for(scenario: FailureScenario) -> RecoveryRecipe:
    """The recipe of the scenario. One object for all callers: do not change its list."""
    return _RECIPES[scenario]


# --- remedies by category ---------------------------------------------------------------------------


class Remedy(Struct, frozen=True, kw_only=True):
    """What the recovery flow does about one category: the steps in order of preference.

    `retries` bounds the calls that follow a wait, and likewise those after a hook, on each target.
    """

    steps: tuple[RecoveryStep, ...] = ()
    retries: int = 2
    escalation: EscalationPolicy = EscalationPolicy.ABORT


def _remedies() -> Mapping[FailureCategory, Remedy]:
    switch = RecoveryStep.SWITCH_PROVIDER
    patient = Remedy(
        steps=(RecoveryStep.RETRY_WITH_BACKOFF, switch), retries=2, escalation=EscalationPolicy.ALERT_HUMAN
    )
    elsewhere = Remedy(steps=(switch,), escalation=EscalationPolicy.ALERT_HUMAN)
    smaller = Remedy(
        steps=(RecoveryStep.RETRY_WITH_SMALLER_CONTEXT, RecoveryStep.REDUCE_TOOL_SET, switch),
        retries=2,
        escalation=EscalationPolicy.ALERT_HUMAN,
    )
    nothing = Remedy()
    return MappingProxyType(
        {
            FailureCategory.RATE_LIMIT: patient,
            FailureCategory.TIMEOUT: patient,
            FailureCategory.PROVIDER_UNAVAILABLE: patient,
            FailureCategory.CONNECTION_ERROR: patient,
            FailureCategory.MALFORMED_OUTPUT: patient,
            FailureCategory.QUOTA_EXHAUSTED: elsewhere,
            FailureCategory.AUTH: elsewhere,
            FailureCategory.CONTEXT_OVERFLOW: smaller,
            FailureCategory.INVALID_REQUEST: nothing,
            FailureCategory.CONTENT_FILTER: nothing,
            FailureCategory.CANCELLED: nothing,
            FailureCategory.LIMIT_REACHED: nothing,
            FailureCategory.TOOL_ERROR: nothing,
            FailureCategory.NOT_AN_ERROR: nothing,
            FailureCategory.UNKNOWN: elsewhere,
        }
    )


REMEDIES: Final = _remedies()
"""By default. A flow is given its own mapping to replace some or all of them."""


# --- waiting and choosing ---------------------------------------------------------------------------


def backoff_delay(
    attempt: int,
    base: float = 2.0,
    jitter: bool | JitterMode = JitterMode.DECORRELATED,
    cap: float = 60.0,
    prev_delay: float = 0.0,
    *,
    draw: Callable[[float, float], float],
) -> float:
    """Seconds to wait before retry number `attempt` (from 0): `base × 2^attempt`, `cap` at most, spread by
    `jitter` (`True` is full, `False` none). `draw(low, high)` is a uniform random number.

    Full draws from [0, delay], equal keeps one half of the delay and draws the other, decorrelated draws from
    [base, 3 × prev_delay] (the formulas of M. Brooker, "Exponential Backoff And Jitter", 2015). Raises
    `InvalidInputError` (a `ValueError`) for a mode that does not exist.
    """
    mode = _jitter_mode(jitter)
    if mode is JitterMode.DECORRELATED:
        previous = prev_delay if prev_delay > 0 else base
        return min(cap, draw(base, max(base, previous * 3)))
    delay = min(cap, base * 2.0 ** min(max(attempt, 0), 64))
    if mode is JitterMode.FULL:
        return draw(0.0, delay)
    if mode is JitterMode.EQUAL:
        return delay / 2 + draw(0.0, delay / 2)
    return delay


def _jitter_mode(jitter: bool | JitterMode | str) -> JitterMode:
    if isinstance(jitter, bool):
        return JitterMode.FULL if jitter else JitterMode.NONE
    try:
        return JitterMode(jitter)
    except ValueError:
        raise InvalidInputError(
            "jitter", f"unknown jitter mode {jitter!r}", "one of " + ", ".join(JitterMode)
        ) from None


def next_provider(available_providers: Sequence[str], current_provider: str) -> str | None:
    """The first provider other than the current one, None where there is none."""
    return next((name for name in available_providers if name != current_provider), None)


def smaller_context_budget(current_chars: int, reduction: float = 0.75) -> int:
    """How much of the context to keep: `reduction` is the share that stays."""
    return int(current_chars * reduction)
