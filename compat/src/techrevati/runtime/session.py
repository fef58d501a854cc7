"""Sessions with the constructors of this API. `techrevati.runtime.orchestrator` has them under their known path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar, Unpack

from holdfast.core.lifecycle import AgentRegistry, AgentStatus, AgentWorker
from holdfast.core.recovery_books import RecoveryContext
from holdfast.core.usage import UsageSnapshot as AnySnapshot
from holdfast.runtime import (
    AgentEvent,
    AsyncCircuitBreaker,
    CircuitBreaker,
    EventSink,
    Guardrail,
    MultiEventSink,
    NoopEventSink,
    NoopUsageSink,
    PermissionEnforcer,
    PolicyEngine,
    QualityGate,
    UsageTracker,
)
from holdfast.runtime.async_session import AsyncOrchestrationSession as _AsyncSession
from holdfast.runtime.parts import assemble
from holdfast.runtime.requests import TurnOptions
from holdfast.runtime.session import OrchestrationSession as _Session
from holdfast.runtime.session_base import SessionBase
from holdfast.runtime.setup import Setup
from techrevati.runtime.usage_sink import NumericUsageSink, UsageSink
from techrevati.runtime.usage_tracking import UsageSnapshot, as_snapshot

__all__ = ["AsyncOrchestrationSession", "OrchestrationSession"]

T = TypeVar("T")


class _Appended:
    """A sink that adds each event to a list of the caller's."""

    def __init__(self, events: list[AgentEvent]) -> None:
        self._events = events

    def emit(self, event: AgentEvent) -> None:
        self._events.append(event)


class _SessionBase(SessionBase):
    """A session that was made directly begins with its first step; one from an orchestrator has begun.

    `events`, where it is given, receives every event; else the latest 1,000 are kept. What is given can be read
    under the names of the parameters; to change it there has no effect.
    """

    def __init__(
        self,
        worker: AgentWorker,
        tracker: UsageTracker,
        recovery: RecoveryContext,
        registry: AgentRegistry,
        phase: str,
        role: str,
        project_id: int | None,
        permissions: PermissionEnforcer | None = None,
        policy_engine: PolicyEngine | None = None,
        quality_gate: QualityGate | None = None,
        budget_usd: float | None = None,
        enforce_budget: bool = False,
        max_iterations: int = 25,
        guardrails: list[Guardrail] | None = None,
        event_sink: EventSink | None = None,
        usage_sink: UsageSink | None = None,
        events: list[AgentEvent] | None = None,
        circuit_breaker: CircuitBreaker | AsyncCircuitBreaker | None = None,
    ) -> None:
        self.permissions = permissions
        self.policy_engine = policy_engine
        self.quality_gate = quality_gate
        self.budget_usd = budget_usd
        self.enforce_budget = enforce_budget
        self.max_iterations = max_iterations
        self.guardrails = [] if guardrails is None else guardrails
        self.event_sink: EventSink = event_sink or NoopEventSink()
        self.usage_sink: UsageSink = usage_sink or NoopUsageSink()
        self.circuit_breaker = circuit_breaker
        self._all_events = events
        sink = self.event_sink if events is None else MultiEventSink([_Appended(events), self.event_sink])
        setup = Setup(
            role,
            phase,
            project_id,
            registry,
            permissions,
            None if isinstance(circuit_breaker, AsyncCircuitBreaker) else circuit_breaker,
            circuit_breaker if isinstance(circuit_breaker, AsyncCircuitBreaker) else None,
            policy_engine,
            quality_gate,
            budget_usd,
            enforce_budget,
            max_iterations,
            self.guardrails,
            sink,
            NumericUsageSink(self.usage_sink),
            recover=False,
            loop_guard=None,
        )
        is_async = isinstance(self, _AsyncSession)
        super().__init__(assemble(setup, worker, is_async=is_async, tracker=tracker, recovery=recovery), {})

    @property
    def events(self) -> list[AgentEvent]:
        return super().events if self._all_events is None else self._all_events

    def begin_once(self) -> None:
        """Begin, where nobody did."""
        if self.worker.status in (AgentStatus.IDLE, AgentStatus.INITIALIZING):
            self.begin()


class OrchestrationSession(_SessionBase, _Session):
    """See `holdfast.runtime.OrchestrationSession`."""

    def run_turn(
        self,
        fn: Callable[[], T],
        model: str = "",
        usage: AnySnapshot | None = None,
        estimate_usage: Callable[[T], AnySnapshot] | None = None,
        timeout: float | None = None,
        **options: Unpack[TurnOptions],
    ) -> tuple[T, UsageSnapshot]:
        self.begin_once()
        value, used = super().run_turn(fn, model, usage, estimate_usage, timeout, **options)
        return value, as_snapshot(used)

    def run_tool(
        self,
        tool_name: str,
        fn: Callable[..., T],
        arguments: Mapping[str, object] | None = None,
        **options: Any,
    ) -> T:
        self.begin_once()
        return super().run_tool(tool_name, fn, arguments, **options)


class AsyncOrchestrationSession(_SessionBase, _AsyncSession):
    """See `holdfast.runtime.AsyncOrchestrationSession`."""

    async def arun_turn(
        self,
        coro_factory: Callable[[], Awaitable[T]],
        model: str = "",
        usage: AnySnapshot | None = None,
        estimate_usage: Callable[[T], AnySnapshot] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of the original
        **options: Unpack[TurnOptions],
    ) -> tuple[T, UsageSnapshot]:
        self.begin_once()
        value, used = await super().arun_turn(coro_factory, model, usage, estimate_usage, timeout, **options)
        return value, as_snapshot(used)

    async def arun_tool(
        self,
        tool_name: str,
        coro_factory: Callable[..., Awaitable[T]],
        arguments: Mapping[str, object] | None = None,
        **options: Any,
    ) -> T:
        self.begin_once()
        return await super().arun_tool(tool_name, coro_factory, arguments, **options)

    async def pause_for_input(self, prompt: str, **options: Any) -> str:
        self.begin_once()
        return await super().pause_for_input(prompt, **options)
