"""What happens in a session, as immutable events that sinks, hooks and the record receive."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar, cast

from msgspec import Struct, field
from msgspec.structs import replace

from holdfast._clock import iso_utc, utc_now_ns
from holdfast.errors import InvalidInputError

__all__ = ["AgentEvent", "AgentEventName", "AgentEventStatus", "AgentFailureClass", "emitted_now"]

_E = TypeVar("_E", bound=StrEnum)
_T = TypeVar("_T")


class AgentEventName(StrEnum):
    """What happened; the part before the last dot says to whom."""

    AGENT_STARTED = "agent.started"
    AGENT_READY = "agent.ready"
    AGENT_BLOCKED = "agent.blocked"
    AGENT_TOOL_CALLED = "agent.tool_called"
    AGENT_TOOL_COMPLETED = "agent.tool_completed"
    AGENT_TOOL_FAILED = "agent.tool_failed"
    AGENT_COMPLETED = "agent.completed"
    AGENT_FAILED = "agent.failed"
    AGENT_CANCELLED = "agent.cancelled"
    PHASE_STARTED = "phase.started"
    PHASE_COMPLETED = "phase.completed"
    PHASE_GATE_EVALUATED = "phase.gate_evaluated"
    PHASE_GATE_PASSED = "phase.gate_passed"
    PHASE_GATE_FAILED = "phase.gate_failed"
    RECOVERY_ATTEMPTED = "agent.recovery.attempted"
    RECOVERY_SUCCEEDED = "agent.recovery.succeeded"
    RECOVERY_FAILED = "agent.recovery.failed"
    RECOVERY_ESCALATED = "agent.recovery.escalated"
    RECOVERY_PROVIDER_SWITCHED = "agent.recovery.provider_switched"
    HOOK_PRE_TOOL = "hook.pre_tool"
    HOOK_POST_TOOL = "hook.post_tool"
    TURN_STARTED = "turn.started"
    TURN_COMPLETED = "turn.completed"
    TURN_FAILED = "turn.failed"
    BUDGET_WARNING = "budget.warning"
    BUDGET_EXCEEDED = "budget.exceeded"
    LOOP_STEERED = "loop.steered"
    LOOP_STOPPED = "loop.stopped"
    PERMISSION_DENIED = "permission.denied"
    GUARDRAIL_REFUSED = "guardrail.refused"
    GUARDRAIL_REDACTED = "guardrail.redacted"
    GUARDRAIL_WARNED = "guardrail.warned"
    RATE_LIMIT_WAITED = "rate_limit.waited"
    POLICY_DECIDED = "policy.decided"
    INPUT_REQUESTED = "input.requested"
    INPUT_PROVIDED = "input.provided"
    INPUT_CLOSED = "input.closed"
    INPUT_ANSWERED = "input.answered"
    SESSION_STOPPED = "session.stopped"
    CALL_LATE = "call.late"


class AgentEventStatus(StrEnum):
    """How things stand after the event."""

    RUNNING = "running"
    READY = "ready"
    BLOCKED = "blocked"
    GREEN = "green"
    RED = "red"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AgentFailureClass(StrEnum):
    """Why an agent failed, as events name it; `holdfast.core.failures` decides in finer categories."""

    LLM_TIMEOUT = "llm_timeout"
    LLM_ERROR = "llm_error"
    TOOL_ERROR = "tool_error"
    CONTEXT_OVERFLOW = "context_overflow"
    RATE_LIMIT = "rate_limit"
    DEPENDENCY_FAILED = "dependency_failed"
    MEMORY_CORRUPTION = "memory_corruption"
    VALIDATION_ERROR = "validation_error"
    PROMPT_REJECTION = "prompt_rejection"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> AgentFailureClass | None:
        return cls.UNKNOWN if isinstance(value, str) else None


def emitted_now() -> str:
    """The instant of now as events write it."""
    return iso_utc(utc_now_ns())


class AgentEvent(Struct, frozen=True):
    """One event. `emitted_at` is ISO 8601 in UTC. `data` should hold what JSON can; what it cannot is written
    as its `str` by `to_json`. The mapping given as `data` is not copied: do not change it afterwards."""

    event: AgentEventName
    status: AgentEventStatus
    emitted_at: str = field(default_factory=emitted_now)
    role: str | None = None
    phase: str | None = None
    project_id: int | None = None
    failure_class: AgentFailureClass | None = None
    detail: str | None = None
    data: Mapping[str, object] | None = None

    def with_failure_class(self, fc: AgentFailureClass) -> AgentEvent:
        return replace(self, failure_class=fc)

    def with_detail(self, detail: str) -> AgentEvent:
        return replace(self, detail=detail)

    def with_data(self, data: Mapping[str, object]) -> AgentEvent:
        return replace(self, data=dict(data))

    def with_project(self, project_id: int) -> AgentEvent:
        return replace(self, project_id=project_id)

    @classmethod
    def started(cls, role: str, phase: str) -> AgentEvent:
        return cls(AgentEventName.AGENT_STARTED, AgentEventStatus.RUNNING, role=role, phase=phase)

    @classmethod
    def completed(cls, role: str, phase: str, detail: str | None = None) -> AgentEvent:
        return cls(
            AgentEventName.AGENT_COMPLETED, AgentEventStatus.COMPLETED, role=role, phase=phase, detail=detail
        )

    @classmethod
    def failed(
        cls, role: str, phase: str, failure_class: AgentFailureClass, detail: str | None = None
    ) -> AgentEvent:
        return cls(
            AgentEventName.AGENT_FAILED,
            AgentEventStatus.FAILED,
            role=role,
            phase=phase,
            failure_class=failure_class,
            detail=detail,
        )

    @classmethod
    def phase_started(cls, phase: str) -> AgentEvent:
        return cls(AgentEventName.PHASE_STARTED, AgentEventStatus.RUNNING, phase=phase)

    @classmethod
    def gate_passed(cls, phase: str, detail: str | None = None) -> AgentEvent:
        return cls(AgentEventName.PHASE_GATE_PASSED, AgentEventStatus.GREEN, phase=phase, detail=detail)

    @classmethod
    def gate_failed(cls, phase: str, detail: str | None = None) -> AgentEvent:
        return cls(AgentEventName.PHASE_GATE_FAILED, AgentEventStatus.RED, phase=phase, detail=detail)

    @classmethod
    def recovery_attempted(cls, role: str, phase: str, detail: str | None = None) -> AgentEvent:
        return cls(
            AgentEventName.RECOVERY_ATTEMPTED,
            AgentEventStatus.RUNNING,
            role=role,
            phase=phase,
            detail=detail,
        )

    def to_dict(self) -> dict[str, object]:
        """`event`, `type` (the name's last dotted part), `status`, `emitted_at`, and what else is set."""
        found: dict[str, object] = {
            "event": self.event.value,
            "type": self.event.value.rpartition(".")[2],
            "status": self.status.value,
            "emitted_at": self.emitted_at,
        }
        if self.role is not None:
            found["role"] = self.role
        if self.phase is not None:
            found["phase"] = self.phase
        if self.project_id is not None:
            found["project_id"] = self.project_id
        if self.failure_class is not None:
            found["failure_class"] = self.failure_class.value
        if self.detail is not None:
            found["detail"] = self.detail
        if self.data is not None:
            found["data"] = dict(self.data)
        return found

    def to_json(self) -> str:
        """One line of JSON; characters outside ASCII stay as they are."""
        return json.dumps(self.to_dict(), ensure_ascii=False, default=str)

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> AgentEvent:
        """The event that `to_dict` wrote, from enums or from their values.

        A missing or unknown `event` or `status`, or a field of the wrong type, raises `InvalidInputError` (a
        `ValueError`). An unknown failure class is read as `UNKNOWN`: it comes from a newer writer. Without
        `emitted_at` the event is of now. Keys that are not of an event are ignored.
        """
        failure = _typed(data, "failure_class", str)
        return cls(
            _member(AgentEventName, data, "event"),
            _member(AgentEventStatus, data, "status"),
            emitted_at=_typed(data, "emitted_at", str) or emitted_now(),
            role=_typed(data, "role", str),
            phase=_typed(data, "phase", str),
            project_id=_typed(data, "project_id", int),
            failure_class=None if failure is None else AgentFailureClass(failure),
            detail=_typed(data, "detail", str),
            data=cast("dict[str, object] | None", _typed(data, "data", dict)),
        )

    @classmethod
    def from_json(cls, s: str) -> AgentEvent:
        """As `from_dict`. Text that is not a JSON object raises `InvalidInputError`."""
        try:
            decoded: object = json.loads(s)
        except ValueError as error:
            raise InvalidInputError("event", f"is not JSON: {error}") from None
        if not isinstance(decoded, dict):
            raise InvalidInputError("event", "is not a JSON object")
        return cls.from_dict(cast("dict[str, object]", decoded))

    def to_otel_attributes(self) -> dict[str, str | int | float]:
        """The attributes under which this event is put on an OpenTelemetry span. `data` is not among them."""
        found: dict[str, str | int | float] = {
            "agent.event": self.event.value,
            "agent.event.status": self.status.value,
            "agent.event.timestamp": self.emitted_at,
        }
        if self.role is not None:
            found["agent.role"] = self.role
        if self.phase is not None:
            found["agent.phase"] = self.phase
        if self.project_id is not None:
            found["agent.project_id"] = self.project_id
        if self.failure_class is not None:
            found["agent.failure_class"] = self.failure_class.value
        if self.detail is not None:
            found["agent.detail"] = self.detail
        return found


def _member(kind: type[_E], data: Mapping[str, object], key: str) -> _E:
    value = data.get(key)
    for member in kind:
        if member == value:
            return member
    problem = "is missing" if value is None else f"{value!r} is unknown"
    raise InvalidInputError(key, problem, f"one of {', '.join(member.value for member in kind)}")


def _typed(data: Mapping[str, object], key: str, kind: type[_T]) -> _T | None:
    value = data.get(key)
    if value is None or (isinstance(value, kind) and not (kind is int and isinstance(value, bool))):
        return value
    raise InvalidInputError(key, f"is {type(value).__name__}", f"send {kind.__name__}")
