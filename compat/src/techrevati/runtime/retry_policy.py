"""The books on failures and recovery, which are Holdfast's own. Nothing here retries anything."""

from holdfast.core.recovery import (
    EscalationPolicy,
    FailureScenario,
    JitterMode,
    RecoveryRecipe,
    RecoveryStep,
    classify_exception,
    next_provider,
    recipe_for,
    smaller_context_budget,
)
from holdfast.core.recovery_books import (
    RecoveryContext,
    RecoveryEvent,
    RecoveryResult,
    aattempt_recovery,
    attempt_recovery,
)
from holdfast.runtime.backoff import backoff_delay

__all__ = [
    "EscalationPolicy",
    "FailureScenario",
    "JitterMode",
    "RecoveryContext",
    "RecoveryEvent",
    "RecoveryRecipe",
    "RecoveryResult",
    "RecoveryStep",
    "aattempt_recovery",
    "attempt_recovery",
    "backoff_delay",
    "classify_exception",
    "next_provider",
    "recipe_for",
    "smaller_context_budget",
]
