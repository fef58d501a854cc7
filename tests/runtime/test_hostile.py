"""A session among objects that misbehave: whatever they do, nothing stays held and no run stays open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from holdfast.core.budget import Budget, Limits
from holdfast.core.budget_limits import Spend
from holdfast.core.pricing import ModelPricing, PricingTable
from holdfast.core.usage_readers import StreamUsage, read_usage
from holdfast.errors import InvalidInputError
from holdfast.runtime import Fallback, Orchestrator, Recovery, UsageSnapshot
from holdfast.wire.agent_events import AgentEvent, AgentEventName
from holdfast.wire.runtime_vocabulary import AgentStatus


class Struck(BaseException):
    """Neither an error nor a cancellation that anybody knows."""


class StrikingSink:
    def __init__(self, at: AgentEventName) -> None:
        self.at = at

    def emit(self, event: AgentEvent) -> None:
        if event.event is self.at:
            raise Struck(event.event.value)


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Shapeless:
    @property  # type: ignore[misc]  # as proxies do
    def __class__(self) -> Any:
        raise RuntimeError("no class")


@pytest.mark.parametrize(
    "at",
    [
        AgentEventName.AGENT_STARTED,
        AgentEventName.TURN_STARTED,
        AgentEventName.TURN_COMPLETED,
        AgentEventName.BUDGET_WARNING,
        AgentEventName.AGENT_TOOL_CALLED,
        AgentEventName.AGENT_TOOL_COMPLETED,
        AgentEventName.AGENT_COMPLETED,
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_struck_anywhere(at: AgentEventName, streamed: bool) -> None:
    """Whatever strikes between any two steps of a session, the budget holds nothing afterwards and the worker has
    ended."""
    budget = Budget(Limits(usd=1.0, tokens=100, turns=5))
    made = Orchestrator(role="r", phase="p", budget=budget, event_sink=StrikingSink(at))
    estimate = Spend(usd=0.1, tokens=10)

    def work() -> None:
        with made.session() as session:
            session.run_tool("t", lambda a: a, {"a": 1})
            if streamed:
                list(session.stream_turn(lambda: ["x"], "m", UsageSnapshot(90, 1), estimate=estimate))
            else:
                session.run_turn(lambda: "x", "m", UsageSnapshot(90, 1), estimate=estimate)

    with pytest.raises(Struck):
        work()
    assert budget.account.held == [0, 0, 0, 0]
    assert made.registry.list_active() == []


def test_an_error_without_words() -> None:
    """An exception whose `str` raises reaches the caller as it is, and the session has failed of it."""

    def fail() -> str:
        raise Mute

    made = Orchestrator(role="r", phase="p")
    with pytest.raises(Mute), made.session() as session:
        session.run_turn(fail)
    assert session.worker.status is AgentStatus.FAILED
    assert session.worker.last_error is not None
    assert session.worker.last_error["message"] == "Mute"


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 10**400, "completion_tokens": 5},
        {"prompt_tokens": 1e300, "completion_tokens": 5},
        {"prompt_tokens": float("nan"), "completion_tokens": 5},
        {"prompt_tokens": -7, "completion_tokens": 5},
        {"prompt_tokens": 0, "completion_tokens": 5, "cost": 10**400},
        {"prompt_tokens": 0, "completion_tokens": 5, "cost": 1e308},
        {"prompt_tokens": 0, "completion_tokens": 5, "cost": float("nan")},
    ],
)
def test_absurd_numbers(usage: dict[str, object]) -> None:
    """A number that cannot be true is taken for missing; the result that came with it is not lost."""
    prices = PricingTable({"m": ModelPricing(1.0, 2.0)})
    made = Orchestrator(role="r", phase="p", prices=prices, budget_usd=1.0, enforce_budget=True)
    with made.session() as session:
        _, read = session.run_turn(lambda: {"usage": usage}, "m")
    assert read == UsageSnapshot(0, 5)
    assert session.tracker.total_cost() == pytest.approx(0.00001)


@pytest.mark.parametrize("wrapped", [False, True])
def test_objects_that_raise_when_looked_at(wrapped: bool) -> None:
    """Reading usage never raises, whatever the object; nothing is known then."""
    response: object = {"usage": {"prompt_tokens": Shapeless()}} if wrapped else Shapeless()
    stream = StreamUsage()
    stream.add(response)
    assert read_usage(response) is None
    assert stream.reading() is None


def test_prices_that_raise() -> None:
    """A price source that raises makes the cost unknown; the turn keeps its result."""

    class Broken:
        def quote(self, model: str) -> None:
            raise OSError("no price list")

    with Orchestrator(role="r", phase="p", prices=Broken()).session() as session:
        assert session.run_turn(lambda: "x", "m", UsageSnapshot(5, 5)) == ("x", UsageSnapshot(5, 5))
        assert session.tracker.cost().usd is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: Orchestrator(role="r", phase="p", guardrails=None),  # type: ignore[arg-type]  # the mistake
        lambda: Orchestrator(role="r", phase="p", guardrails=["x"]),  # type: ignore[list-item]  # the mistake
        lambda: Orchestrator(role="r", phase="p", event_sink=None),  # type: ignore[arg-type]  # the mistake
        lambda: Orchestrator(role="r", phase="p", usage_sink=print),  # type: ignore[arg-type]  # the mistake
        lambda: Orchestrator(role="r", phase="p", max_iterations="5"),  # type: ignore[arg-type]  # the mistake
        lambda: Recovery(max_attempts=0),
        lambda: Recovery(base=-1.0),
        lambda: Recovery(cap=float("nan")),
        lambda: Recovery(fallbacks=[Fallback("m", print), Fallback("m", list)]),
        lambda: Recovery(fallbacks=["gpt"]),  # type: ignore[list-item]  # the mistake
        lambda: Fallback("", print),
        lambda: UsageSnapshot(1.5, 1),  # type: ignore[arg-type]  # the mistake
        lambda: UsageSnapshot(float("nan"), 1),  # type: ignore[arg-type]  # the mistake
        lambda: UsageSnapshot(10**400, 1),
        lambda: ModelPricing(1e308, 1.0),
    ],
)
def test_refused_when_made(make: Callable[[], object]) -> None:
    """What cannot work is refused where it is said, not in the middle of a run."""
    with pytest.raises(InvalidInputError):
        make()


@pytest.mark.parametrize(
    "options",
    [
        {"usage": {"input_tokens": 3}},
        {"timeout": "5"},
        {"model": 5},
        {"estimate": 5},
        {"estimat": Spend(usd=1.0)},
        {"fallbacks": [5]},
        {"fallbacks": [Fallback("m", print), Fallback("m", list)]},
    ],
)
def test_refused_before_the_call(options: dict[str, Any]) -> None:
    """A turn that is asked for in the wrong words is refused before anything is called or paid for."""
    called: list[int] = []
    with Orchestrator(role="r", phase="p").session() as session:
        with pytest.raises(InvalidInputError):
            session.run_turn(lambda: called.append(1), **options)
        with pytest.raises(InvalidInputError):
            session.run_tool("t", lambda **_: called.append(1), [1])  # type: ignore[arg-type]  # the mistake
        with pytest.raises(InvalidInputError):
            session.run_tool(5, lambda: called.append(1))  # type: ignore[arg-type]  # the mistake
    assert called == []


def test_budgets_beyond_arithmetic() -> None:
    """A limit or an estimate near the end of what a float holds is as good as endless, and no arithmetic fails."""
    budget = Budget(Limits(usd=1e308, tokens=10**400))
    with Orchestrator(role="r", phase="p", budget=budget).session() as session:
        assert session.run_turn(lambda: "x", estimate=Spend(usd=1e17))[0] == "x"
