"""Guardrails, which are Holdfast's own."""

from holdfast.core.guardrails import (
    AllowAllGuardrail,
    Guardrail,
    GuardrailOutcome,
    GuardrailStage,
    GuardrailViolatedError,
    run_post_checks,
    run_pre_checks,
)

__all__ = [
    "AllowAllGuardrail",
    "Guardrail",
    "GuardrailOutcome",
    "GuardrailStage",
    "GuardrailViolatedError",
    "run_post_checks",
    "run_pre_checks",
]
