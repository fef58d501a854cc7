"""Policies: rules that say, from how a phase stands, what should be done.

The conditions that ship are records, so that a policy can be written in Python or loaded from a file
(`holdfast.core.policy_data`); the same objects come out of both. A condition of your own is any subclass of
`PolicyCondition` with a `matches`; it works beside the others, but has no form in a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING

from msgspec import Struct

from holdfast.core.error_text import error_text
from holdfast.errors import InvalidInputError, PolicyConditionError
from holdfast.wire.runtime_vocabulary import PolicyAction, QualityLevel

__all__ = [
    "AgentFailed",
    "AllAgentsComplete",
    "And",
    "CostExceeded",
    "GateBelow",
    "Not",
    "Or",
    "PhaseCompleted",
    "PhaseContext",
    "PolicyAction",
    "PolicyActionData",
    "PolicyCondition",
    "PolicyConditionError",
    "PolicyEngine",
    "PolicyRule",
    "QualityAt",
    "RetryExhausted",
    "TimedOut",
]


@dataclass(slots=True)
class PhaseContext:
    """How a phase stands, as conditions see it. Times are in seconds, costs in US dollars (the known part)."""

    phase: str = ""
    quality_level: QualityLevel | None = None
    gate_score: float = 0.0
    gate_threshold: float = 0.0
    completed_roles: set[str] = field(default_factory=set[str])
    failed_roles: set[str] = field(default_factory=set[str])
    all_roles: set[str] = field(default_factory=set[str])
    elapsed_seconds: float = 0.0
    retry_exhausted_scenarios: set[str] = field(default_factory=set[str])
    phase_completed: bool = False
    total_cost_usd: float = 0.0


class PolicyCondition:
    """Something that holds of a phase, or does not."""

    __slots__ = ()

    def matches(self, ctx: PhaseContext) -> bool:
        raise NotImplementedError(f"{type(self).__name__} does not say when it matches")


class _Written(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """A condition that a file can hold: its `type` is the tag of its class."""


class And(_Written, PolicyCondition, frozen=True, tag="and"):
    """All of them; true of none."""

    conditions: Sequence[AnyCondition]

    def matches(self, ctx: PhaseContext) -> bool:
        return all(condition.matches(ctx) for condition in self.conditions)


class Or(_Written, PolicyCondition, frozen=True, tag="or"):
    """At least one of them; false of none."""

    conditions: Sequence[AnyCondition]

    def matches(self, ctx: PhaseContext) -> bool:
        return any(condition.matches(ctx) for condition in self.conditions)


class Not(_Written, PolicyCondition, frozen=True, tag="not"):
    """The other way round."""

    condition: AnyCondition

    def matches(self, ctx: PhaseContext) -> bool:
        return not self.condition.matches(ctx)


class QualityAt(_Written, PolicyCondition, frozen=True, tag="quality_at"):
    """Quality was observed, at this level or above."""

    level: QualityLevel

    def matches(self, ctx: PhaseContext) -> bool:
        return ctx.quality_level is not None and ctx.quality_level >= self.level


class PhaseCompleted(_Written, PolicyCondition, frozen=True, tag="phase_completed"):
    """The phase is said to be over."""

    def matches(self, ctx: PhaseContext) -> bool:
        return ctx.phase_completed


class AgentFailed(_Written, PolicyCondition, frozen=True, tag="agent_failed"):
    """The agent of this role failed; without a role, any did."""

    role: str | None = None

    def matches(self, ctx: PhaseContext) -> bool:
        return bool(ctx.failed_roles) if self.role is None else self.role in ctx.failed_roles


class GateBelow(_Written, PolicyCondition, frozen=True, tag="gate_below"):
    """The gate's score is strictly less than `threshold`."""

    threshold: float

    def __post_init__(self) -> None:
        _require_number("threshold", self.threshold)

    def matches(self, ctx: PhaseContext) -> bool:
        return ctx.gate_score < self.threshold


class RetryExhausted(_Written, PolicyCondition, frozen=True, tag="retry_exhausted"):
    """Nothing is left to try against this failure scenario; without one, against any."""

    scenario: str | None = None

    def matches(self, ctx: PhaseContext) -> bool:
        exhausted = ctx.retry_exhausted_scenarios
        return bool(exhausted) if self.scenario is None else self.scenario in exhausted


class TimedOut(_Written, PolicyCondition, frozen=True, tag="timed_out"):
    """The phase has taken strictly more than `seconds`."""

    seconds: float

    def __post_init__(self) -> None:
        _require_number("seconds", self.seconds, least=0)

    def matches(self, ctx: PhaseContext) -> bool:
        return ctx.elapsed_seconds > self.seconds


class AllAgentsComplete(_Written, PolicyCondition, frozen=True, tag="all_agents_complete"):
    """Every role has completed or failed."""

    def matches(self, ctx: PhaseContext) -> bool:
        return ctx.completed_roles | ctx.failed_roles == ctx.all_roles


class CostExceeded(_Written, PolicyCondition, frozen=True, tag="cost_exceeded"):
    """The known cost is strictly more than `budget_usd`."""

    budget_usd: float

    def __post_init__(self) -> None:
        _require_number("budget_usd", self.budget_usd, least=0)

    def matches(self, ctx: PhaseContext) -> bool:
        return ctx.total_cost_usd > self.budget_usd


if TYPE_CHECKING:
    AnyCondition = PolicyCondition
else:
    # What a file may hold. The decoder needs the closed list; Python callers may put in a condition of their
    # own, and no record checks its fields when it is made.
    AnyCondition = (
        And
        | Or
        | Not
        | QualityAt
        | PhaseCompleted
        | AgentFailed
        | GateBelow
        | RetryExhausted
        | TimedOut
        | AllAgentsComplete
        | CostExceeded
    )


class PolicyActionData(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One thing to do, and with what."""

    action: PolicyAction
    params: Mapping[str, object] | None = None

    def to_dict(self) -> dict[str, object]:
        found: dict[str, object] = {"action": self.action.value}
        if self.params is not None:
            found["params"] = dict(self.params)
        return found


class PolicyRule(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to do when `condition` holds. Rules with a lower `priority` speak first."""

    name: str
    condition: AnyCondition
    actions: Sequence[PolicyActionData]
    priority: int = 50


class PolicyEngine:
    """Rules in order of priority; those of equal priority stay in the order given."""

    def __init__(self, rules: Iterable[PolicyRule]) -> None:
        self._rules = sorted(rules, key=lambda rule: rule.priority)
        names = [rule.name for rule in self._rules]
        for name in names:
            if names.count(name) > 1:
                raise InvalidInputError("rules", f"two are named {name!r}", "a decision is known by its rule")

    def evaluate(self, ctx: PhaseContext) -> list[PolicyActionData]:
        """The actions of every rule that matches, in order. A condition of your own that raises is a
        `PolicyConditionError`: an engine that skipped it would let pass what the rule should have stopped."""
        return [action for rule in self.matching(ctx) for action in rule.actions]

    def matching(self, ctx: PhaseContext) -> list[PolicyRule]:
        """The rules that match, in order: for whoever must say why."""
        found: list[PolicyRule] = []
        for rule in self._rules:
            try:
                holds = rule.condition.matches(ctx)
            except Exception as error:
                raise PolicyConditionError(rule.name, error_text(error)) from error
            if holds:
                found.append(rule)
        return found

    @property
    def rules(self) -> list[PolicyRule]:
        """A copy, in order of priority."""
        return list(self._rules)


def _require_number(name: str, value: float, least: float | None = None) -> None:
    if not isfinite(value) or (least is not None and value < least):
        raise InvalidInputError(name, f"{value} cannot be compared with", "give a number of 0 or more")
