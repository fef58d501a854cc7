"""What the controls of a run decided, by the kind of control: which events tell of it, and in what words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from holdfast.wire.agent_events import AgentEventName as Name

__all__ = ["DECISIONS", "KINDS", "DecisionKind", "kind_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionKind:
    """`count` has the events that are counted in the head of a run, under `counted`; `bad`: a no to the agent."""

    key: str
    label: str
    events: frozenset[str]
    counted: str
    count: frozenset[str]
    bad: bool = False

    def counted_in(self, events: Mapping[str, int]) -> int:
        return sum(events.get(name, 0) for name in self.count)


def _kind(
    key: str, label: str, counted: str, count: tuple[Name, ...], *more: Name, bad: bool = False
) -> DecisionKind:
    names = frozenset(name.value for name in count)
    events = names | {name.value for name in more}
    return DecisionKind(key=key, label=label, events=events, counted=counted, count=names, bad=bad)


KINDS: Final = (
    _kind(
        "recovery",
        "Recovery",
        "Recovered",
        (Name.RECOVERY_SUCCEEDED,),
        Name.RECOVERY_ATTEMPTED,
        Name.RECOVERY_FAILED,
        Name.RECOVERY_ESCALATED,
        Name.RECOVERY_PROVIDER_SWITCHED,
    ),
    _kind(
        "guard",
        "Guardrails",
        "Refused",
        (Name.GUARDRAIL_REFUSED, Name.PERMISSION_DENIED),
        Name.GUARDRAIL_REDACTED,
        Name.GUARDRAIL_WARNED,
        bad=True,
    ),
    _kind("budget", "Budget", "Over budget", (Name.BUDGET_EXCEEDED,), Name.BUDGET_WARNING, bad=True),
    _kind("loop", "Loop guard", "Loops", (Name.LOOP_STOPPED, Name.LOOP_STEERED), bad=True),
    _kind(
        "policy",
        "Policy",
        "Policy decisions",
        (Name.POLICY_DECIDED,),
        Name.PHASE_GATE_EVALUATED,
        Name.PHASE_GATE_PASSED,
        Name.PHASE_GATE_FAILED,
    ),
    _kind("pace", "Pace", "Waits for a limit", (Name.RATE_LIMIT_WAITED,), Name.CALL_LATE),
    _kind(
        "input",
        "Questions",
        "Questions",
        (Name.INPUT_REQUESTED,),
        Name.INPUT_PROVIDED,
        Name.INPUT_CLOSED,
        Name.INPUT_ANSWERED,
    ),
    _kind("stop", "Stop", "Stopped", (Name.SESSION_STOPPED,), bad=True),
)

DECISIONS: Final = frozenset(name for kind in KINDS for name in kind.events)
"""All events that tell of a decision."""

_BY_EVENT: Final = {name: kind for kind in KINDS for name in kind.events}


def kind_of(event: str) -> DecisionKind | None:
    return _BY_EVENT.get(event)
