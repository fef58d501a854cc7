"""Budgets: the overshoot bound, nobody starves, and what is told."""

from __future__ import annotations

import asyncio
import math
import random
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from holdfast.core.budget import (
    Budget,
    BudgetExceededError,
    LimitKind,
    LimitReached,
    Limits,
    Reservation,
    ReservationState,
    Spend,
)
from holdfast.errors import InvalidInputError
from holdfast.runtime.holding import ahold, hold

HELD, WAITING, REFUSED = ReservationState.HELD, ReservationState.WAITING, ReservationState.REFUSED


def reserve(budget: Budget, now: float = 0.0, *, wake: bool = False, **spend: float) -> Reservation:
    answer = budget.reserve(Spend(**spend), now, (lambda: None) if wake else None)  # type: ignore[arg-type]
    assert isinstance(answer, Reservation), answer
    return answer


def refused(budget: Budget, now: float = 0.0, **spend: float) -> LimitReached:
    answer = budget.reserve(Spend(**spend), now)  # type: ignore[arg-type]
    assert isinstance(answer, LimitReached), answer
    return answer


def test_an_estimate_that_does_not_fit_is_refused_before_it_is_spent() -> None:
    """A one-dollar budget does not let a call of fifty dollars through; the answer says why."""
    reached = refused(Budget(Limits(usd=1.0), name="run"), turns=1, usd=50.0)
    assert reached == LimitReached(kind=LimitKind.USD, limit=1.0, used=0.0, asked=50.0, budget="run")
    error = reached.error()
    assert isinstance(error, BudgetExceededError)
    assert (error.budget_usd, error.current_cost_usd, error.kind, error.budget) == (1.0, 0.0, "usd", "run")


def test_a_reservation_is_settled_with_what_the_call_took() -> None:
    """What was reserved and not used is free again."""
    budget = Budget(Limits(usd=1.0))
    first = reserve(budget, turns=1, usd=0.9)
    refused(budget, turns=1, usd=0.2)
    budget.settle(first, Spend(usd=0.1, tokens=100), 1.0)
    second = reserve(budget, turns=1, usd=0.9)
    budget.release(second, 1.0)
    assert budget.used(LimitKind.USD, 1.0) == 0.1
    assert budget.used(LimitKind.TOKENS, 1.0) == 100
    assert budget.left(LimitKind.USD, 1.0) == pytest.approx(0.9)


def test_settling_or_releasing_again_changes_nothing() -> None:
    """Only the first end of a reservation counts."""
    budget = Budget(Limits(usd=1.0, turns=5))
    first = reserve(budget, turns=1, usd=0.5)
    budget.settle(first, Spend(usd=0.5), 0.0)
    budget.settle(first, Spend(usd=0.5), 0.0)
    budget.release(first, 0.0)
    assert budget.used(LimitKind.USD, 0.0) == 0.5
    assert budget.used(LimitKind.TURNS, 0.0) == 1


def test_without_estimates_calls_side_by_side_are_not_refused_at_zero_spend() -> None:
    """Any number begin while nothing is spent; once the limit is, none does."""
    budget = Budget(Limits(usd=1.0))
    calls = [reserve(budget, turns=1) for _ in range(10)]
    for call in calls:
        budget.settle(call, Spend(usd=0.2), 0.0)
    assert budget.used(LimitKind.USD, 0.0) == 2.0  # the bound: ten calls in flight without estimates
    assert refused(budget, turns=1).used == 2.0


def test_who_waits_is_woken_when_there_is_room() -> None:
    """At zero spend a call that would fit waits for those in flight instead of being refused."""
    budget = Budget(Limits(usd=1.0))
    first = reserve(budget, turns=1, usd=0.8)
    woken = Event()
    second = budget.reserve(Spend(turns=1, usd=0.8), 0.0, woken.set)
    assert isinstance(second, Reservation)
    assert second.state is WAITING
    assert second.refusal is not None
    assert second.refusal.held == 0.8
    budget.settle(first, Spend(usd=0.1), 0.0)
    assert woken.is_set()
    assert second.state is HELD


def test_who_waits_is_refused_when_the_room_is_truly_spent() -> None:
    """Waiting ends with a refusal once the estimate can no longer fit."""
    budget = Budget(Limits(usd=1.0))
    first = reserve(budget, turns=1, usd=0.8)
    second = reserve(budget, turns=1, usd=0.8, wake=True)
    budget.settle(first, Spend(usd=0.8), 0.0)
    assert second.state is REFUSED
    assert second.refusal is not None
    assert second.refusal.used == 0.8


def test_a_large_claim_is_not_overtaken_by_small_ones() -> None:
    """Small claims that come later wait behind a large one for the same budget, and only there."""
    root = Budget(Limits(usd=1.0))
    here, there = root.child(Limits(usd=0.6), name="here"), root.child(name="there")
    first = reserve(here, turns=1, usd=0.5)
    large = reserve(here, turns=1, usd=0.6, wake=True)
    small = reserve(here, turns=1, usd=0.05, wake=True)
    assert (large.state, small.state) == (WAITING, WAITING)
    assert reserve(there, turns=1, usd=0.3).state is HELD
    here.settle(first, Spend(usd=0.0), 0.0)
    assert (large.state, small.state) == (HELD, WAITING)
    here.settle(large, Spend(usd=0.1), 0.0)
    assert small.state is HELD


def test_leaving_the_queue_lets_the_next_one_in() -> None:
    """A waiter that gives up no longer stands before the others."""
    budget = Budget(Limits(tokens=100))
    reserve(budget, turns=1, tokens=60)
    large = reserve(budget, turns=1, tokens=80, wake=True)
    small = reserve(budget, turns=1, tokens=10, wake=True)
    budget.release(large, 0.0)
    assert small.state is HELD


def test_turns_and_tool_calls_are_exact_and_never_waited_for() -> None:
    """They count when admitted; a call given back is free again; a tool call is not a turn."""
    budget = Budget(Limits(turns=2, tool_calls=1))
    reserve(budget, turns=1)
    second = reserve(budget, turns=1)
    assert isinstance(budget.reserve(Spend(turns=1), 0.0, lambda: None), LimitReached)
    reserve(budget, tool_calls=1)
    assert refused(budget, tool_calls=1).kind is LimitKind.TOOL_CALLS
    budget.release(second, 0.0)
    reserve(budget, turns=1)


def test_a_free_tool_call_is_not_stopped_by_spent_money() -> None:
    """Money and tokens stop model calls, and tools that ask for some; not a tool that costs nothing."""
    budget = Budget(Limits(usd=1.0))
    budget.charge(Spend(usd=1.0), 0.0)
    reserve(budget, tool_calls=1)
    refused(budget, tool_calls=1, usd=0.1)
    assert budget.check(0.0) is not None


def test_wall_time_runs_from_the_first_call() -> None:
    """The clock starts with the budget's first use, and stops the next call."""
    budget = Budget(Limits(seconds=10.0))
    assert budget.check(50.0) is None
    first = reserve(budget, 100.0, turns=1)
    assert budget.left(LimitKind.SECONDS, 104.0) == 6.0
    reached = refused(budget, 110.0, turns=1)
    assert (reached.kind, reached.used) == (LimitKind.SECONDS, 10.0)
    notices = budget.settle(first, Spend(), 111.0)
    assert [(notice.kind, notice.exceeded) for notice in notices] == [(LimitKind.SECONDS, True)]


def test_children_share_what_their_parents_have() -> None:
    """A call counts in every budget above it, and the tightest one decides."""
    root = Budget(Limits(usd=1.0), name="root")
    left, right = root.child(Limits(usd=0.8), name="left"), root.child(name="right")
    left.settle(reserve(left, turns=1, usd=0.7), Spend(usd=0.7), 0.0)
    assert refused(left, turns=1, usd=0.2).budget == "left"
    assert refused(right, turns=1, usd=0.4).budget == "root"
    assert right.left(LimitKind.USD, 0.0) == pytest.approx(0.3)
    assert right.used(LimitKind.USD, 0.0) == 0.0


def test_it_warns_once_then_says_once_that_it_is_exceeded() -> None:
    """A notice at the mark, one beyond the limit, in each budget concerned, and none twice."""
    root = Budget(Limits(usd=10.0, warn_at=0.5), name="root")
    child = root.child(Limits(usd=1.0), name="child")
    spends = [0.5] * 6 + [3.0] * 3
    notices = [child.charge(Spend(usd=usd), 0.0) for usd in spends]
    seen = [[(notice.budget, notice.exceeded) for notice in told] for told in notices]
    assert seen == [
        [],
        [("child", False)],
        [("child", True)],
        [],
        [],
        [],
        [("root", False)],
        [],
        [("root", True)],
    ]


def test_an_unknown_cost_keeps_what_was_reserved() -> None:
    """A call whose cost nobody knows counts with its estimate, and is counted as unpriced."""
    budget = Budget(Limits(usd=1.0))
    budget.settle(reserve(budget, turns=1, usd=0.4), Spend(usd=None, tokens=10), 0.0)
    assert budget.used(LimitKind.USD, 0.0) == 0.4
    assert budget.unpriced == 1


@pytest.mark.parametrize(
    "bad",
    [
        {"usd": -1.0},
        {"usd": math.nan},
        {"tokens": -1},
        {"turns": -1},
        {"seconds": math.inf},
        {"warn_at": 0.0},
        {"warn_at": 1.5},
    ],
)
def test_impossible_limits_are_refused(bad: dict[str, float]) -> None:
    """Negative, infinite and not-a-number limits name their field."""
    with pytest.raises(InvalidInputError) as caught:
        Limits(**bad)  # type: ignore[arg-type]
    assert caught.value.field == next(iter(bad))


@pytest.mark.parametrize("bad", [{"usd": -1.0}, {"usd": math.nan}, {"tokens": -1}, {"turns": -1}])
def test_impossible_spends_are_refused(bad: dict[str, float]) -> None:
    """What a call takes is never negative; an estimate is a number."""
    with pytest.raises(InvalidInputError):
        Spend(**bad)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="estimate"):
        Budget().reserve(Spend(usd=None), 0.0)


cents = st.integers(0, 120)


class Concurrency(RuleBasedStateMachine):
    """Calls of two children of one budget, begun, waiting, ended and given up in any order.

    At all times, for each budget: what is spent and held stays within the limit plus the errors of the
    estimates of calls that were in flight with the last one admitted; whoever waits is woken; and when
    nobody is in flight nobody waits.
    """

    def __init__(self) -> None:
        super().__init__()
        self.root = Budget(Limits(usd=1.0, turns=40), name="root")
        self.children = [self.root.child(Limits(usd=0.7), name="a"), self.root.child(name="b")]
        self.calls: list[tuple[Budget, Reservation, int]] = []
        self.states: dict[int, ReservationState] = {}
        self.woken: list[int] = []
        self.spent = {"root": 0, "a": 0, "b": 0}
        self.errors = {"root": 0, "a": 0, "b": 0}

    def note_admitted(self) -> None:
        """Where a call was admitted the sums fit again, so the errors up to then no longer count."""
        for budget, call, estimate in self.calls:
            if call.state is HELD and self.states.get(id(call)) is not HELD:
                self.states[id(call)] = HELD
                for name in ("root", budget.name):
                    held = sum(e for b, c, e in self.calls if c.state is HELD and name in ("root", b.name))
                    limit = {"root": 100, "a": 70}.get(name)
                    if limit is not None:
                        assert self.spent[name] + held <= limit
                        assert self.spent[name] + held - estimate <= limit
                    self.errors[name] = 0

    @rule(child=st.integers(0, 1), estimate=cents, waits=st.booleans())
    def begin(self, child: int, estimate: int, waits: bool) -> None:
        budget = self.children[child]
        before = dict(self.spent)
        key = len(self.states) + len(self.calls) * 1000
        answer = budget.reserve(
            Spend(turns=1, usd=estimate / 100), 0.0, (lambda: self.woken.append(key)) if waits else None
        )
        if isinstance(answer, LimitReached):
            if waits and answer.kind is LimitKind.USD:  # truly spent, or larger than what is left
                name = answer.budget
                limit = {"root": 100, "a": 70}[name]
                assert before[name] >= limit or before[name] + estimate > limit
            return
        assert waits or answer.state is HELD
        self.calls.append((budget, answer, estimate))
        self.note_admitted()

    @precondition(lambda self: any(call.state is HELD for _, call, _ in self.calls))
    @rule(data=st.data(), actual=cents)
    def settle(self, data: st.DataObject, actual: int) -> None:
        budget, call, estimate = data.draw(
            st.sampled_from([item for item in self.calls if item[1].state is HELD])
        )
        budget.settle(call, Spend(usd=actual / 100), 0.0)
        for name in ("root", budget.name):
            self.spent[name] += actual
            self.errors[name] += max(0, actual - estimate)
        self.note_admitted()

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        budget, call, _ = data.draw(st.sampled_from(self.calls))
        budget.release(call, 0.0)
        self.note_admitted()

    @invariant()
    def within_the_bound(self) -> None:
        for budget, limit in ((self.root, 100), (self.children[0], 70)):
            spent = round(budget.used(LimitKind.USD, 0.0) * 100)
            assert spent == self.spent[budget.name]
            assert spent <= limit + self.errors[budget.name]

    @invariant()
    def nobody_waits_for_nobody(self) -> None:
        if not any(call.state is HELD for _, call, _ in self.calls):
            assert not any(call.state is WAITING for _, call, _ in self.calls)


TestConcurrency = Concurrency.TestCase
TestConcurrency.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)


def test_racing_threads_never_exceed_a_budget_of_true_estimates() -> None:
    """Forty threads that wait their turn: every one ends, admitted or refused, and not a cent too much goes."""
    budget = Budget(Limits(usd=1.0))
    draw = random.Random(7)
    plans = [(cost, draw.uniform(0, cost)) for cost in (draw.uniform(0.01, 0.2) for _ in range(200))]

    def call(plan: tuple[float, float]) -> bool:
        try:
            reservation = hold(budget, Spend(turns=1, usd=plan[0]), timeout=30)
        except BudgetExceededError:
            return False
        budget.settle(reservation, Spend(usd=plan[1]), 0.0)
        return True

    with ThreadPoolExecutor(40) as pool:
        outcomes = list(pool.map(call, plans))
    assert budget.used(LimitKind.USD, 0.0) <= 1.0
    assert 5 < sum(outcomes) < 200


def test_tasks_and_threads_wait_for_each_other() -> None:
    """A task waits for room that a thread holds, without blocking its loop."""
    budget = Budget(Limits(usd=1.0))
    first = hold(budget, Spend(turns=1, usd=0.9))

    async def main() -> Reservation:
        waiting = asyncio.create_task(ahold(budget, Spend(turns=1, usd=0.9)))
        await asyncio.sleep(0)
        assert not waiting.done()
        thread = Thread(target=budget.settle, args=(first, Spend(usd=0.05), 1.0))
        thread.start()
        reservation = await waiting
        thread.join()
        return reservation

    assert asyncio.run(main()).state is HELD


def test_a_waiting_task_that_is_cancelled_leaves_nothing() -> None:
    """Cancelled while it waits, or after it was admitted: the room is free again."""
    budget = Budget(Limits(usd=1.0))
    first = hold(budget, Spend(turns=1, usd=0.9))

    async def main() -> None:
        waiting = asyncio.create_task(ahold(budget, Spend(turns=1, usd=0.9)))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        admitted = asyncio.create_task(ahold(budget, Spend(turns=1, usd=0.9)))
        await asyncio.sleep(0)
        budget.settle(first, Spend(), 1.0)
        admitted.cancel()
        with pytest.raises(asyncio.CancelledError):
            await admitted

    asyncio.run(main())
    assert hold(budget, Spend(turns=1, usd=1.0)).state is HELD


def test_waiting_ends_with_its_timeout() -> None:
    """When the time is over the call is refused with what stood in its way, in both worlds."""
    budget = Budget(Limits(usd=1.0))
    hold(budget, Spend(turns=1, usd=0.9))
    with pytest.raises(BudgetExceededError):
        hold(budget, Spend(turns=1, usd=0.9), timeout=0.001)
    with pytest.raises(BudgetExceededError):
        asyncio.run(ahold(budget, Spend(turns=1, usd=0.9), timeout=0.001))
    assert hold(budget, Spend(turns=1, usd=0.1)).state is HELD
