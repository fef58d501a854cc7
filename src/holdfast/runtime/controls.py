"""What holds a session, put into words for its record: whoever reads a refusal later must see the limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import asdict

from holdfast.core.guardrails import Guardrail
from holdfast.core.permissions import PermissionPolicy
from holdfast.core.ratelimit import RateLimiter
from holdfast.runtime.breaker import CircuitBreaker
from holdfast.runtime.setup import Setup

__all__ = ["controls_in_force"]

_MOST: Final = 50
"""Rules, guardrails and tools that are named at most: the record is told what holds, not a whole configuration."""


def controls_in_force(setup: Setup, role: str, circuit: CircuitBreaker | None) -> dict[str, object]:
    """By kind of control, in values that JSON can hold; a control that the session does not have is left out.
    What applications give (guardrails, the names of rules) is asked for its name only; money is in US dollars,
    times are seconds."""
    found: dict[str, object] = {"turns": {"most": setup.max_iterations}}
    if setup.budget_usd is not None:
        found["budget"] = {"usd": setup.budget_usd, "enforced": setup.enforce_budget}
    if setup.budget is not None:
        found["shared_budget"] = {"name": setup.budget.name, **_given(asdict(setup.budget.limits))}
    limits = setup.limits
    times = _given(
        {
            "turn": limits.turn_seconds,
            "call": limits.call_seconds,
            "tool": limits.tool_seconds,
            "session": limits.session_seconds,
        }
    )
    if times:
        found["times"] = times
    found["recovery"] = _recovery(setup)
    if setup.loop_guard is not None:
        found["loop_guard"] = _given(asdict(setup.loop_guard))
    if setup.guardrails:
        found["guardrails"] = [_name(guard) for guard in tuple(setup.guardrails)[:_MOST]]
    if setup.permissions is not None:
        found["permissions"] = _permissions(setup.permissions.policy, role)
    if setup.rate_limits is not None:
        found["rate_limits"] = _rates(setup.rate_limits)
    if setup.policy_engine is not None:
        found["policy"] = [rule.name for rule in setup.policy_engine.rules[:_MOST]]
    if setup.quality_gate is not None:
        found["quality_gate"] = setup.quality_gate.required_level.label
    if circuit is not None:
        found["circuit_breaker"] = {
            "name": circuit.name,
            "failures": circuit.failure_threshold,
            "open_seconds": circuit.recovery_timeout_seconds,
        }
    return found


def _recovery(setup: Setup) -> Mapping[str, object]:
    if not setup.recover:
        return {"attempts": 1}
    plan = setup.recovery
    told: dict[str, object] = {"attempts": plan.max_attempts, "longest_wait": plan.cap}
    if plan.fallbacks:
        told["fallbacks"] = [fallback.target.name for fallback in plan.fallbacks]
    return told


def _permissions(policy: PermissionPolicy, role: str) -> Mapping[str, object]:
    rules = policy.rules_of(role)
    if rules is None:
        return {"default": "allow" if policy.allows_by_default else "deny"}
    told: dict[str, object] = {"mode": rules.mode.label}
    if rules.allowed_tools is not None:
        told["allowed"] = list(rules.allowed_tools)[:_MOST]
    if rules.denied_tools:
        told["denied"] = list(rules.denied_tools)[:_MOST]
    return told


def _rates(limits: RateLimiter | Mapping[str, RateLimiter]) -> Mapping[str, object]:
    if isinstance(limits, RateLimiter):
        return {"each model": _given(asdict(limits.limit))}
    return {name: _given(asdict(one.limit)) for name, one in list(limits.items())[:_MOST]}


def _given(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _name(guard: Guardrail) -> str:
    try:
        return str(guard.name)[:200]
    except Exception:  # noqa: BLE001 - an application's own property: without it the session still opens
        return type(guard).__name__
