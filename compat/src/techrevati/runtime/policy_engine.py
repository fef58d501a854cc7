"""Policies, which are Holdfast's own; here several rules may have one name."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from holdfast.core import policy
from holdfast.core.policy import (
    AgentFailed,
    AllAgentsComplete,
    And,
    CostExceeded,
    GateBelow,
    Or,
    PhaseCompleted,
    PhaseContext,
    PolicyAction,
    PolicyActionData,
    PolicyCondition,
    PolicyRule,
    QualityAt,
    RetryExhausted,
    TimedOut,
)

__all__ = [
    "AgentFailed",
    "AllAgentsComplete",
    "And",
    "CostExceeded",
    "GateBelow",
    "Or",
    "PhaseCompleted",
    "PhaseContext",
    "PolicyAction",
    "PolicyActionData",
    "PolicyCondition",
    "PolicyEngine",
    "PolicyRule",
    "QualityAt",
    "RetryExhausted",
    "TimedOut",
]


class PolicyEngine(policy.PolicyEngine):
    """Rules in order of priority; those of equal priority stay in the order given."""

    def __init__(self, rules: Iterable[PolicyRule]) -> None:
        given = list(rules)
        # Holdfast wants names that tell rules apart, because its record says which one spoke.
        super().__init__([replace(rule, name=f"{rule.name}#{place}") for place, rule in enumerate(given)])
        self._given = sorted(given, key=lambda rule: rule.priority)

    @property
    def rules(self) -> list[PolicyRule]:
        """A copy, in order of priority."""
        return list(self._given)
