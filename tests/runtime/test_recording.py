"""What the record shows of sessions, without a line of code about recording in them."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from holdfast.core.budget_limits import Limits
from holdfast.core.guardrails import AllowAllGuardrail
from holdfast.core.pricing import ModelPricing, PricingTable
from holdfast.errors import HoldfastError
from holdfast.runtime import (
    Budget,
    CircuitBreaker,
    Orchestrator,
    PermissionDeniedError,
    PermissionEnforcer,
    PermissionMode,
    PermissionPolicy,
    RateLimit,
    RateLimiter,
    RolePermissionConfig,
    RunTerminated,
    SessionLimits,
    ToolCall,
    UsageSnapshot,
)
from holdfast.testing import MemoryRecorder
from holdfast.tracing import api

PRICES = PricingTable({"m": ModelPricing(1.0, 2.0)}, version="v7")


def test_a_session_is_a_run() -> None:
    """A session opens a run with its role and phase; turns, attempts and tools are spans in it, in their order."""
    with MemoryRecorder() as recorder:
        with Orchestrator(role="writer", phase="draft", prices=PRICES).session() as session:
            session.run_turn(lambda: {"text": "hi"}, "m", UsageSnapshot(1000, 500), input={"ask": "?"})
            session.run_tool("search", lambda q: [q], {"q": "x"}, call_id="call_1")
        [run] = recorder.runs.values()
        assert run.name == "writer"
        assert msgspec.json.decode(run.attributes)["holdfast.phase"] == "draft"
        assert recorder.run_ends[run.id or ""].status == "complete"
        turn, call, tool = recorder.spans
    assert [turn.type, call.type, tool.type] == ["agent:turn", "agent:llm", "agent:tool"]
    assert (turn.parent_id, call.parent_id, tool.parent_id) == (None, turn.id, None)
    assert (call.payload, call.result) == ({"ask": "?"}, {"text": "hi"})
    assert call.attributes["gen_ai.usage.input_tokens"] == 1000
    assert call.attributes["holdfast.cost.usd"] == pytest.approx(0.002)
    assert call.attributes["holdfast.cost.source"] == "computed"
    assert call.attributes["holdfast.cost.price_version"] == "v7"
    assert (tool.payload, tool.result) == ({"q": "x"}, {"value": ["x"]})
    assert tool.attributes["gen_ai.tool.call.id"] == "call_1"


def test_unknown_cost_is_not_zero() -> None:
    """The record of a turn whose price nobody knows has no amount, and says so."""
    with MemoryRecorder() as recorder, Orchestrator(role="r", phase="p", prices=PRICES).session() as session:
        session.run_turn(lambda: "x", "other", UsageSnapshot(10, 5))
    attributes = recorder.span("other").attributes
    assert "holdfast.cost.usd" not in attributes
    assert attributes["holdfast.cost.source"] == "unknown"


def test_a_session_in_a_run_is_a_span_of_it() -> None:
    """Within a run the session is an `agent:run` span, and its turns are in that."""
    with MemoryRecorder() as recorder:
        with api.run("outer"), api.span("step"), Orchestrator(role="r", phase="p").session() as session:
            session.run_turn(lambda: "x", "m")
        assert len(recorder.runs) == 1
        agent = recorder.span("r")
        assert agent.type == "agent:run"
        assert agent.parent_id == recorder.span("step").id
        assert recorder.span("turn 1").parent_id == agent.id


def test_what_the_call_records_is_within_it() -> None:
    """Spans that the called code opens are children of the attempt, or of the tool, also in threads."""
    with MemoryRecorder() as recorder, Orchestrator(role="r", phase="p").session() as session:

        def work(name: str) -> None:
            with api.span(name):
                pass

        session.run_turn(lambda: work("in the call"), "m")
        session.run_turn(lambda: work("in a thread"), "m", timeout=30)
        session.run_tools([ToolCall(f"tool {n}", work, {"name": f"in tool {n}"}) for n in range(3)])
    attempts = [span.id for span in recorder.spans if span.type == "agent:llm"]
    assert recorder.span("in the call").parent_id == attempts[0]
    assert recorder.span("in a thread").parent_id == attempts[1]
    for n in range(3):
        assert recorder.span(f"in tool {n}").parent_id == recorder.span(f"tool {n}").id


def test_refusals_are_on_the_record() -> None:
    """A denied tool is a failed span with the refusal as its error, and an event that says why."""
    permissions = PermissionEnforcer(PermissionPolicy({}, default="deny"))
    with (
        MemoryRecorder() as recorder,
        Orchestrator(role="r", phase="p", permissions=permissions).session() as session,
        pytest.raises(PermissionDeniedError),
    ):
        session.run_tool("rm", lambda path: None, {"path": "/"})
    tool = recorder.span("rm")
    assert tool.status == "failed"
    assert tool.error.type == "holdfast.errors.PermissionDeniedError"
    [event] = [event for event in recorder.events if event.name == "permission.denied"]
    assert event.agent_span_id == tool.id
    assert event.level == "warning"


def test_failed_and_cancelled_sessions() -> None:
    """A run ends as its session does: failed with the error, or cancelled."""
    with MemoryRecorder() as recorder:
        with pytest.raises(ValueError, match="bad"), Orchestrator(role="r", phase="p").session():
            raise ValueError("bad")
        [end] = recorder.run_ends.values()
        assert (end.status, end.error.type) == ("failed", "ValueError")  # type: ignore[union-attr]

    begun = asyncio.Event()

    async def hang() -> None:
        begun.set()
        await asyncio.Event().wait()

    async def cancelled() -> None:
        async with Orchestrator(role="r", phase="p").asession() as session:
            await session.arun_turn(hang, "m")

    async def run() -> None:
        task = asyncio.ensure_future(cancelled())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with MemoryRecorder() as recorder:
        asyncio.run(run())
        assert [end.status for end in recorder.run_ends.values()] == ["cancelled"]
        assert {span.status for span in recorder.spans} == {"cancelled"}


def stopped(orchestrator: Orchestrator, recorder: MemoryRecorder) -> RunTerminated:
    """What a session raises whose run is asked to stop after its first turn."""
    try:
        with orchestrator.session() as session:
            session.run_turn(lambda: "x")
            recorder.request_stop(next(iter(recorder.runs)), "too expensive")
            session.run_turn(lambda: pytest.fail("was called"))
    except RunTerminated as error:
        return error
    pytest.fail("was not stopped")


def test_a_stop_from_the_server_ends_the_session_at_its_next_step() -> None:
    """Once the server asks for a stop the next step raises `RunTerminated` with its reason, and calls nothing."""
    with MemoryRecorder() as recorder:
        orchestrator = Orchestrator(role="r", phase="p")
        caught = stopped(orchestrator, recorder)
        [run_id] = recorder.runs
        assert caught.reason == "too expensive"
        assert recorder.run_ends[run_id].status == "cancelled"


def test_nothing_is_recorded_without_init() -> None:
    """Without `init` and without a run a session leaves no trace, and makes no client."""
    api.use_client(None)
    with Orchestrator(role="r", phase="p").session() as session:
        session.run_turn(lambda: "x")
    assert api.client_in_use() is None


def test_a_recorder_that_raises_costs_the_record_only() -> None:
    """A session whose recorder fails to open runs unrecorded."""

    def broken(info: object) -> object:
        raise HoldfastError("no record")

    with Orchestrator(role="r", phase="p", recorder=broken).session() as session:  # type: ignore[arg-type]
        assert session.run_turn(lambda: "x")[0] == "x"


def test_handoff_is_recorded() -> None:
    """The session of the next role says who handed over and why."""
    with MemoryRecorder() as recorder:
        orchestrator = Orchestrator(role="planner", phase="p")
        with orchestrator.session() as session:
            handoff = session.handoff_to("writer", "planned")
        with orchestrator.session_for(handoff):
            pass
        _, heir = recorder.runs.values()
    attributes = msgspec.json.decode(heir.attributes)
    assert (attributes["holdfast.handoff.from"], attributes["holdfast.handoff.reason"]) == (
        "planner",
        "planned",
    )


def test_what_holds_a_session_is_on_its_record() -> None:
    """Limits, rules and guardrails as they were when it opened, for whoever later reads what they decided."""
    policy = PermissionPolicy(
        {"clerk": RolePermissionConfig("clerk", PermissionMode.READ_ONLY, ["read_*"], ["rm"])}
    )
    orchestrator = Orchestrator(
        role="clerk",
        phase="p",
        budget_usd=0.5,
        enforce_budget=True,
        max_iterations=7,
        guardrails=[AllowAllGuardrail()],
        permissions=PermissionEnforcer(policy),
        budget=Budget(Limits(tokens=1000), name="everyone"),
        limits=SessionLimits(tool_seconds=3),
        rate_limits={"m": RateLimiter(RateLimit(requests_per_minute=60))},
        circuit_breaker=CircuitBreaker("provider"),
        recover=False,
    )
    with MemoryRecorder() as recorder, orchestrator.session():
        pass
    [run] = recorder.runs.values()
    controls = msgspec.json.decode(run.attributes)["holdfast.controls"]
    assert controls.pop("loop_guard")["same_call_stop"] == 10
    assert controls == {
        "turns": {"most": 7},
        "budget": {"usd": 0.5, "enforced": True},
        "shared_budget": {"name": "everyone", "tokens": 1000, "warn_at": 0.8},
        "times": {"tool": 3},
        "recovery": {"attempts": 1},
        "guardrails": ["allow_all"],
        "permissions": {"mode": "read_only", "allowed": ["read_*"], "denied": ["rm"]},
        "rate_limits": {"m": {"requests_per_minute": 60, "burst": 60}},
        "circuit_breaker": {"name": "provider", "failures": 5, "open_seconds": 60},
    }
