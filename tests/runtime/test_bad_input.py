"""What a session says to callers that ask for what cannot be, and to hooks that misbehave."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from holdfast.errors import InvalidInputError
from holdfast.runtime import Fallback, Orchestrator, Recovery, SessionLimits, UsageSnapshot
from holdfast.testing import ManualTime
from holdfast.wire.agent_events import AgentEvent


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("budget_usd", -1.0),
        ("budget_usd", float("nan")),
        ("max_iterations", -1),
        ("role", ""),
        ("phase", ""),
    ],
)
def test_orchestrator_refuses(field: str, value: object) -> None:
    """What cannot be used is refused when the orchestrator is made, by name."""
    with pytest.raises(InvalidInputError) as caught:
        Orchestrator(**{"role": "r", "phase": "p", field: value})  # type: ignore[arg-type]
    assert caught.value.field == field


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_times_are_checked(seconds: float) -> None:
    """A limit or a timeout is a positive number of seconds."""
    with pytest.raises(InvalidInputError):
        SessionLimits(turn_seconds=seconds)
    with Orchestrator(role="r", phase="p").session() as session, pytest.raises(InvalidInputError):
        session.run_turn(lambda: "x", timeout=seconds)


def test_coroutine_in_a_plain_turn() -> None:
    """A function that returns a coroutine is refused in a plain turn and tool, and leaves no warning behind."""

    async def answer() -> str:
        return "x"

    with Orchestrator(role="r", phase="p").session() as session:
        with pytest.raises(InvalidInputError, match="coroutine"):
            session.run_turn(answer)
        with pytest.raises(InvalidInputError, match="coroutine"):
            _ = session.run_tool("t", answer)
        with pytest.raises(InvalidInputError):
            list(session.stream_turn(answer))  # type: ignore[arg-type]


def test_coroutine_object_instead_of_a_function() -> None:
    """A coroutine that was made already is closed and refused: it could not be called twice."""

    async def answer() -> str:
        return "x"

    async def run() -> None:
        async with Orchestrator(role="r", phase="p").asession() as session:
            made: Any = answer()
            with pytest.raises(InvalidInputError, match="not a function"):
                await session.arun_turn(made)

    asyncio.run(run())


def test_plain_function_in_an_async_turn() -> None:
    """A function whose result cannot be awaited is refused."""

    async def run() -> None:
        async with Orchestrator(role="r", phase="p").asession() as session:
            plain: Any = lambda: "x"  # noqa: E731
            with pytest.raises(InvalidInputError, match="awaited"):
                await session.arun_turn(plain)

    asyncio.run(run())


def test_sinks_that_raise(caplog: pytest.LogCaptureFixture) -> None:
    """A sink that raises is logged once, and breaks nothing."""

    class Broken:
        def emit(self, event: AgentEvent) -> None:
            raise RuntimeError("event sink")

        def record(self, model: str, usage: UsageSnapshot, cost_usd: float | None) -> None:
            raise RuntimeError("usage sink")

    with (
        caplog.at_level(logging.WARNING, "holdfast"),
        Orchestrator(role="r", phase="p", event_sink=Broken(), usage_sink=Broken()).session() as session,
    ):
        for _ in range(3):
            assert session.run_turn(lambda: "x")[0] == "x"
    assert len([record for record in caplog.records if "sink raised" in record.message]) == 2


def _unavailable() -> None:
    raise ConnectionResetError("gone")


def test_hooks_that_raise() -> None:
    """A recovery hook or an escalation that raises leaves the caller with the call's own error."""

    def broken(*_: object) -> None:
        raise RuntimeError("hook")

    recovery = Recovery(escalate=broken, shrink_context=broken)
    orchestrator = Orchestrator(role="r", phase="p", recovery=recovery, clock=ManualTime())
    with orchestrator.session() as session, pytest.raises(ConnectionResetError):
        session.run_turn(_unavailable)


def test_async_hooks_are_awaited() -> None:
    """In an async session a hook may be a coroutine function."""
    told: list[str] = []

    async def tell(escalation: object) -> None:
        await asyncio.sleep(0)
        told.append("told")

    async def gone() -> None:
        _unavailable()

    async def run() -> None:
        orchestrator = Orchestrator(role="r", phase="p", recovery=Recovery(escalate=tell), clock=ManualTime())
        async with orchestrator.asession() as session:
            with pytest.raises(ConnectionResetError):
                await session.arun_turn(gone)

    asyncio.run(run())
    assert told == ["told"]


def test_control_that_raises_stops() -> None:
    """A switch that is broken is taken for a stop."""

    def broken() -> str:
        raise RuntimeError("no line")

    orchestrator = Orchestrator(role="r", phase="p", control=broken)
    with pytest.raises(Exception, match="no line"), orchestrator.session() as session:
        session.run_turn(lambda: pytest.fail("was called"))


def test_stop_iteration_from_a_call_comes_through() -> None:
    """What a call raises is what the caller gets, StopIteration too."""

    def empty() -> str:
        return next(iter(()))

    with Orchestrator(role="r", phase="p").session() as session:
        with pytest.raises(StopIteration):
            session.run_turn(empty)
        with pytest.raises(StopIteration):
            session.run_tool("t", empty)


def test_fallbacks_of_one_turn() -> None:
    """A turn may bring its own fallbacks."""

    def denied() -> str:
        error = RuntimeError("invalid api key")
        error.status_code = 401  # type: ignore[attr-defined]
        raise error

    with Orchestrator(role="r", phase="p").session() as session:
        assert session.run_turn(denied, "a", fallbacks=[Fallback("b", lambda: "other")])[0] == "other"
