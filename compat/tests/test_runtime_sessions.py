"""Sessions under `techrevati.runtime`: programs with permissions, breaker, budget, guardrails, hand-off, policy."""

from __future__ import annotations

import asyncio
import threading
from math import isnan

import pytest
from serverside import Shown

import holdfast
from techrevati.runtime.agent_events import AgentEvent, AgentEventName
from techrevati.runtime.agent_lifecycle import AgentRegistry, AgentStatus
from techrevati.runtime.circuit_breaker import (
    AsyncCircuitBreaker,
    CircuitBreaker,
    CircuitOpenError,
    CircuitState,
)
from techrevati.runtime.guardrails import GuardrailOutcome, GuardrailViolatedError
from techrevati.runtime.orchestrator import (
    AgentSession,
    AsyncOrchestrationSession,
    MaxIterationsExceededError,
    OrchestrationSession,
    Orchestrator,
    PermissionDeniedError,
    TurnTimeoutError,
)
from techrevati.runtime.permissions import (
    PermissionEnforcer,
    PermissionMode,
    PermissionPolicy,
    RolePermissionConfig,
)
from techrevati.runtime.policy_engine import (
    CostExceeded,
    PolicyAction,
    PolicyActionData,
    PolicyEngine,
    PolicyRule,
)
from techrevati.runtime.quality_gate import QualityGate, QualityLevel
from techrevati.runtime.retry_policy import FailureScenario, RecoveryContext
from techrevati.runtime.sinks import EventSink, RingBufferEventSink, RingBufferUsageSink, UsageSink
from techrevati.runtime.usage_tracking import (
    PRICING_TABLE,
    BudgetExceededError,
    ModelPricing,
    UsageSnapshot,
    UsageTracker,
    register_pricing,
)
from waiting import wait_until


@pytest.fixture(autouse=True)
def _prices() -> object:
    register_pricing("tiny", ModelPricing(1.0, 1.0))
    yield
    PRICING_TABLE.clear()


MILLION = UsageSnapshot(input_tokens=1_000_000)


class NoShell:
    name = "no_shell"

    def check_pre(self, *, role: str, tool: str) -> GuardrailOutcome:
        return GuardrailOutcome(tool != "shell", "no shell")

    def check_post(self, value: object, *, role: str, tool: str) -> GuardrailOutcome:
        return GuardrailOutcome(value != "secret", "a secret")


def _permissions() -> PermissionEnforcer:
    reader = RolePermissionConfig("writer", PermissionMode.READ_ONLY)
    return PermissionEnforcer(PermissionPolicy({"writer": reader}, {"save": PermissionMode.FULL_ACCESS}))


def test_the_sync_quick_start(shown: Shown) -> None:
    """An orchestrator with every control, unchanged, and on the record as soon as `holdfast.init` was called."""
    events, usages = RingBufferEventSink(), RingBufferUsageSink()
    client = holdfast.init(agent="quick", url=shown.url, token=shown.token)
    orchestrator = Orchestrator(
        role="writer",
        phase="draft",
        project_id=7,
        permissions=_permissions(),
        circuit_breaker=CircuitBreaker("llm", failure_threshold=3),
        policy_engine=PolicyEngine(
            [PolicyRule("spent", CostExceeded(0.5), [PolicyActionData(PolicyAction.NOTIFY)])]
        ),
        quality_gate=QualityGate(QualityLevel.STANDARD),
        budget_usd=10.0,
        guardrails=[NoShell()],
        event_sink=events,
        usage_sink=usages,
    )
    with orchestrator.session() as session:
        assert isinstance(session, OrchestrationSession)
        text, usage = session.run_turn(lambda: "hello", model="tiny", usage=MILLION)
        assert (text, usage) == ("hello", MILLION)
        assert session.run_tool("read", lambda: "page") == "page"
        with pytest.raises(PermissionDeniedError) as denied:
            session.run_tool("save", lambda: None)
        assert denied.value.outcome.required_mode == "full_access"
        with pytest.raises(GuardrailViolatedError):
            session.run_tool("shell", lambda: None)
        with pytest.raises(GuardrailViolatedError) as leaked:
            session.run_tool("read", lambda: "secret")
        assert leaked.value.stage == "post"
        assert [one.action for one in session.evaluate_policy()] == [PolicyAction.NOTIFY]
        gate = session.evaluate_gate(QualityLevel.MINIMAL)
        assert gate is not None
        assert not gate.satisfied
        summary = session.summary()
        assert set(summary) == {"worker", "usage", "per_model_cost", "recovery_events", "agent_events"}
        assert summary["per_model_cost"] == {"tiny": 1.0}
        assert session.tracker.total_cost() == 1.0
        assert (session.role, session.phase, session.project_id) == ("writer", "draft", 7)
    assert session.worker.status is AgentStatus.COMPLETED
    names = [event.event for event in events.events]
    assert (names[0], names[-1]) == (AgentEventName.AGENT_STARTED, AgentEventName.AGENT_COMPLETED)
    assert AgentEventName.PHASE_GATE_FAILED in names
    assert usages.records == [("tiny", MILLION, 1.0)]
    assert client.flush(20)
    holdfast.shutdown()
    (run,) = [row for row in shown.runs() if row["name"] == "writer"]
    assert run["status"] == "complete"
    assert {"turn 1", "read"} <= {span["name"] for span in shown.spans(run["id"]).values()}


@pytest.mark.anyio
async def test_the_async_quick_start(shown: Shown) -> None:
    """The same in async code, with a question to a human and a hand-off."""
    client = holdfast.init(agent="quick", url=shown.url, token=shown.token)
    registry = AgentRegistry()
    orchestrator = Orchestrator(
        "planner",
        "plan",
        registry=registry,
        async_circuit_breaker=AsyncCircuitBreaker("llm"),
        guardrails=[NoShell()],
        budget_usd=5.0,
    )

    async def ask() -> str:
        await asyncio.sleep(0)
        return "plan"

    async with orchestrator.asession() as session:
        assert isinstance(session, AsyncOrchestrationSession)
        text, usage = await session.arun_turn(
            ask, model="tiny", estimate_usage=lambda answer: UsageSnapshot(len(answer))
        )
        assert (text, usage.input_tokens) == ("plan", 4)
        assert await session.arun_tool("read", ask) == "plan"
        with pytest.raises(GuardrailViolatedError):
            await session.arun_tool("shell", ask)
        question = asyncio.create_task(session.pause_for_input("go on?"))
        await asyncio.sleep(0)
        assert session.worker.status is AgentStatus.WAITING_FOR_INPUT
        with pytest.raises(RuntimeError, match="still pending"):
            await session.pause_for_input("and?")
        session.provide_input("yes")
        assert await question == "yes"
        handoff = session.handoff_to("writer", "the plan stands", {"plan": text})
    assert (handoff.target_role, handoff.context, handoff.reason) == (
        "writer",
        {"plan": "plan"},
        "the plan stands",
    )
    target = registry.get(handoff.target_worker_id)
    assert target is not None
    assert (target.status, session.worker.status) == (AgentStatus.INITIALIZING, AgentStatus.COMPLETED)
    with pytest.raises(RuntimeError):
        await session.pause_for_input("too late")
    assert client.flush(20)
    holdfast.shutdown()
    assert [row["status"] for row in shown.runs() if row["name"] == "planner"] == ["complete"]


def test_a_turn_that_fails_is_classified_and_not_repeated() -> None:
    """Callers do their own retrying: one call, one entry in the books, the error as it was."""
    calls: list[int] = []

    def fail() -> None:
        calls.append(1)
        raise ConnectionError("refused")

    orchestrator = Orchestrator("writer", "draft")
    with pytest.raises(ConnectionError, match="refused"), orchestrator.session() as session:
        session.run_turn(fail)
    assert len(calls) == 1
    assert session.recovery.attempt_count(FailureScenario.PROVIDER_FAILURE) == 1
    assert [event.event_type for event in session.recovery.events] == ["failed"]
    assert session.worker.status is AgentStatus.FAILED
    assert session.worker.last_error is not None
    assert "refused" in str(session.worker.last_error["message"])
    assert session.events[-1].event is AgentEventName.AGENT_FAILED


@pytest.mark.anyio
async def test_a_cancelled_session_is_cancelled() -> None:
    """And its error goes on."""
    orchestrator = Orchestrator("writer", "draft")
    with pytest.raises(asyncio.CancelledError):
        async with orchestrator.asession() as session:
            raise asyncio.CancelledError
    assert session.worker.status is AgentStatus.CANCELLED


def test_turns_are_bounded_in_number_and_time() -> None:
    """The cap is checked before the call; a turn that is late ends in time."""
    late = threading.Event()
    with Orchestrator("a", "b", max_iterations=1).session() as session:
        session.run_turn(lambda: 1)
        with pytest.raises(MaxIterationsExceededError) as capped:
            session.run_turn(lambda: pytest.fail("was called"))
        assert capped.value.max_iterations == 1
    with Orchestrator("a", "b").session() as session, pytest.raises(TurnTimeoutError) as timed_out:
        session.run_turn(lambda: late.wait(20), timeout=0.05)
    assert timed_out.value.timeout_seconds == 0.05
    late.set()


def test_a_budget_tells_or_stops() -> None:
    """Exceeded it is an event; enforced it is an error as well, after the turn that went beyond it."""
    with Orchestrator("a", "b", budget_usd=0.5).session() as session:
        session.run_turn(lambda: 1, model="tiny", usage=MILLION)
        assert any("budget" in event.event.value for event in session.events)
    with (
        pytest.raises(BudgetExceededError) as exceeded,
        Orchestrator("a", "b", budget_usd=0.5, enforce_budget=True).session() as session,
    ):
        session.run_turn(lambda: 1, model="tiny", usage=MILLION)
    assert (exceeded.value.budget_usd, exceeded.value.current_cost_usd) == (0.5, 1.0)


def test_an_open_circuit_refuses_sync_and_async_sessions() -> None:
    """A breaker that is given alone guards both kinds of session."""
    breaker = CircuitBreaker("llm", failure_threshold=1)
    orchestrator = AgentSession("a", "b", circuit_breaker=breaker)
    with orchestrator.session() as session:
        with pytest.raises(OSError, match="down"):
            session.run_turn(_down)
        with pytest.raises(CircuitOpenError):
            session.run_turn(lambda: 1)
    assert breaker.state() is CircuitState.OPEN

    async def refused() -> None:
        async with orchestrator.asession() as asession:
            with pytest.raises(CircuitOpenError):
                await asession.arun_turn(lambda: asyncio.sleep(0))

    asyncio.run(refused())


def _down() -> None:
    raise OSError("down")


def test_a_sink_that_raises_never_breaks_a_session() -> None:
    """Neither the one for events nor the one for usage; a cost that nobody knows is not a number for it."""
    costs: list[float] = []

    class Broken:
        def emit(self, event: AgentEvent) -> None:
            raise RuntimeError("no disk")

        def record(self, model: str, usage: UsageSnapshot, cost_usd: float) -> None:
            assert isinstance(usage, UsageSnapshot)
            costs.append(cost_usd)
            raise RuntimeError("no disk")

    event_sink: EventSink = Broken()
    usage_sink: UsageSink = Broken()
    with Orchestrator("a", "b", event_sink=event_sink, usage_sink=usage_sink).session() as session:
        session.run_turn(lambda: 1, model="nobody-knows-this-model", usage=UsageSnapshot(1))
    assert session.worker.status is AgentStatus.COMPLETED
    assert isnan(costs[0])


def test_a_session_can_be_made_without_an_orchestrator() -> None:
    """It begins with its first step, and keeps its events and its books where the caller says."""
    registry, events = AgentRegistry(), list[AgentEvent]()
    tracker, books = UsageTracker(), RecoveryContext()
    worker = registry.create("a", "b", 1)
    session = OrchestrationSession(
        worker, tracker, books, registry, "b", "a", 1, events=events, budget_usd=2.0
    )
    session.run_turn(lambda: 1, "tiny", MILLION)
    assert worker.status is AgentStatus.RUNNING
    assert session.events is events
    assert events[0].event is AgentEventName.AGENT_STARTED
    assert (tracker.total_cost(), session.budget_usd, session.max_iterations) == (1.0, 2.0, 25)
    assert (session.tracker, session.recovery, session.registry) == (tracker, books, registry)
    with pytest.raises(OSError, match="down"):
        session.run_turn(_down)
    assert len(books.events) == 1


@pytest.mark.anyio
async def test_an_async_session_can_be_made_without_an_orchestrator() -> None:
    """As the plain one."""
    registry = AgentRegistry()
    breaker = AsyncCircuitBreaker("llm", failure_threshold=1)
    session = AsyncOrchestrationSession(
        registry.create("a", "b"),
        UsageTracker(),
        RecoveryContext(),
        registry,
        "b",
        "a",
        None,
        circuit_breaker=breaker,
    )

    async def fail() -> None:
        raise OSError("down")

    with pytest.raises(OSError, match="down"):
        await session.arun_turn(fail)
    assert await breaker.is_open()
    handoff = session.handoff_to("c", "enough", {})
    assert handoff.source_role == "a"
    assert session.evaluate_gate(None) is None
    assert session.evaluate_policy() == []
    assert session.summary()["usage"]


def test_a_question_is_answered_from_another_thread() -> None:
    """`pause_for_input` waits, `provide_input` ends the wait; without a question it raises."""
    with Orchestrator("a", "b").session() as session:
        with pytest.raises(RuntimeError):
            session.provide_input("nobody asked")

        def answer() -> None:
            wait_until(lambda: session.worker.status is AgentStatus.WAITING_FOR_INPUT)
            session.provide_input("yes")

        helper = threading.Thread(target=answer)
        helper.start()
        assert session.pause_for_input("well?") == "yes"
        helper.join()
