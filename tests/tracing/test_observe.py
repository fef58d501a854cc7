"""Functions whose calls are spans."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import aclosing
from typing import Any

import pytest

import holdfast
from holdfast.testing import MemoryRecorder
from holdfast.tracing.client import ClientConfig
from holdfast.wire.vocabulary import SpanStatus


@pytest.fixture
def recorder() -> Iterator[MemoryRecorder]:
    with MemoryRecorder() as recorder:
        yield recorder


def only(recorder: MemoryRecorder) -> Any:
    (span,) = recorder.spans
    return span


def test_a_call_is_a_span_with_arguments_and_result(recorder: MemoryRecorder) -> None:
    """What a function is called with is the payload, by name; what it returns is the result."""

    @holdfast.observe
    def add(a: int, /, b: int, *more: int, scale: int = 1, **rest: int) -> int:
        return (a + b + sum(more)) * scale

    assert add(1, 2, 3, 4, scale=2, other=5) == 20
    span = only(recorder)
    assert span.name.endswith("add")
    assert span.type == "agent:function"
    assert span.payload == {"a": 1, "b": 2, "more": [3, 4], "scale": 2, "other": 5}
    assert span.result == {"value": 20}


def test_the_function_keeps_its_face(recorder: MemoryRecorder) -> None:
    """Name, doc, signature and kind of an observed function are those of the function."""

    @holdfast.observe(name="other", type="agent:tool")
    def plain(a: int, b: str = "x") -> str:
        """Doc."""
        return b * a

    @holdfast.observe
    async def coroutine() -> None: ...

    @holdfast.observe
    def generator() -> Generator[int, None, None]:
        yield 1

    @holdfast.observe
    async def async_generator() -> AsyncGenerator[int, None]:
        yield 1

    assert plain(2) == "xx"
    assert (plain.__name__, plain.__doc__) == ("plain", "Doc.")
    assert str(inspect.signature(plain)) == "(a: 'int', b: 'str' = 'x') -> 'str'"
    assert inspect.iscoroutinefunction(coroutine)
    assert inspect.isgeneratorfunction(generator)
    assert inspect.isasyncgenfunction(async_generator)
    assert (only(recorder).name, only(recorder).type) == ("other", "agent:tool")


def test_methods_of_all_kinds_leave_out_self_and_cls(recorder: MemoryRecorder) -> None:
    """The receiver of a method is not part of its payload."""

    class Tool:
        @holdfast.observe
        def method(self, a: int) -> int:
            return a

        @holdfast.observe
        @classmethod
        def of_class(cls, a: int) -> str:
            return f"{cls.__name__}{a}"

        @classmethod
        @holdfast.observe
        def of_class_too(cls, a: int) -> str:
            return f"{cls.__name__}{a}"

        @holdfast.observe
        @staticmethod
        def static(a: int) -> int:
            return a

    assert (Tool().method(1), Tool.of_class(2), Tool.of_class_too(3), Tool.static(4)) == (
        1,
        "Tool2",
        "Tool3",
        4,
    )
    assert [span.payload for span in recorder.spans] == [{"a": 1}, {"a": 2}, {"a": 3}, {"a": 4}]


def test_calls_nest(recorder: MemoryRecorder) -> None:
    """An observed function called by another is its child; the outermost call is a run of its own."""

    @holdfast.observe(name="inner")
    def inner() -> None: ...

    @holdfast.observe(name="outer")
    def outer() -> None:
        inner()

    outer()
    assert recorder.span("inner").parent_id == recorder.span("outer").id
    assert [run.name for run in recorder.runs.values()] == ["outer"]


def test_root_makes_every_call_a_run(recorder: MemoryRecorder) -> None:
    """With `root`, a call inside a run is a run of its own that names its caller."""

    @holdfast.observe(name="sub", root=True)
    def sub() -> None: ...

    with holdfast.run("r") as run, run.span("s") as span:
        sub()
    (made,) = (one for one in recorder.runs.values() if one.name == "sub")
    assert made.parent == f"{run.id}/{span.id}"


def test_an_exception_fails_the_call(recorder: MemoryRecorder) -> None:
    """What a function raises reaches the caller, and the record."""

    @holdfast.observe
    def broken() -> None:
        raise LookupError("gone")

    with pytest.raises(LookupError):
        broken()
    assert (only(recorder).status, only(recorder).error.message) == (SpanStatus.FAILED, "gone")


def test_a_wrong_call_fails_as_it_would_without_us(recorder: MemoryRecorder) -> None:
    """Arguments that do not fit raise the function's own TypeError."""

    @holdfast.observe
    def takes_one(a: int) -> int:
        return a

    with pytest.raises(TypeError, match="takes 1 positional argument"):
        takes_one(1, 2)  # type: ignore[call-arg]
    assert only(recorder).status is SpanStatus.FAILED


def test_a_coroutine_is_observed_while_it_runs(recorder: MemoryRecorder) -> None:
    """An async function's span lasts until it returns, and a cancellation cancels it."""

    @holdfast.observe(name="answers")
    async def answers() -> str:
        await asyncio.sleep(0)
        return "yes"

    @holdfast.observe(name="waits")
    async def waits() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        assert await answers() == "yes"
        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert recorder.span("answers").result == {"value": "yes"}
    assert recorder.span("waits").status is SpanStatus.CANCELLED


def test_capturing_can_be_turned_off(recorder: MemoryRecorder) -> None:
    """`capture_arguments` and `capture_result` leave either out of the record."""

    @holdfast.observe(capture_arguments=False, capture_result=False)
    def quiet(a: int) -> int:
        return a

    quiet(1)
    assert (only(recorder).payload, only(recorder).result) == (None, None)


def test_capturing_can_be_turned_off_for_a_client() -> None:
    """The client's settings hold where a function does not say otherwise."""
    config = ClientConfig(capture_arguments=False, capture_result=False, raise_errors=True)
    with MemoryRecorder(config) as recorder:

        @holdfast.observe(name="quiet")
        def quiet(a: int) -> int:
            return a

        @holdfast.observe(name="loud", capture_arguments=True, capture_result=True)
        def loud(a: int) -> int:
            return a

        quiet(1)
        loud(2)
    assert (recorder.span("quiet").payload, recorder.span("quiet").result) == (None, None)
    assert (recorder.span("loud").payload, recorder.span("loud").result) == ({"a": 2}, {"value": 2})


def test_a_function_may_redact_what_is_captured(recorder: MemoryRecorder) -> None:
    """`redact` is asked about each argument and the result; where it fails, nothing is shown."""

    def mask(path: tuple[str | int, ...], value: Any) -> Any:
        if path == ("b",):
            raise ValueError
        return "***" if path in {("a",), ("result",)} else value

    @holdfast.observe(redact=mask)
    def call(a: str, b: str, c: str) -> str:
        return a + b + c

    assert call("x", "y", "z") == "xyz"
    assert only(recorder).payload == {"a": "***", "b": {"$redacted": "hook_failed"}, "c": "z"}
    assert only(recorder).result == {"value": "***"}


# --- generators


@holdfast.observe(name="count")
def count(n: int) -> Generator[int, None, str]:
    for number in range(n):
        with holdfast.span(f"step {number}"):
            yield number
    return "done"


def test_what_a_generator_yields_is_its_result(recorder: MemoryRecorder) -> None:
    """Items are recorded as a list, and what the generator returns beside them."""

    def reads() -> Generator[int, None, str]:
        return (yield from count(3))

    assert list(reads()) == [0, 1, 2]
    span = recorder.span("count")
    assert span.result == {"value": [0, 1, 2], "returned": "done"}
    assert span.status is SpanStatus.COMPLETE
    assert {recorder.span(f"step {n}").parent_id for n in range(3)} == {span.id}


def test_streamed_text_is_one_text(recorder: MemoryRecorder) -> None:
    """A stream of strings is recorded joined."""

    @holdfast.observe
    def tokens() -> Generator[str, None, None]:
        yield from ("Hel", "lo")

    list(tokens())
    assert only(recorder).result == {"value": "Hello"}


def test_a_generator_closed_early_is_complete_with_what_it_had(recorder: MemoryRecorder) -> None:
    """Leaving a loop early ends the generator's span as complete, marked, with the items so far."""
    for number in (generator := count(10)):
        if number == 1:
            break
    generator.close()
    span = recorder.span("count")
    assert (span.status, span.result) == (SpanStatus.COMPLETE, {"value": [0, 1]})
    assert span.attributes["holdfast.closed_early"] is True
    assert recorder.span("step 1").status is SpanStatus.COMPLETE


def test_a_generator_is_current_only_while_it_runs(recorder: MemoryRecorder) -> None:
    """Between two items the consumer's own span is current; the body's open spans come back with the next item."""
    with holdfast.run("r"), holdfast.span("consumer") as consumer:
        for number in count(2):
            assert holdfast.current_span() is consumer
            with holdfast.span(f"use {number}"):
                pass
        assert holdfast.current_span() is consumer
    assert recorder.span("use 1").parent_id == consumer.id
    assert recorder.span("count").parent_id == consumer.id
    assert recorder.span("step 1").parent_id == recorder.span("count").id


def test_two_generators_in_turns_keep_apart(recorder: MemoryRecorder) -> None:
    """Generators consumed in turns do not become each other's children."""
    with holdfast.run("r"):
        assert list(zip(count(2), count(2), strict=True)) == [(0, 0), (1, 1)]
    first, second = (span for span in recorder.spans if span.name == "count")
    assert first.parent_id is second.parent_id is None
    parents = [span.parent_id for span in recorder.spans if (span.name or "").startswith("step")]
    assert sorted(map(str, parents)) == sorted([first.id, second.id] * 2)


def test_send_and_throw_reach_the_generator(recorder: MemoryRecorder) -> None:
    """An observed generator is driven like any other, and what it does not catch fails its span."""

    @holdfast.observe
    def echo() -> Generator[str, str, None]:
        said = "ready"
        while True:
            try:
                said = yield said
            except KeyError:
                said = "caught"

    generator = echo()
    assert next(generator) == "ready"
    assert generator.send("hi") == "hi"
    assert generator.throw(KeyError("x")) == "caught"
    with pytest.raises(ValueError, match="end"):
        generator.throw(ValueError("end"))
    assert only(recorder).status is SpanStatus.FAILED
    assert only(recorder).result == {"value": "readyhicaught"}


def test_a_generator_never_started_records_nothing(recorder: MemoryRecorder) -> None:
    """Making a generator is not yet running it."""
    count(3).close()
    assert not recorder.raw


def test_async_generators_are_observed_alike(recorder: MemoryRecorder) -> None:
    """Items, early close, failure and context of async generators are those of plain ones."""

    @holdfast.observe(name="stream")
    async def stream(fail: bool = False) -> AsyncGenerator[str, None]:
        for part in ("a", "b", "c"):
            await asyncio.sleep(0)
            with holdfast.span("chunk"):
                yield part
        if fail:
            raise OSError("cut")

    async def main() -> None:
        with holdfast.run("r"):
            assert [part async for part in stream()] == ["a", "b", "c"]
            async with aclosing(stream()) as parts:
                async for part in parts:
                    assert holdfast.current_span() is None
                    if part == "b":
                        break
            with pytest.raises(OSError, match="cut"):
                [part async for part in stream(fail=True)]

    asyncio.run(main())
    whole, early, failed = (span for span in recorder.spans if span.name == "stream")
    assert (whole.status, whole.result) == (SpanStatus.COMPLETE, {"value": "abc"})
    assert (early.status, early.result) == (SpanStatus.COMPLETE, {"value": "ab"})
    assert early.attributes["holdfast.closed_early"] is True
    assert (failed.status, failed.result) == (SpanStatus.FAILED, {"value": "abc"})
    assert {span.parent_id for span in recorder.spans if span.name == "chunk"} == {
        whole.id,
        early.id,
        failed.id,
    }


def test_async_generators_take_sent_and_thrown_values(recorder: MemoryRecorder) -> None:
    """`asend` and `athrow` reach the observed async generator."""

    @holdfast.observe
    async def echo() -> AsyncGenerator[str, str]:
        said = "ready"
        while said != "bye":
            try:
                said = yield said
            except KeyError:
                said = "caught"

    async def main() -> None:
        generator = echo()
        assert await anext(generator) == "ready"
        assert await generator.asend("hi") == "hi"
        assert await generator.athrow(KeyError("x")) == "caught"
        with pytest.raises(StopAsyncIteration):
            await generator.asend("bye")

    asyncio.run(main())
    assert only(recorder).result == {"value": "readyhicaught"}


def test_an_endless_stream_is_kept_bounded() -> None:
    """Of a long stream only so much is kept as a payload may hold; the rest is counted."""
    with MemoryRecorder(ClientConfig(max_payload=1000, raise_errors=True)) as recorder:

        @holdfast.observe
        def numbers() -> Generator[int, None, None]:
            yield from range(50_000)

        assert sum(numbers()) == sum(range(50_000))
    result = only(recorder).result
    assert result["$truncated"]["items"] == 50_000
    assert len(result["value"]) < 100


def test_a_disabled_client_only_calls_the_function() -> None:
    """With recording switched off, observed functions of every kind work and write nothing."""
    with MemoryRecorder(ClientConfig(disabled=True)) as recorder:

        @holdfast.observe
        async def coroutine() -> int:
            return 1

        @holdfast.observe
        async def async_generator() -> AsyncGenerator[int, None]:
            yield 1

        async def main() -> None:
            assert await coroutine() == 1
            assert [n async for n in async_generator()] == [1]

        asyncio.run(main())
        assert list(count(2)) == [0, 1]
    assert not recorder.raw
