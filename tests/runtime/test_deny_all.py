"""Deny-all holds on every path: no way of asking for a tool or a turn goes around a control."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from holdfast.core.guardrails import AllowAllGuardrail
from holdfast.runtime import (
    Budget,
    BudgetExceededError,
    BudgetLimits,
    GuardrailOutcome,
    GuardrailViolatedError,
    Orchestrator,
    PermissionDeniedError,
    PermissionEnforcer,
    PermissionPolicy,
    RunTerminated,
    ToolCall,
)


class Calls:
    """Counts what was really called."""

    def __init__(self) -> None:
        self.made = 0

    def tool(self, **arguments: object) -> str:
        self.made += 1
        return "done"

    async def atool(self, **arguments: object) -> str:
        return self.tool()

    def stream(self) -> Iterator[str]:
        yield self.tool()

    async def astream(self) -> AsyncIterator[str]:
        yield self.tool()


@dataclass(frozen=True, slots=True)
class DenyCall:
    """Refuses at one stage."""

    stage: str
    name: str = "deny"

    def _answer(self, stage: str) -> GuardrailOutcome:
        return GuardrailOutcome(stage != self.stage, "no" if stage == self.stage else None)

    def check_pre(self, *, role: str, tool: str) -> GuardrailOutcome:
        return self._answer("pre")

    def check_call(self, arguments: object, *, role: str, tool: str) -> GuardrailOutcome:
        return self._answer("call")

    def check_post(self, value: object, *, role: str, tool: str) -> GuardrailOutcome:
        return self._answer("post")

    def check_output(self, value: object, *, role: str, model: str) -> GuardrailOutcome:
        return self._answer("output")


def _plain(orchestrator: Orchestrator, calls: Calls) -> Any:
    with orchestrator.session() as session:
        return session.run_tool("t", calls.tool, {"x": 1})


def _parallel(orchestrator: Orchestrator, calls: Calls) -> Any:
    with orchestrator.session() as session:
        results = session.run_tools([ToolCall("t", calls.tool, {"x": n}) for n in range(3)])
    assert not any(result.ok for result in results)
    return results[0].unwrap()


def _handed_over(orchestrator: Orchestrator, calls: Calls) -> Any:
    with orchestrator.session() as session:
        handoff = session.handoff_to("helper", "because")
    with orchestrator.session_for(handoff) as session:
        return session.run_tool("t", calls.tool, {"x": 1})


def _async(orchestrator: Orchestrator, calls: Calls) -> Any:
    async def run() -> Any:
        async with orchestrator.asession() as session:
            return await session.arun_tool("t", calls.atool, {"x": 1})

    return asyncio.run(run())


def _async_parallel(orchestrator: Orchestrator, calls: Calls) -> Any:
    async def run() -> Any:
        async with orchestrator.asession() as session:
            results = await session.arun_tools([ToolCall("t", calls.atool, {"x": n}) for n in range(3)])
        assert not any(result.ok for result in results)
        return results[0].unwrap()

    return asyncio.run(run())


def _async_handed_over(orchestrator: Orchestrator, calls: Calls) -> Any:
    async def run() -> Any:
        async with orchestrator.asession() as session:
            handoff = session.handoff_to("helper", "because")
        async with orchestrator.asession_for(handoff) as session:
            return await session.arun_tool("t", calls.atool, {"x": 1})

    return asyncio.run(run())


TOOL_PATHS = [_plain, _parallel, _handed_over, _async, _async_parallel, _async_handed_over]


def _turn(orchestrator: Orchestrator, calls: Calls) -> Any:
    with orchestrator.session() as session:
        return session.run_turn(calls.tool)


def _streamed(orchestrator: Orchestrator, calls: Calls) -> Any:
    with orchestrator.session() as session:
        return list(session.stream_turn(calls.stream))


def _async_turn(orchestrator: Orchestrator, calls: Calls) -> Any:
    async def run() -> Any:
        async with orchestrator.asession() as session:
            return await session.arun_turn(calls.atool)

    return asyncio.run(run())


def _async_streamed(orchestrator: Orchestrator, calls: Calls) -> Any:
    async def run() -> Any:
        async with orchestrator.asession() as session:
            return [part async for part in session.astream_turn(calls.astream)]

    return asyncio.run(run())


TURN_PATHS = [_turn, _streamed, _async_turn, _async_streamed]
Path = Callable[[Orchestrator, Calls], Any]


@pytest.mark.parametrize("path", TOOL_PATHS)
def test_permission_denied(path: Path) -> None:
    """A role that may use nothing reaches no tool, on any path."""
    calls = Calls()
    enforcer = PermissionEnforcer(PermissionPolicy({}, default="deny"))
    with pytest.raises(PermissionDeniedError):
        path(Orchestrator(role="r", phase="p", permissions=enforcer), calls)
    assert calls.made == 0


@pytest.mark.parametrize("path", TOOL_PATHS)
@pytest.mark.parametrize("stage", ["pre", "call", "post"])
def test_guardrail_refuses_tools(path: Path, stage: str) -> None:
    """A guardrail that refuses before the tool or at its arguments keeps it from being called; after it, keeps its
    result from being seen."""
    calls = Calls()
    with pytest.raises(GuardrailViolatedError) as caught:
        path(Orchestrator(role="r", phase="p", guardrails=[DenyCall(stage)]), calls)
    assert caught.value.stage == stage
    assert (calls.made == 0) == (stage != "post")


@pytest.mark.parametrize("path", TURN_PATHS)
def test_guardrail_refuses_outputs(path: Path) -> None:
    """No part of a refused answer reaches the caller, streamed or whole."""
    with pytest.raises(GuardrailViolatedError) as caught:
        path(Orchestrator(role="r", phase="p", guardrails=[DenyCall("output")]), Calls())
    assert caught.value.stage == "output"


@pytest.mark.parametrize("path", TOOL_PATHS)
def test_no_tool_calls_in_the_budget(path: Path) -> None:
    """A budget of no tool calls allows none."""
    calls = Calls()
    with pytest.raises(BudgetExceededError):
        path(Orchestrator(role="r", phase="p", budget=Budget(BudgetLimits(tool_calls=0))), calls)
    assert calls.made == 0


@pytest.mark.parametrize("path", TURN_PATHS)
@pytest.mark.parametrize("limits", [BudgetLimits(turns=0), BudgetLimits(usd=0.0), BudgetLimits(tokens=0)])
def test_nothing_in_the_budget(path: Path, limits: BudgetLimits) -> None:
    """A budget of nothing allows no model call."""
    calls = Calls()
    with pytest.raises(BudgetExceededError):
        path(Orchestrator(role="r", phase="p", budget=Budget(limits)), calls)
    assert calls.made == 0


@pytest.mark.parametrize("path", [*TOOL_PATHS, *TURN_PATHS])
def test_stop(path: Path) -> None:
    """A control that says stop lets no step begin."""
    calls = Calls()
    with pytest.raises(RunTerminated, match="enough"):
        path(Orchestrator(role="r", phase="p", control=lambda: "enough"), calls)
    assert calls.made == 0


@pytest.mark.parametrize("path", TOOL_PATHS)
def test_guardrail_that_raises_refuses(path: Path) -> None:
    """A guardrail that fails lets nothing through."""

    class Broken(AllowAllGuardrail, frozen=True):
        def check_pre(self, *, role: str, tool: str) -> GuardrailOutcome:
            raise RuntimeError("broken")

    calls = Calls()
    with pytest.raises(GuardrailViolatedError):
        path(Orchestrator(role="r", phase="p", guardrails=[Broken()]), calls)
    assert calls.made == 0
