"""The orchestrator and its sessions, over Holdfast's: they call once, classify what fails and keep the books."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from holdfast.core.recovery_books import RecoveryContext
from holdfast.runtime import (
    AgentRegistry,
    AsyncCircuitBreaker,
    CircuitBreaker,
    EventSink,
    Guardrail,
    MaxIterationsExceededError,
    NoopEventSink,
    NoopUsageSink,
    PermissionDeniedError,
    PermissionEnforcer,
    PolicyEngine,
    QualityGate,
    TurnTimeoutError,
    UsageTracker,
)
from techrevati.runtime.session import AsyncOrchestrationSession, OrchestrationSession
from techrevati.runtime.usage_sink import UsageSink

__all__ = [
    "AgentSession",
    "AsyncOrchestrationSession",
    "MaxIterationsExceededError",
    "OrchestrationSession",
    "Orchestrator",
    "PermissionDeniedError",
    "TurnTimeoutError",
]

_SessionT = TypeVar("_SessionT", OrchestrationSession, AsyncOrchestrationSession)


@dataclass
class Orchestrator:
    """Opens sessions. Where one breaker is given it guards both kinds; where both are, each guards its own."""

    role: str
    phase: str
    project_id: int | None = None
    registry: AgentRegistry = field(default_factory=AgentRegistry)
    permissions: PermissionEnforcer | None = None
    circuit_breaker: CircuitBreaker | None = None
    async_circuit_breaker: AsyncCircuitBreaker | None = None
    policy_engine: PolicyEngine | None = None
    quality_gate: QualityGate | None = None
    budget_usd: float | None = None
    enforce_budget: bool = False
    max_iterations: int = 25
    guardrails: list[Guardrail] = field(default_factory=list)
    event_sink: EventSink = field(default_factory=NoopEventSink)
    usage_sink: UsageSink = field(default_factory=NoopUsageSink)

    @contextmanager
    def session(self) -> Generator[OrchestrationSession]:
        """A session for plain code. It is completed by a clean end, failed by an exception (which goes on),
        cancelled by a cancellation."""
        session = self._make(OrchestrationSession, self.circuit_breaker or self.async_circuit_breaker)
        session.begin()
        try:
            yield session
        except BaseException as error:
            session.end(error)
            raise
        session.end(None)

    @asynccontextmanager
    async def asession(self) -> AsyncGenerator[AsyncOrchestrationSession]:
        """As `session`, for async code."""
        session = self._make(AsyncOrchestrationSession, self.async_circuit_breaker or self.circuit_breaker)
        session.begin()
        try:
            yield session
        except BaseException as error:
            session.end(error)
            raise
        session.end(None)

    def _make(
        self, kind: type[_SessionT], circuit_breaker: CircuitBreaker | AsyncCircuitBreaker | None
    ) -> _SessionT:
        return kind(
            self.registry.create(self.role, self.phase, self.project_id),
            UsageTracker(),
            RecoveryContext(),
            self.registry,
            self.phase,
            self.role,
            self.project_id,
            self.permissions,
            self.policy_engine,
            self.quality_gate,
            self.budget_usd,
            self.enforce_budget,
            self.max_iterations,
            self.guardrails,
            self.event_sink,
            self.usage_sink,
            circuit_breaker=circuit_breaker,
        )


AgentSession = Orchestrator
"""Another name for it."""
