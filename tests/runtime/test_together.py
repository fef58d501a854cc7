"""Several things at once in one session: parallel tools, shared budgets, handoffs, questions, loops, rate limits."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import pytest

from holdfast.core.pricing import ModelPricing, PricingTable
from holdfast.errors import UnknownWorkerError
from holdfast.runtime import (
    Budget,
    BudgetExceededError,
    BudgetLimits,
    InputPendingError,
    LoopDetectedError,
    LoopLimits,
    NoInputPendingError,
    Orchestrator,
    PermissionDeniedError,
    PermissionEnforcer,
    PermissionMode,
    PermissionPolicy,
    RateLimit,
    RateLimiter,
    RateWaitTooLongError,
    RolePermissionConfig,
    RunTerminated,
    Spend,
    ToolCall,
    UsageSnapshot,
)
from holdfast.testing import ManualTime
from holdfast.wire.runtime_vocabulary import AgentStatus
from waiting import wait_until

PRICES = PricingTable({"m": ModelPricing(1.0, 1.0)})
DOLLAR = UsageSnapshot(1_000_000)
tenant: ContextVar[str] = ContextVar("tenant", default="none")


class Busy:
    """A tool that counts how many of it run at once, and does not return before `together` of them do."""

    def __init__(self, together: int) -> None:
        self.barrier = threading.Barrier(together, timeout=30)
        self.lock = threading.Lock()
        self.now = self.most = 0

    def __call__(self, n: int) -> tuple[int, str]:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.barrier.wait()
        with self.lock:
            self.now -= 1
        return n, tenant.get()


def test_parallel_tools_keep_order_limit_and_context() -> None:
    """Results come in the order of the calls, at most `limit` run at once, and each sees the context."""
    tenant.set("acme")
    busy = Busy(2)
    with Orchestrator(role="r", phase="p").session() as session:
        results = session.run_tools([ToolCall("t", busy, {"n": n}) for n in range(6)], limit=2)
    assert [result.unwrap() for result in results] == [(n, "acme") for n in range(6)]
    assert busy.most == 2


def test_async_parallel_tools_respect_the_limit() -> None:
    """The same in tasks."""
    running: list[int] = []
    most: list[int] = []

    async def work(n: int) -> int:
        running.append(n)
        most.append(len(running))
        await asyncio.sleep(0)
        running.remove(n)
        return n

    async def run() -> list[int]:
        async with Orchestrator(role="r", phase="p").asession() as session:
            results = await session.arun_tools([ToolCall("t", work, {"n": n}) for n in range(9)], limit=3)
            return [result.unwrap() for result in results]

    assert asyncio.run(run()) == list(range(9))
    assert max(most) == 3


def test_an_error_stays_with_its_call() -> None:
    """One tool that fails does not take the others along."""

    def tool(n: int) -> int:
        return 10 // n

    with Orchestrator(role="r", phase="p").session() as session:
        results = session.run_tools([ToolCall("divide", tool, {"n": n}) for n in (1, 0, 2)])
    assert [result.value for result in results] == [10, None, 5]
    assert isinstance(results[1].error, ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        results[1].unwrap()


def test_concurrent_turns_share_a_budget_without_overrunning_it() -> None:
    """Threads that estimate well never spend beyond the budget, and none is refused while there is money."""
    budget = Budget(BudgetLimits(usd=5.0))
    orchestrator = Orchestrator(role="r", phase="p", budget=budget, prices=PRICES, max_iterations=100)

    def turn(_: int) -> str:
        try:
            return session.run_turn(lambda: "ok", "m", DOLLAR, estimate=Spend(usd=1.0))[0]
        except BudgetExceededError:
            return "refused"

    with orchestrator.session() as session, ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(turn, range(12)))
    assert outcomes.count("ok") == 5
    assert session.tracker.total_cost() == pytest.approx(5.0)


def test_concurrent_tasks_are_not_refused_at_zero_spend() -> None:
    """A task that finds the budget held, not spent, waits for its turn."""
    budget = Budget(BudgetLimits(usd=1.0))

    async def cheap() -> str:
        await asyncio.sleep(0)
        return "ok"

    async def run() -> list[str]:
        async with Orchestrator(role="r", phase="p", budget=budget, prices=PRICES).asession() as session:
            turns = [
                session.arun_turn(cheap, "m", UsageSnapshot(1000), estimate=Spend(usd=1.0)) for _ in range(5)
            ]
            return [result for result, _ in await asyncio.gather(*turns)]

    # The first takes a tenth of a cent of what it reserved; after it a whole dollar never fits again.
    with pytest.raises(BudgetExceededError):
        asyncio.run(run())
    budget = Budget(BudgetLimits(usd=1.01))
    assert asyncio.run(run()) == ["ok"] * 5


def test_a_step_inside_a_call_is_refused_instead_of_waiting_for_itself() -> None:
    """A turn within a turn that would wait for room which the outer one holds is refused at once."""
    orchestrator = Orchestrator(role="r", phase="p", budget=Budget(BudgetLimits(usd=1.0)), prices=PRICES)
    with orchestrator.session() as session:

        def outer() -> str:
            with pytest.raises(BudgetExceededError):
                session.run_turn(lambda: "inner", "m", estimate=Spend(usd=1.0))
            return "outer"

        assert session.run_turn(outer, "m", UsageSnapshot(1), estimate=Spend(usd=1.0))[0] == "outer"
        assert session.run_turn(lambda: session.run_turn(lambda: "in")[0])[0] == "in"


def test_handoff_shares_budget_and_takes_the_new_roles_permissions() -> None:
    """The next role works on what is left of the money, and by its own permissions."""
    policy = PermissionPolicy(
        {
            "planner": RolePermissionConfig("planner", PermissionMode.FULL_ACCESS),
            "writer": RolePermissionConfig("writer", PermissionMode.FULL_ACCESS, denied_tools=["deploy"]),
        }
    )
    orchestrator = Orchestrator(
        role="planner",
        phase="p",
        permissions=PermissionEnforcer(policy),
        prices=PRICES,
        budget_usd=2.0,
        enforce_budget=True,
    )
    context = {"plan": "write it"}
    with orchestrator.session() as session:
        session.run_tool("deploy", lambda: None)
        session.run_turn(lambda: "x", "m", DOLLAR)
        handoff = session.handoff_to("writer", "planned", context)
        context["plan"] = "changed"
    assert session.worker.status is AgentStatus.COMPLETED
    assert handoff.context == {"plan": "write it"}
    assert orchestrator.registry.get(handoff.target_worker_id).status is AgentStatus.INITIALIZING  # type: ignore[union-attr]
    assert session.events[-1].data is not None
    assert session.events[-1].data["handoff"]["target_role"] == "writer"  # type: ignore[index]
    with orchestrator.session_for(handoff) as heir:
        assert heir.role == "writer"
        with pytest.raises(PermissionDeniedError):
            heir.run_tool("deploy", lambda: None)
        heir.run_turn(lambda: "y", "m", DOLLAR)
        with pytest.raises(BudgetExceededError):
            heir.run_turn(lambda: pytest.fail("was called"), "m")
    with pytest.raises(UnknownWorkerError), orchestrator.session_for(handoff):
        pass


def test_input_from_another_thread() -> None:
    """A session that asks waits until another thread answers; meanwhile its worker waits for input."""
    answers: list[str] = []
    with Orchestrator(role="r", phase="p").session() as session:
        with pytest.raises(NoInputPendingError):
            session.provide_input("nobody asked")
        asking = threading.Thread(target=lambda: answers.append(session.pause_for_input("Deploy?")))
        asking.start()
        wait_until(lambda: session.worker.status is AgentStatus.WAITING_FOR_INPUT)
        with pytest.raises(InputPendingError, match="still pending"):
            session.pause_for_input("And?")
        session.provide_input("yes")
        asking.join(30)
        assert session.worker.status is AgentStatus.RUNNING
    assert answers == ["yes"]
    assert [e.event for e in session.events if "input" in e.event] == ["input.requested", "input.provided"]


def test_async_input_and_its_cancellation() -> None:
    """A task that asks may be answered or cancelled; after either the session goes on."""

    async def run() -> str:
        async with Orchestrator(role="r", phase="p").asession() as session:
            asked = asyncio.ensure_future(session.pause_for_input("?"))
            await asyncio.sleep(0)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            assert session.worker.status is AgentStatus.RUNNING
            with pytest.raises(TimeoutError):
                await session.pause_for_input("?", timeout=0.01)
            asked = asyncio.ensure_future(session.pause_for_input("?"))
            await asyncio.sleep(0)
            session.provide_input("yes")
            return await asked

    assert asyncio.run(run()) == "yes"


def test_stop_while_waiting_for_input() -> None:
    """A stop ends a session that waits for an answer."""
    orchestrator = Orchestrator(role="r", phase="p")
    with pytest.raises(RunTerminated, match="enough"), orchestrator.session() as session:  # noqa: PT012 - both belong
        threading.Timer(0, session.stop, ["enough"]).start()
        session.pause_for_input("?")
    assert session.worker.status is AgentStatus.CANCELLED
    assert session.events[-1].event == "session.stopped"


def test_loop_is_steered_and_then_stopped() -> None:
    """The same call with the same result is first spoken about, then refused."""
    limits = LoopLimits(same_call_steer=3, same_call_stop=5)
    with Orchestrator(role="r", phase="p", loop_guard=limits).session() as session:
        for _ in range(4):
            session.run_tool("search", lambda q: "nothing", {"q": "x"})
        [advice] = session.take_advice()
        assert "search" in advice
        assert session.take_advice() == []
        with pytest.raises(LoopDetectedError) as caught:
            session.run_tool("search", lambda q: pytest.fail("was called"), {"q": "x"})
    assert caught.value.count == 5
    assert [e.event for e in session.events if "loop" in e.event] == ["loop.steered", "loop.stopped"]


def test_spending_too_fast_stops_at_the_next_step() -> None:
    """A turn that spends too much in a minute is kept; the step after it is refused."""
    orchestrator = Orchestrator(
        role="r", phase="p", loop_guard=LoopLimits(usd_per_minute=0.4), prices=PRICES, clock=ManualTime()
    )
    with orchestrator.session() as session:
        assert session.run_turn(lambda: "paid", "m", DOLLAR)[0] == "paid"
        with pytest.raises(LoopDetectedError):
            session.run_turn(lambda: pytest.fail("was called"), "m")


def test_rate_limit_makes_turns_and_tools_wait() -> None:
    """Waits are computed and slept once; one that is longer than the turn may take fails at once."""
    clock = ManualTime()
    limits = {
        "m": RateLimiter(RateLimit(requests_per_minute=60, burst=1)),
        "search": RateLimiter(RateLimit(requests_per_minute=30, burst=1)),
    }
    with Orchestrator(role="r", phase="p", clock=clock, rate_limits=limits).session() as session:
        for _ in range(3):
            session.run_turn(lambda: "x", "m")
        for _ in range(2):
            session.run_tool("search", lambda: "x")
        session.run_turn(lambda: "free", "other")
        assert clock.slept == [pytest.approx(1), pytest.approx(1), pytest.approx(2)]
        session.run_turn(lambda: "x", "m")
        with pytest.raises(RateWaitTooLongError):
            session.run_turn(lambda: pytest.fail("was called"), "m", timeout=0.5)
    assert "rate_limit.waited" in [event.event for event in session.events]
