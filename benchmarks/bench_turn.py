"""What a turn through a session costs its caller, and that it costs the same after ten thousand of them.

Run as `python -m benchmarks.bench_turn`. The model call itself does nothing, so all that is measured is ours.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from contextlib import suppress
from statistics import median
from threading import Event
from time import perf_counter_ns
from timeit import repeat
from typing import TYPE_CHECKING

from holdfast.core.guardrails import AllowAllGuardrail
from holdfast.core.pricing import ModelPricing, PricingTable
from holdfast.core.usage import UsageSnapshot
from holdfast.errors import TurnTimeoutError
from holdfast.runtime.breaker import CircuitBreaker
from holdfast.runtime.orchestrator import Orchestrator
from holdfast.runtime.sinks import RingBufferEventSink
from holdfast.testing import MemoryRecorder
from holdfast.tracing.client import ClientConfig

if TYPE_CHECKING:
    from holdfast.runtime.recorder import Recorder

MODEL = "bench-model"
USAGE = UsageSnapshot(1000, 200)
TURNS = 10_000
ROUNDS = 5


def orchestrator(recorder: Recorder | None = None) -> Orchestrator:
    return Orchestrator(
        role="bench",
        phase="turns",
        circuit_breaker=CircuitBreaker("bench"),
        budget_usd=1e9,
        enforce_budget=True,
        max_iterations=10**9,
        guardrails=[AllowAllGuardrail()],
        event_sink=RingBufferEventSink(),
        prices=PricingTable({MODEL: ModelPricing(1.0, 2.0)}),
        recorder=recorder,
    )


def answer() -> str:
    return "done"


async def aanswer() -> str:
    return "done"


def sync_times(made: Orchestrator) -> list[int]:
    """Nanoseconds of each of `TURNS` turns of one session."""
    times: list[int] = []
    with made.session() as session:
        for _ in range(TURNS):
            begun = perf_counter_ns()
            session.run_turn(answer, MODEL, USAGE)
            times.append(perf_counter_ns() - begun)
    return times


def async_times(made: Orchestrator) -> list[int]:
    async def run() -> list[int]:
        times: list[int] = []
        async with made.asession() as session:
            for _ in range(TURNS):
                begun = perf_counter_ns()
                await session.arun_turn(aanswer, MODEL, USAGE)
                times.append(perf_counter_ns() - begun)
        return times

    return asyncio.run(run())


def early_and_late(
    measure: Callable[[Orchestrator], list[int]], recorder: Recorder | None = None
) -> tuple[float, float]:
    """Microseconds around turn 10 (turns 5 to 105) and around turn 10,000 (the last hundred): each the smallest median
    of several sessions, as the machine has other work too."""
    early: list[float] = []
    late: list[float] = []
    for _ in range(ROUNDS):
        gc.collect()
        times = measure(orchestrator(recorder))
        early.append(median(times[5:105]) / 1000)
        late.append(median(times[-100:]) / 1000)
    return min(early), min(late)


def lateness() -> float:
    """Milliseconds after its deadline at which a plain turn that hangs returns: the median of 20."""
    late: list[float] = []
    with orchestrator().session() as session:
        for _ in range(20):
            begun = perf_counter_ns()
            with suppress(TurnTimeoutError):
                session.run_turn(Event().wait, MODEL, timeout=0.05)
            late.append((perf_counter_ns() - begun) / 1e6 - 50)
    return median(late)


def calibration() -> float:
    """Microseconds of a fixed piece of plain Python: what to divide by when two machines are compared."""
    return min(repeat(lambda: sum(range(1000)), number=200, repeat=50)) / 200 * 1e6


def main() -> None:
    print(f"sum(range(1000)) takes {calibration():.1f} µs here: a measure of how fast this machine is today")
    print("a turn with breaker, budget, guardrail and event sink (µs; smallest median of 5 sessions)")
    print(f"{'':24}{'turn 10':>10}{'turn 10,000':>14}{'limit':>8}")
    for name, measure, limit in (("sync", sync_times, 15), ("async", async_times, 25)):
        early, late = early_and_late(measure)
        print(f"{name:24}{early:10.1f}{late:14.1f}{limit:8}")
    with MemoryRecorder(ClientConfig(agent="bench")):
        early, late = early_and_late(sync_times)
    print(f"{'sync, recorded':24}{early:10.1f}{late:14.1f}{35:8}")
    print(f"a plain turn that hangs returns {lateness():.1f} ms after its deadline (limit 100)")


if __name__ == "__main__":
    main()
