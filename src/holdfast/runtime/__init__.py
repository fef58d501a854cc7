"""Supervision: sessions around an agent's own loop, and the controls that hold in them.

    from holdfast.runtime import Budget, BudgetLimits, CircuitBreaker, Orchestrator

    orchestrator = Orchestrator(role="researcher", phase="find", budget=Budget(BudgetLimits(usd=1.0)))
    with orchestrator.session() as session:
        answer, usage = session.run_turn(lambda: client.responses.create(...), model="gpt-5-mini")

Names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from holdfast.core.budget import Budget, BudgetExceededError
    from holdfast.core.budget_limits import Limits as BudgetLimits
    from holdfast.core.budget_limits import Spend
    from holdfast.core.flow import Prepare
    from holdfast.core.guardrails import Guardrail, GuardrailOutcome
    from holdfast.core.handoff import Handoff
    from holdfast.core.lifecycle import AgentRegistry, AgentWorker
    from holdfast.core.loopguard import LoopLimits
    from holdfast.core.permissions import (
        PermissionEnforcer,
        PermissionMode,
        PermissionPolicy,
        RolePermissionConfig,
    )
    from holdfast.core.policy import PolicyEngine, PolicyRule
    from holdfast.core.pricing import ModelPricing
    from holdfast.core.quality import QualityGate, QualityLevel
    from holdfast.core.ratelimit import RateLimit, RateLimiter
    from holdfast.core.recovery import JitterMode, RecoveryStep, Remedy
    from holdfast.core.recovery_flow import Attempt, attempts_of
    from holdfast.core.usage import UsageSnapshot
    from holdfast.errors import (
        CircuitOpenError,
        GuardrailViolatedError,
        InputPendingError,
        LoopDetectedError,
        MaxIterationsExceededError,
        NoInputPendingError,
        PermissionDeniedError,
        RateWaitTooLongError,
        RunTerminated,
        SessionEndedError,
        ToolTimeoutError,
        TurnTimeoutError,
    )
    from holdfast.runtime.async_session import AsyncOrchestrationSession
    from holdfast.runtime.breaker import AsyncCircuitBreaker, CircuitBreaker
    from holdfast.runtime.clock import SYSTEM_CLOCK, Clock
    from holdfast.runtime.options import Fallback, Recovery, SessionLimits
    from holdfast.runtime.orchestrator import AgentSession, Orchestrator
    from holdfast.runtime.prices import load_pricing_from_file, register_pricing
    from holdfast.runtime.recorder import use_recorder
    from holdfast.runtime.requests import ToolCall, ToolResult
    from holdfast.runtime.session import OrchestrationSession
    from holdfast.runtime.sinks import (
        DEFAULT_RING_CAPACITY,
        EventSink,
        MultiEventSink,
        MultiUsageSink,
        NoopEventSink,
        NoopUsageSink,
        RingBufferEventSink,
        RingBufferUsageSink,
        UsageSink,
    )
    from holdfast.runtime.streams import AsyncTurnStream, TurnStream
    from holdfast.runtime.usage import UsageTracker
    from holdfast.wire.agent_events import AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass

_HOMES: Final = {
    "core.budget": ("Budget", "BudgetExceededError"),
    "core.budget_limits": ("Spend",),
    "core.flow": ("Prepare",),
    "core.guardrails": ("Guardrail", "GuardrailOutcome"),
    "core.handoff": ("Handoff",),
    "core.loopguard": ("LoopLimits",),
    "core.lifecycle": ("AgentRegistry", "AgentWorker"),
    "core.permissions": ("PermissionEnforcer", "PermissionMode", "PermissionPolicy", "RolePermissionConfig"),
    "core.policy": ("PolicyEngine", "PolicyRule"),
    "core.pricing": ("ModelPricing",),
    "core.quality": ("QualityGate", "QualityLevel"),
    "core.ratelimit": ("RateLimit", "RateLimiter"),
    "core.recovery": ("JitterMode", "RecoveryStep", "Remedy"),
    "core.recovery_flow": ("Attempt", "attempts_of"),
    "core.usage": ("UsageSnapshot",),
    "errors": (
        "CircuitOpenError",
        "GuardrailViolatedError",
        "InputPendingError",
        "LoopDetectedError",
        "MaxIterationsExceededError",
        "NoInputPendingError",
        "PermissionDeniedError",
        "RateWaitTooLongError",
        "RunTerminated",
        "SessionEndedError",
        "ToolTimeoutError",
        "TurnTimeoutError",
    ),
    "runtime.async_session": ("AsyncOrchestrationSession",),
    "runtime.breaker": ("AsyncCircuitBreaker", "CircuitBreaker"),
    "runtime.clock": ("SYSTEM_CLOCK", "Clock"),
    "runtime.options": ("Fallback", "Recovery", "SessionLimits"),
    "runtime.orchestrator": ("AgentSession", "Orchestrator"),
    "runtime.prices": ("load_pricing_from_file", "register_pricing"),
    "runtime.recorder": ("use_recorder",),
    "runtime.requests": ("ToolCall", "ToolResult"),
    "runtime.session": ("OrchestrationSession",),
    "runtime.sinks": (
        "DEFAULT_RING_CAPACITY",
        "EventSink",
        "MultiEventSink",
        "MultiUsageSink",
        "NoopEventSink",
        "NoopUsageSink",
        "RingBufferEventSink",
        "RingBufferUsageSink",
        "UsageSink",
    ),
    "runtime.streams": ("AsyncTurnStream", "TurnStream"),
    "runtime.usage": ("UsageTracker",),
    "wire.agent_events": ("AgentEvent", "AgentEventName", "AgentEventStatus", "AgentFailureClass"),
}
_HOME_OF: Final = {name: (home, name) for home, names in _HOMES.items() for name in names} | {
    "BudgetLimits": ("core.budget_limits", "Limits")
}

__all__ = [
    "DEFAULT_RING_CAPACITY",
    "SYSTEM_CLOCK",
    "AgentEvent",
    "AgentEventName",
    "AgentEventStatus",
    "AgentFailureClass",
    "AgentRegistry",
    "AgentSession",
    "AgentWorker",
    "AsyncCircuitBreaker",
    "AsyncOrchestrationSession",
    "AsyncTurnStream",
    "Attempt",
    "Budget",
    "BudgetExceededError",
    "BudgetLimits",
    "CircuitBreaker",
    "CircuitOpenError",
    "Clock",
    "EventSink",
    "Fallback",
    "Guardrail",
    "GuardrailOutcome",
    "GuardrailViolatedError",
    "Handoff",
    "InputPendingError",
    "JitterMode",
    "LoopDetectedError",
    "LoopLimits",
    "MaxIterationsExceededError",
    "ModelPricing",
    "MultiEventSink",
    "MultiUsageSink",
    "NoInputPendingError",
    "NoopEventSink",
    "NoopUsageSink",
    "OrchestrationSession",
    "Orchestrator",
    "PermissionDeniedError",
    "PermissionEnforcer",
    "PermissionMode",
    "PermissionPolicy",
    "PolicyEngine",
    "PolicyRule",
    "Prepare",
    "QualityGate",
    "QualityLevel",
    "RateLimit",
    "RateLimiter",
    "RateWaitTooLongError",
    "Recovery",
    "RecoveryStep",
    "Remedy",
    "RingBufferEventSink",
    "RingBufferUsageSink",
    "RolePermissionConfig",
    "RunTerminated",
    "SessionEndedError",
    "SessionLimits",
    "Spend",
    "ToolCall",
    "ToolResult",
    "ToolTimeoutError",
    "TurnStream",
    "TurnTimeoutError",
    "UsageSink",
    "UsageSnapshot",
    "UsageTracker",
    "attempts_of",
    "load_pricing_from_file",
    "register_pricing",
    "use_recorder",
]


def __getattr__(name: str) -> Any:
    found = _HOME_OF.get(name)
    if found is None:
        raise AttributeError(f"module 'holdfast.runtime' has no attribute {name!r}")
    value = getattr(import_module(f"holdfast.{found[0]}"), found[1])
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
