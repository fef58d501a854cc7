"""Waiting for room in a budget, from sync and from async code."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Event
from time import monotonic

from holdfast.core.budget import Budget, LimitReached, Reservation, ReservationState, Spend

__all__ = ["ahold", "hold"]


def hold(
    budget: Budget, spend: Spend, *, clock: Callable[[], float] = monotonic, timeout: float | None = None
) -> Reservation:
    """A held reservation for `spend`, which must come back through `budget.settle` or `budget.release`.

    Blocks while calls in flight hold the room, for `timeout` seconds at most. Raises `BudgetExceededError`
    where the limit is spent, or the time over. On any exception nothing stays reserved.
    """
    ready = Event()
    answer = budget.reserve(spend, clock(), ready.set)
    try:
        if isinstance(answer, Reservation) and answer.state is ReservationState.WAITING:
            ready.wait(timeout)
        return _held(answer)
    except BaseException:
        _give_back(budget, answer, clock)
        raise


async def ahold(
    budget: Budget,
    spend: Spend,
    *,
    clock: Callable[[], float] = monotonic,
    timeout: float | None = None,  # noqa: ASYNC109 - its end is the budget's refusal, not a TimeoutError
) -> Reservation:
    """As `hold`, without blocking the event loop. A cancellation leaves nothing reserved."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop of a caller that is gone is closed; nobody is left to wake
            loop.call_soon_threadsafe(ready.set)

    answer = budget.reserve(spend, clock(), wake)
    try:
        if isinstance(answer, Reservation) and answer.state is ReservationState.WAITING:
            with suppress(TimeoutError):
                await asyncio.wait_for(ready.wait(), timeout)
        return _held(answer)
    except BaseException:
        _give_back(budget, answer, clock)
        raise


def _held(answer: Reservation | LimitReached) -> Reservation:
    if isinstance(answer, LimitReached):
        raise answer.error()
    if answer.state is not ReservationState.HELD and answer.refusal is not None:
        raise answer.refusal.error()
    return answer


def _give_back(budget: Budget, answer: Reservation | LimitReached, clock: Callable[[], float]) -> None:
    if isinstance(answer, Reservation):
        budget.release(answer, clock())
