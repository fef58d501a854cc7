"""Streamed turns: what the reader gets, what is counted, and what happens when either side breaks off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from holdfast.core.guardrails import AllowAllGuardrail
from holdfast.core.pricing import ModelPricing, PricingTable
from holdfast.runtime import (
    Budget,
    BudgetLimits,
    CircuitBreaker,
    GuardrailOutcome,
    GuardrailViolatedError,
    Orchestrator,
    Spend,
    UsageSnapshot,
)
from holdfast.testing import ManualTime, MemoryRecorder

PRICES = PricingTable({"m": ModelPricing(1.0, 1.0)})


class Source:
    """A stream of words that knows whether it was closed."""

    def __init__(self, *words: str, error: Exception | None = None) -> None:
        self.words = words
        self.error = error
        self.closed = False

    def __call__(self) -> Iterator[str]:
        try:
            yield from self.words
            if self.error is not None:
                raise self.error
        finally:
            self.closed = True

    async def astream(self) -> AsyncIterator[str]:
        for word in self():
            yield word


class NoSecrets(AllowAllGuardrail, frozen=True):
    """Refuses text with the word in it."""

    def check_output(self, value: object, *, role: str, model: str) -> GuardrailOutcome:
        return GuardrailOutcome("secret" not in str(value), "it is a secret")


def test_parts_come_as_they_are() -> None:
    """The reader gets each part; afterwards text, usage and the turn's events are there."""
    with Orchestrator(role="r", phase="p").session() as session:
        stream = session.stream_turn(Source("a", "b", "c"), "m", usage=UsageSnapshot(5, 3))
        assert list(stream) == ["a", "b", "c"]
        assert stream.text == "abc"
        assert stream.usage == UsageSnapshot(5, 3)
    assert [event.event for event in session.events][1:3] == ["turn.started", "turn.completed"]


def test_nothing_happens_before_the_first_part() -> None:
    """A stream that nobody reads is no turn."""
    with Orchestrator(role="r", phase="p").session() as session:
        session.stream_turn(Source("a"))
        assert session.turns == 0


def test_async_stream() -> None:
    """`astream_turn` takes an async generator function, or a coroutine function that opens one."""

    async def opened() -> AsyncIterator[str]:
        return Source("a", "b").astream()

    async def run() -> list[list[str]]:
        async with Orchestrator(role="r", phase="p").asession() as session:
            return [
                [part async for part in session.astream_turn(Source("a", "b").astream)],
                [part async for part in session.astream_turn(opened)],
            ]

    assert asyncio.run(run()) == [["a", "b"], ["a", "b"]]


def test_reader_that_goes_away_ends_the_turn() -> None:
    """Breaking off closes the source, counts what came, frees the reservation, and is no failure."""
    source = Source("four", "char", "not read")
    budget, breaker = Budget(BudgetLimits(usd=1.0)), CircuitBreaker("b", failure_threshold=1)
    with (
        MemoryRecorder() as recorder,
        Orchestrator(role="r", phase="p", budget=budget, circuit_breaker=breaker).session() as session,
    ):
        with session.stream_turn(source, "m", estimate=Spend(usd=1.0)) as stream:
            assert [next(stream), next(stream)] == ["four", "char"]
        assert source.closed
        assert stream.usage == UsageSnapshot(0, 2)
        assert not breaker.is_open()
    assert recorder.span("turn 1").status == "complete"
    assert recorder.span("m").result == {"value": "fourchar"}


def test_async_reader_that_goes_away() -> None:
    """The same in a task."""
    source = Source("four", "char", "not read")

    async def run() -> UsageSnapshot | None:
        async with Orchestrator(role="r", phase="p").asession() as session:
            async with session.astream_turn(source.astream, "m") as stream:
                await anext(stream)
            return stream.usage

    assert asyncio.run(run()) == UsageSnapshot(0, 1)
    assert source.closed


def test_failure_before_the_first_part_is_recovered_from() -> None:
    """A stream that breaks before anything was passed on is opened again."""
    sources = iter([Source(error=ConnectionResetError("gone")), Source("fine")])
    clock = ManualTime()
    with Orchestrator(role="r", phase="p", clock=clock).session() as session:
        assert list(session.stream_turn(lambda: next(sources)())) == ["fine"]
    assert len(clock.slept) == 1


def test_failure_later_comes_through() -> None:
    """Once a part was passed on the error is raised as it is, and what was used is kept."""
    breaker = CircuitBreaker("b", failure_threshold=1)
    with Orchestrator(role="r", phase="p", circuit_breaker=breaker).session() as session:
        stream = session.stream_turn(Source("word", error=ConnectionResetError("gone")), "m")
        assert next(stream) == "word"
        with pytest.raises(ConnectionResetError):
            next(stream)
    assert stream.usage == UsageSnapshot(0, 1)
    assert breaker.is_open()
    assert session.tracker.total_output_tokens == 1


def test_guardrail_sees_the_accumulated_text() -> None:
    """What is refused only as a whole is stopped at the part that completes it, which is not passed on."""
    source = Source("the ", "sec", "ret", " is")
    seen: list[str] = []
    with Orchestrator(role="r", phase="p", guardrails=[NoSecrets()]).session() as session:
        stream = session.stream_turn(source, "m")
        with pytest.raises(GuardrailViolatedError):
            seen.extend(stream)
    assert seen == ["the ", "sec"]
    assert source.closed
    assert stream.usage is not None
    assert stream.usage.output_tokens > 0


def test_redaction_in_a_stream_is_a_refusal() -> None:
    """Parts that are on their way cannot be changed: a guardrail that would redact them stops the stream."""

    class Redacts(AllowAllGuardrail, frozen=True):
        def check_output(self, value: object, *, role: str, model: str) -> GuardrailOutcome:
            return GuardrailOutcome(True, "a name", str(value).replace("Ann", "[name]"))

    with Orchestrator(role="r", phase="p", guardrails=[Redacts()]).session() as session:
        assert session.run_turn(lambda: "Ann is here")[0] == "[name] is here"
        with pytest.raises(GuardrailViolatedError):
            list(session.stream_turn(Source("Ann")))


def test_empty_stream() -> None:
    """A stream without parts is a turn without text."""
    with Orchestrator(role="r", phase="p").session() as session:
        assert list(session.stream_turn(Source())) == []
        assert session.turns == 1


def test_cancelled_reader_releases() -> None:
    """A task cancelled while it waits for the next part leaves nothing held."""
    budget = Budget(BudgetLimits(usd=1.0))

    async def hang() -> AsyncIterator[str]:
        yield "first"
        await asyncio.Event().wait()

    async def run() -> None:
        async with Orchestrator(role="r", phase="p", budget=budget, prices=PRICES).asession() as session:
            got_first = asyncio.Event()

            async def read() -> None:
                async with session.astream_turn(hang, "m", estimate=Spend(usd=1.0)) as stream:
                    async for _ in stream:
                        got_first.set()

            task = asyncio.ensure_future(read())
            await got_first.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await session.arun_turn(lambda: asyncio.sleep(0), estimate=Spend(usd=0.5))

    asyncio.run(run())
