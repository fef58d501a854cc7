"""The circuit breaker: its states by a model, its permits under threads, tasks and cancellations."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from holdfast.core.breaker import Breaker, Permit
from holdfast.errors import BudgetExceededError, CircuitOpenError, InvalidInputError
from holdfast.runtime.breaker import AsyncCircuitBreaker, CircuitBreaker, CircuitState

CLOSED, OPEN, HALF_OPEN = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def fail() -> None:
    raise RuntimeError("down")


def opened(clock: Clock, *, probes: int = 1) -> CircuitBreaker:
    breaker = CircuitBreaker("llm", 2, 10.0, probes, clock)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            breaker.call(fail)
    return breaker


def test_consecutive_failures_open_and_the_timeout_half_opens() -> None:
    """Closed, open after the threshold, half-open once the time is over and before any call."""
    clock = Clock()
    breaker = CircuitBreaker("llm", 2, 10.0, clock=clock)
    for outcome in (fail, lambda: None, fail):
        with contextlib.suppress(RuntimeError):
            breaker.call(outcome)
    assert breaker.state() is CLOSED  # a success came between
    with pytest.raises(RuntimeError):
        breaker.call(fail)
    assert breaker.is_open()
    clock.now = 4.0
    with pytest.raises(CircuitOpenError) as caught:
        breaker.call(lambda: pytest.fail("called"))
    assert (caught.value.name, caught.value.retry_after) == ("llm", 6.0)
    clock.now = 10.0
    assert breaker.state() is HALF_OPEN
    assert not breaker.is_open()


def test_a_probe_decides() -> None:
    """A probe that succeeds closes the circuit, one that fails opens it for the whole time again."""
    clock = Clock()
    breaker = opened(clock)
    clock.now = 10.0
    with pytest.raises(RuntimeError):
        breaker.call(fail)
    clock.now = 19.9
    assert breaker.is_open()
    clock.now = 20.0
    assert breaker.call(lambda: "up") == "up"
    assert breaker.state() is CLOSED


def test_half_open_admits_only_its_probes() -> None:
    """While the probes are in flight every other call is refused."""
    clock = Clock()
    breaker = opened(clock, probes=2)
    clock.now = 10.0
    first, second = breaker.acquire(), breaker.acquire()
    with pytest.raises(CircuitOpenError) as caught:
        breaker.call(lambda: None)
    assert caught.value.retry_after == 0.0
    breaker.release(first)
    breaker.release(first)  # settled already: gives no second place back
    third = breaker.acquire()
    with pytest.raises(CircuitOpenError):
        breaker.acquire()
    breaker.success(second)
    assert breaker.state() is CLOSED
    breaker.failure(third)  # of the state before: no verdict on this one
    assert breaker.state() is CLOSED


def test_a_call_from_before_the_opening_says_nothing_about_now() -> None:
    """A slow call that began while the circuit was closed neither closes it nor opens it later."""
    clock = Clock()
    breaker = CircuitBreaker("llm", 1, 10.0, clock=clock)
    slow_success, slow_failure = breaker.acquire(), breaker.acquire()
    with pytest.raises(RuntimeError):
        breaker.call(fail)
    breaker.success(slow_success)
    assert breaker.is_open()
    clock.now = 10.0
    breaker.failure(slow_failure)
    assert breaker.state() is HALF_OPEN


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_probe_that_is_stopped_gives_its_place_back(stop: type[BaseException]) -> None:
    """Any BaseException releases the permit and counts for nothing."""
    clock = Clock()
    breaker = opened(clock)
    clock.now = 10.0

    def stopped() -> None:
        raise stop

    with pytest.raises(stop):
        breaker.call(stopped)
    assert breaker.state() is HALF_OPEN
    assert breaker.call(lambda: "up") == "up"


def test_a_cancelled_task_gives_its_place_back() -> None:
    """A probe whose task is cancelled leaves room for the next one."""
    clock = Clock()
    breaker = opened(clock)
    clock.now = 10.0

    async def main() -> None:
        task = asyncio.create_task(breaker.acall(asyncio.Event().wait))
        await asyncio.sleep(0)
        with pytest.raises(CircuitOpenError):
            await breaker.acall(asyncio.sleep, 0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await breaker.acall(asyncio.sleep, 0)

    asyncio.run(main())
    assert breaker.state() is CLOSED


def test_threads_and_tasks_share_one_breaker() -> None:
    """Half-open with three probes: of many threads and tasks at once exactly three get in, and when all of
    them are cancelled or stopped three more do."""
    clock = Clock()
    breaker = opened(clock, probes=3)
    clock.now = 10.0
    together, leave = Barrier(6), Event()

    def in_thread() -> bool:
        try:
            with breaker.guard():
                together.wait(10)
                leave.wait(10)
                raise KeyboardInterrupt
        except CircuitOpenError:
            together.wait(10)
            return False
        except KeyboardInterrupt:
            return True

    async def in_tasks() -> int:
        tasks = [asyncio.create_task(breaker.acall(asyncio.Event().wait)) for _ in range(5)]
        await asyncio.to_thread(together.wait, 10)
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        return sum(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)

    with ThreadPoolExecutor(5) as pool:
        threads = [pool.submit(in_thread) for _ in range(5)]
        admitted = asyncio.run(in_tasks())
        leave.set()
        admitted += sum(future.result() for future in threads)
    assert admitted == 3
    permits = [breaker.acquire() for _ in range(3)]
    with pytest.raises(CircuitOpenError):
        breaker.acquire()
    for permit in permits:
        breaker.release(permit)


def test_errors_that_do_not_count_leave_the_circuit_alone() -> None:
    """What `counts` declines, and Holdfast's own refusals, are no verdict; `counts` that raises is none."""
    breaker = CircuitBreaker("llm", 1, counts=lambda error: not isinstance(error, ValueError))

    def invalid() -> None:
        raise ValueError

    def refused() -> None:
        raise BudgetExceededError(1.0, 2.0)

    for fn, error in ((invalid, ValueError), (refused, BudgetExceededError)):
        with pytest.raises(error):
            breaker.call(fn)
    assert breaker.state() is CLOSED

    def broken(error: Exception) -> bool:
        raise TypeError("broken")

    clock = Clock()
    other = CircuitBreaker("llm", 1, 10.0, clock=clock, counts=broken)
    other.record_failure()
    clock.now = 10.0
    with pytest.raises(TypeError, match="broken"):
        other.call(fail)
    assert other.call(lambda: 1) == 1


def test_a_sync_call_of_an_async_function_is_refused() -> None:
    """`call` on a coroutine function raises a typed error instead of counting a success."""

    async def reply() -> int:
        return 1

    with pytest.raises(InvalidInputError, match="acall"):
        _ = CircuitBreaker("llm").call(reply)


def test_results_can_be_recorded_without_a_call() -> None:
    """`record_success` and `record_failure` do as calls would; while open they change nothing; `reset` closes."""
    clock = Clock()
    breaker = CircuitBreaker("llm", 2, 10.0, clock=clock)
    breaker.record_failure()
    breaker.record_success()
    breaker.record_failure()
    assert breaker.state() is CLOSED
    breaker.record_failure()
    clock.now = 5.0
    breaker.record_success()
    breaker.record_failure()
    assert breaker.is_open()
    clock.now = 10.0
    breaker.record_success()
    assert breaker.state() is CLOSED
    breaker.record_failure()
    breaker.record_failure()
    assert breaker.is_open()
    breaker.reset()
    assert breaker.state() is CLOSED


def test_the_awaitable_breaker_is_the_same_one() -> None:
    """`AsyncCircuitBreaker` awaits each method of one breaker, which sync code may use beside it."""
    clock = Clock()
    breaker = AsyncCircuitBreaker("llm", 1, 10.0, clock=clock)

    async def failing() -> None:
        raise RuntimeError

    async def main() -> None:
        with pytest.raises(RuntimeError):
            await breaker.call(failing)
        assert await breaker.is_open()
        with pytest.raises(CircuitOpenError):
            breaker.breaker.call(lambda: None)
        clock.now = 10.0
        assert await breaker.state() is HALF_OPEN
        await breaker.record_success()
        await breaker.record_failure()
        await breaker.reset()
        assert await breaker.state() is CLOSED

    asyncio.run(main())


@pytest.mark.parametrize(
    "bad",
    [
        {"failure_threshold": 0},
        {"half_open_max_probes": 0},
        {"recovery_timeout_seconds": -1.0},
        {"recovery_timeout_seconds": float("nan")},
    ],
)
def test_settings_that_cannot_work_are_refused(bad: dict[str, float]) -> None:
    """A threshold of 0 and the like name their field."""
    with pytest.raises(InvalidInputError, match=next(iter(bad))):
        Breaker("llm", **bad)  # type: ignore[arg-type]


class Machine(RuleBasedStateMachine):
    """Any interleaving of permits and their ends, against the rules written down once more, plainly."""

    permits = Bundle("permits")

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.breaker = Breaker("m", 2, 5.0, 2)
        self.in_flight: dict[int, CircuitState] = {}

    @rule(seconds=st.floats(0, 7))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=permits)
    def begin(self) -> Permit | None:
        state = self.breaker.state(self.now)
        probes = sum(kind is HALF_OPEN for kind in self.in_flight.values())
        try:
            permit = self.breaker.acquire(self.now)
        except CircuitOpenError:
            assert state is OPEN or (state is HALF_OPEN and probes >= 2)
            return None
        assert state is CLOSED or (state is HALF_OPEN and probes < 2)
        self.in_flight[id(permit)] = state
        return permit

    @rule(permit=consumes(permits), end=st.sampled_from(["success", "failure", "release"]))
    def end(self, permit: Permit | None, end: str) -> None:
        if permit is None:
            return
        before = self.breaker.state(self.now)
        kind = self.in_flight.pop(id(permit))
        if end == "success":
            self.breaker.success(permit)
        elif end == "failure":
            self.breaker.failure(permit, self.now)
        else:
            self.breaker.release(permit)
        after = self.breaker.state(self.now)
        if after is not before:
            assert kind is before
            assert (before, end, after) in {
                (CLOSED, "failure", OPEN),
                (HALF_OPEN, "failure", OPEN),
                (HALF_OPEN, "success", CLOSED),
            }
            # permits of the state that is over hold no place in this one
            self.in_flight = (
                dict.fromkeys(self.in_flight, CLOSED) if after is not HALF_OPEN else self.in_flight
            )

    @invariant()
    def never_stuck(self) -> None:
        if self.breaker.state(self.now) is HALF_OPEN and not any(
            kind is HALF_OPEN for kind in self.in_flight.values()
        ):
            self.breaker.release(self.breaker.acquire(self.now))


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)
