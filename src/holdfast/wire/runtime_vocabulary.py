"""The closed vocabularies of the runtime: what a session, its controls and its limits can be or say."""

from __future__ import annotations

from enum import IntEnum, StrEnum

__all__ = [
    "AgentStatus",
    "CircuitState",
    "GuardAction",
    "GuardrailStage",
    "LimitKind",
    "LoopAction",
    "LoopPattern",
    "PermissionMode",
    "PolicyAction",
    "QualityLevel",
]


class AgentStatus(StrEnum):
    """Where a worker is. `completed`, `failed` and `cancelled` are final."""

    IDLE = "idle"
    INITIALIZING = "initializing"
    WAITING_FOR_INPUT = "waiting_for_input"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in (AgentStatus.COMPLETED, AgentStatus.FAILED, AgentStatus.CANCELLED)


class CircuitState(StrEnum):
    """Where a circuit breaker is."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class PermissionMode(IntEnum):
    """How much a role may do; each mode includes those below it."""

    READ_ONLY = 1
    WORKSPACE_WRITE = 2
    FULL_ACCESS = 3

    @property
    def label(self) -> str:
        return self.name.lower()


class QualityLevel(IntEnum):
    """How good a result is; each level includes those below it."""

    MINIMAL = 1
    STANDARD = 2
    STRICT = 3
    RELEASE = 4

    @property
    def label(self) -> str:
        return self.name.lower()


class GuardrailStage(StrEnum):
    """When a guardrail looks: before a tool, at its arguments, at its result, at a model's output."""

    PRE = "pre"
    CALL = "call"
    POST = "post"
    OUTPUT = "output"


class GuardAction(StrEnum):
    """What a guardrail does about what it found."""

    REFUSE = "refuse"
    REDACT = "redact"
    WARN = "warn"


class PolicyAction(StrEnum):
    """What a policy rule asks of whoever runs the phase."""

    ADVANCE_PHASE = "advance_phase"
    RETRY_AGENT = "retry_agent"
    RETRY_PHASE = "retry_phase"
    RECOVER_ONCE = "recover_once"
    ESCALATE = "escalate"
    STORE_GATE_FEEDBACK = "store_gate_feedback"
    GENERATE_HANDOFF = "generate_handoff"
    NOTIFY = "notify"
    ABORT_PHASE = "abort_phase"


class LimitKind(StrEnum):
    """What a budget counts."""

    USD = "usd"
    TOKENS = "tokens"
    TURNS = "turns"
    TOOL_CALLS = "tool_calls"
    SECONDS = "seconds"


class LoopPattern(StrEnum):
    """What the loop guard saw."""

    SAME_CALL = "same_call"
    CYCLE = "cycle"
    SAME_RESULT = "same_result"
    SPEND_VELOCITY = "spend_velocity"


class LoopAction(StrEnum):
    """What is to be done about a loop: say something to the model, or stop."""

    STEER = "steer"
    STOP = "stop"
