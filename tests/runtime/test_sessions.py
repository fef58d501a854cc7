"""What a session does by the reference: lifecycle, turns, tools, gates, policies, summary."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from holdfast.core.policy import CostExceeded, PolicyAction, PolicyActionData, PolicyEngine, PolicyRule
from holdfast.core.pricing import ModelPricing, PricingTable
from holdfast.core.quality import QualityGate, QualityLevel
from holdfast.runtime import (
    AgentEvent,
    AgentEventName,
    AgentSession,
    AsyncCircuitBreaker,
    BudgetExceededError,
    CircuitBreaker,
    CircuitOpenError,
    MaxIterationsExceededError,
    Orchestrator,
    RingBufferEventSink,
    RingBufferUsageSink,
    SessionEndedError,
    UsageSnapshot,
)
from holdfast.runtime.session_base import SessionBase
from holdfast.testing import ManualTime
from holdfast.wire.runtime_vocabulary import AgentStatus

PRICES = PricingTable({"m": ModelPricing(1.0, 2.0)}, version="test")
USAGE = UsageSnapshot(1000, 500)


def names(events: list[AgentEvent]) -> list[str]:
    return [event.event.value for event in events]


def test_clean_session_completes_its_worker() -> None:
    """A worker goes idle → initializing → running → completed, and the events say started and completed."""
    sink = RingBufferEventSink()
    orchestrator = Orchestrator(role="writer", phase="draft", project_id=7, event_sink=sink)
    with orchestrator.session() as session:
        assert session.worker.status is AgentStatus.RUNNING
        assert orchestrator.registry.get(session.worker.worker_id) is session.worker
    assert [event.status for event in session.worker.events] == ["initializing", "running", "completed"]
    assert names(sink.events) == ["agent.started", "agent.completed"]
    assert session.worker.project_id == 7


def test_exception_fails_the_worker_and_goes_on() -> None:
    """An exception out of the block is raised again; the worker failed with it, and the event is classified."""
    orchestrator = Orchestrator(role="writer", phase="draft")
    with pytest.raises(TimeoutError, match="slow"), orchestrator.session() as session:
        raise TimeoutError("slow")
    assert session.worker.status is AgentStatus.FAILED
    assert session.worker.last_error is not None
    assert "slow" in str(session.worker.last_error["message"])
    assert session.events[-1].failure_class == "llm_timeout"


async def _cancelled(orchestrator: Orchestrator) -> list[SessionBase]:
    seen: list[SessionBase] = []
    started = asyncio.Event()

    async def work() -> None:
        async with orchestrator.asession() as session:
            seen.append(session)
            started.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(work())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return seen


def test_cancellation_cancels_the_worker() -> None:
    """A cancelled task leaves its worker cancelled, not failed."""
    [session] = asyncio.run(_cancelled(Orchestrator(role="writer", phase="draft")))
    assert session.worker.status is AgentStatus.CANCELLED
    assert session.events[-1].event is AgentEventName.AGENT_CANCELLED


def test_turn_returns_result_and_usage() -> None:
    """Usage that is given is returned, counted, priced and passed to the usage sink."""
    sink = RingBufferUsageSink()
    with Orchestrator(role="r", phase="p", prices=PRICES, usage_sink=sink).session() as session:
        assert session.run_turn(lambda: "hello", "m", USAGE) == ("hello", USAGE)
    assert session.tracker.total_cost() == pytest.approx(0.002)
    [(model, usage, cost)] = sink.records
    assert (model, usage) == ("m", USAGE)
    assert cost == pytest.approx(0.002)


def test_usage_is_taken_from_the_result() -> None:
    """`estimate_usage` reads the usage; without it the shapes of model libraries are understood; else it is none."""
    answer = {"model": "m", "usage": {"prompt_tokens": 12, "completion_tokens": 3}}
    with Orchestrator(role="r", phase="p", prices=PRICES).session() as session:
        assert session.run_turn(lambda: "x", "m", estimate_usage=lambda text: UsageSnapshot(len(text)))[
            1
        ] == UsageSnapshot(1)
        assert session.run_turn(lambda: answer, "m")[1] == UsageSnapshot(12, 3)
        assert session.run_turn(lambda: "x", "m")[1] == UsageSnapshot()
    assert session.tracker.cost().usd is None


def test_usage_hook_that_raises_costs_the_usage_only() -> None:
    """A turn whose `estimate_usage` raises still gives its result."""

    def broken(result: str) -> UsageSnapshot:
        raise RuntimeError("no")

    with Orchestrator(role="r", phase="p").session() as session:
        assert session.run_turn(lambda: "x", "m", estimate_usage=broken)[0] == "x"


def test_async_turn() -> None:
    """`arun_turn` takes a coroutine factory and gives what `run_turn` does."""

    async def run() -> tuple[str, UsageSnapshot]:
        async def answer() -> str:
            return "hello"

        async with Orchestrator(role="r", phase="p", prices=PRICES).asession() as session:
            return await session.arun_turn(answer, "m", USAGE)

    assert asyncio.run(run()) == ("hello", USAGE)


def test_iteration_cap_is_checked_before_the_call() -> None:
    """The turn past the cap makes no call."""
    calls: list[int] = []
    with Orchestrator(role="r", phase="p", max_iterations=2).session() as session:
        for _ in range(2):
            session.run_turn(lambda: calls.append(1))
        with pytest.raises(MaxIterationsExceededError) as caught:
            session.run_turn(lambda: calls.append(1))
    assert len(calls) == 2
    assert caught.value.max_iterations == 2


def _fail() -> str:
    raise RuntimeError("boom")


@pytest.mark.parametrize("breaker", [CircuitBreaker, AsyncCircuitBreaker])
def test_one_breaker_serves_sync_and_async(breaker: type) -> None:
    """Failures of plain turns open the circuit for async turns of the same orchestrator, under either name."""
    made = breaker("models", failure_threshold=2)
    names = {CircuitBreaker: "circuit_breaker", AsyncCircuitBreaker: "async_circuit_breaker"}
    orchestrator = Orchestrator(role="r", phase="p", **{names[breaker]: made})
    with orchestrator.session() as session:
        for _ in range(2):
            with pytest.raises(RuntimeError):
                session.run_turn(_fail)
        with pytest.raises(CircuitOpenError):
            session.run_turn(lambda: "never")

    async def run() -> None:
        async with orchestrator.asession() as session:
            with pytest.raises(CircuitOpenError):
                await session.arun_turn(lambda: asyncio.sleep(0))

    asyncio.run(run())


def test_open_circuit_is_not_waited_for() -> None:
    """Nothing sleeps in front of an open circuit where there is nothing to turn to."""
    time = ManualTime()
    breaker = CircuitBreaker("b", failure_threshold=1, clock=time.monotonic)
    breaker.record_failure()
    orchestrator = Orchestrator(role="r", phase="p", circuit_breaker=breaker, clock=time)
    with orchestrator.session() as session, pytest.raises(CircuitOpenError):
        session.run_turn(lambda: "never")
    assert time.slept == []


def test_cancelled_probe_gives_its_permit_back() -> None:
    """A half-open circuit whose probe is cancelled lets the next probe through."""
    time = ManualTime()
    breaker = CircuitBreaker("b", failure_threshold=1, recovery_timeout_seconds=1, clock=time.monotonic)
    breaker.record_failure()
    time.advance(2)

    async def run() -> str:
        async with Orchestrator(role="r", phase="p", circuit_breaker=breaker).asession() as session:
            begun = asyncio.Event()

            async def hang() -> None:
                begun.set()
                await asyncio.Event().wait()

            task = asyncio.ensure_future(session.arun_turn(hang))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

            async def answer() -> str:
                return "probe"

            return (await session.arun_turn(answer))[0]

    assert asyncio.run(run()) == "probe"
    assert not breaker.is_open()


def test_budget_event_and_enforcement() -> None:
    """Going beyond `budget_usd` is an event; enforced, it raises with the result, and refuses what follows."""
    big = UsageSnapshot(10_000_000)
    with Orchestrator(role="r", phase="p", prices=PRICES, budget_usd=1.0).session() as session:
        session.run_turn(lambda: "paid", "m", big)
        assert "budget.exceeded" in names(session.events)
        session.run_turn(lambda: "more", "m", big)
    with Orchestrator(
        role="r", phase="p", prices=PRICES, budget_usd=1.0, enforce_budget=True
    ).session() as session:
        with pytest.raises(BudgetExceededError) as caught:
            session.run_turn(lambda: "paid", "m", big)
        assert (caught.value.budget_usd, caught.value.current_cost_usd) == (1.0, 10.0)
        assert caught.value.result == "paid"
        with pytest.raises(BudgetExceededError):
            session.run_turn(lambda: pytest.fail("was called"), "m")


def test_gate() -> None:
    """`evaluate_gate` answers and emits what it found; without a gate there is no answer."""
    with Orchestrator(
        role="r", phase="p", quality_gate=QualityGate(QualityLevel.STRICT)
    ).session() as session:
        assert session.evaluate_gate(QualityLevel.RELEASE).is_satisfied()  # type: ignore[union-attr]
        assert not session.evaluate_gate(None).is_satisfied()  # type: ignore[union-attr]
    assert [name for name in names(session.events) if "gate" in name] == [
        "phase.gate_passed",
        "phase.gate_failed",
    ]
    with Orchestrator(role="r", phase="p").session() as session:
        assert session.evaluate_gate(QualityLevel.RELEASE) is None


def test_policy_sees_the_sessions_cost() -> None:
    """The engine is asked about the session's own cost and time."""
    rule = PolicyRule("stop", CostExceeded(1.0), [PolicyActionData(PolicyAction.ABORT_PHASE)])
    with Orchestrator(
        role="r", phase="p", prices=PRICES, policy_engine=PolicyEngine([rule])
    ).session() as session:
        assert session.evaluate_policy() == []
        session.run_turn(lambda: "x", "m", UsageSnapshot(2_000_000))
        assert [action.action for action in session.evaluate_policy()] == [PolicyAction.ABORT_PHASE]
    assert "policy.decided" in names(session.events)


def test_summary() -> None:
    """The summary has the reference's five parts, ready for JSON."""
    with Orchestrator(role="r", phase="p", prices=PRICES).session() as session:
        session.run_turn(lambda: "x", "m", USAGE)
        with pytest.raises(RuntimeError):
            session.run_turn(_fail, "m")
    summary = session.summary()
    assert set(summary) == {"worker", "usage", "per_model_cost", "recovery_events", "agent_events"}
    assert summary["per_model_cost"] == {"m": pytest.approx(0.002)}
    assert len(summary["recovery_events"]) == 1  # type: ignore[arg-type]


def test_session_is_over_after_its_end() -> None:
    """Every step of a finished session raises `SessionEndedError` and calls nothing."""
    with Orchestrator(role="r", phase="p").session() as session:
        pass
    steps: list[Callable[[], object]] = [
        lambda: session.run_turn(lambda: pytest.fail("was called")),
        lambda: session.run_tool("t", lambda: pytest.fail("was called")),
        lambda: list(session.stream_turn(lambda: pytest.fail("was called"))),
        lambda: session.pause_for_input("?"),
        lambda: session.handoff_to("other", "why"),
    ]
    for step in steps:
        with pytest.raises(SessionEndedError):
            step()


def test_agent_session_is_the_orchestrator() -> None:
    """The old second name is there."""
    assert AgentSession is Orchestrator


def test_events_are_bounded() -> None:
    """A session keeps its latest thousand events, however many turns it has."""
    with Orchestrator(role="r", phase="p", max_iterations=2000).session() as session:
        for _ in range(1500):
            session.run_turn(lambda: "x", usage=USAGE)
    assert len(session.events) == 1000
    assert session.turns == 1500
