"""Whose child a span is: in tasks, threads, generators, and where scopes end out of order."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import holdfast
from holdfast.testing import MemoryRecorder
from holdfast.wire.vocabulary import SpanStatus


@pytest.fixture
def recorder() -> Iterator[MemoryRecorder]:
    with MemoryRecorder() as recorder:
        yield recorder


def parent_name(recorder: MemoryRecorder, name: str) -> str | None:
    names = {span.id: span.name for span in recorder.spans}
    parent = recorder.span(name).parent_id
    return None if parent is None else names[parent]


def test_the_parent_is_the_innermost_open_span(recorder: MemoryRecorder) -> None:
    """Nested spans are children of each other; after an inner one has ended, the outer one is the parent again."""
    with holdfast.run("r"), holdfast.span("a"):
        with holdfast.span("b"), holdfast.span("c"):
            pass
        with holdfast.span("d"):
            pass
    assert [parent_name(recorder, name) for name in "abcd"] == [None, "a", "b", "a"]


def test_a_parent_can_be_named(recorder: MemoryRecorder) -> None:
    """`parent` is a span, an id, or the run for no parent at all."""
    with holdfast.run("r") as run, run.span("a") as a, run.span("b"):
        run.start_span("by span", parent=a).finish()
        run.start_span("by id", parent=a.id).finish()
        run.start_span("root", parent=run).finish()
    assert [parent_name(recorder, name) for name in ("by span", "by id", "root")] == ["a", "a", None]


def test_nested_task_groups_keep_their_spans_apart(recorder: MemoryRecorder) -> None:
    """Concurrent tasks see the span they were started in, never each other's, at any depth of task groups."""

    async def leaf(name: str) -> None:
        with holdfast.span(name):
            await asyncio.sleep(0)
            with holdfast.span(f"{name}.in"):
                await asyncio.sleep(0)

    async def branch(name: str) -> None:
        with holdfast.span(name):
            async with asyncio.TaskGroup() as group:
                for number in range(3):
                    group.create_task(leaf(f"{name}{number}"))

    async def main() -> None:
        with holdfast.run("r"):
            async with asyncio.TaskGroup() as group:
                for name in "xyz":
                    group.create_task(branch(name))

    asyncio.run(main())
    for name in "xyz":
        assert parent_name(recorder, name) is None
        for number in range(3):
            assert parent_name(recorder, f"{name}{number}") == name
            assert parent_name(recorder, f"{name}{number}.in") == f"{name}{number}"
    assert {span.status for span in recorder.spans} == {SpanStatus.COMPLETE}


def test_a_cancelled_task_group_cancels_its_spans(recorder: MemoryRecorder) -> None:
    """Where one task of a group fails, its siblings' spans are cancelled and the group's span has failed."""

    async def waits(started: asyncio.Event) -> None:
        with holdfast.span("sibling"):
            started.set()
            await asyncio.Event().wait()

    async def fails(started: asyncio.Event) -> None:
        await started.wait()
        with holdfast.span("culprit"):
            raise ValueError("x")

    async def main() -> None:
        started = asyncio.Event()
        with holdfast.run("r"), holdfast.span("group"):
            async with asyncio.TaskGroup() as group:
                group.create_task(waits(started))
                group.create_task(fails(started))

    with pytest.raises(ExceptionGroup):
        asyncio.run(main())
    assert recorder.span("sibling").status is SpanStatus.CANCELLED
    assert recorder.span("culprit").status is SpanStatus.FAILED
    assert recorder.span("group").status is SpanStatus.FAILED
    assert "[1] ValueError: x" in recorder.span("group").error.stack


def test_a_timeout_cancels_what_it_cuts_off(recorder: MemoryRecorder) -> None:
    """A span that `asyncio.timeout` cuts off is cancelled, the one around it that sees the timeout fails."""

    async def main() -> None:
        with holdfast.run("r"), holdfast.span("outer"):
            async with asyncio.timeout(0):
                with holdfast.span("inner"):
                    await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        asyncio.run(main())
    assert recorder.span("inner").status is SpanStatus.CANCELLED
    assert recorder.span("outer").status is SpanStatus.FAILED


def test_scopes_that_end_out_of_order_do_not_mix_up_the_context(recorder: MemoryRecorder) -> None:
    """An outer span left before its inner one neither hides the inner nor stays current itself."""
    with holdfast.run("r") as run:
        a, b = run.span("a"), run.span("b")
        a.__enter__()
        b.__enter__()
        a.__exit__(None, None, None)
        assert holdfast.current_span() is b
        with holdfast.span("in b"):
            pass
        b.__exit__(None, None, None)
        assert holdfast.current_span() is None
        assert holdfast.current_run() is run
    assert parent_name(recorder, "in b") == "b"


def test_a_span_ended_by_hand_inside_its_with_is_no_parent_any_more(recorder: MemoryRecorder) -> None:
    """What starts after a span's end is not its child, even inside its `with`."""
    with holdfast.run("r"), holdfast.span("a"), holdfast.span("b") as b:
        b.complete()
        with holdfast.span("c"):
            pass
    assert parent_name(recorder, "c") == "a"


def test_a_span_entered_again_inside_its_own_child_leaves_no_circle(recorder: MemoryRecorder) -> None:
    """Entering a span twice, a child in between, ends: `current_span` does not go round for ever."""
    with holdfast.run("r") as run:
        a = run.span("a")
        with a, run.span("b"), a:
            pass
        assert holdfast.current_span() is None
        with holdfast.attach(a), holdfast.attach(a):
            assert holdfast.current_run() is run
    assert len(recorder.spans) == 2


def test_a_scope_may_be_left_in_another_context_than_it_was_entered_in(recorder: MemoryRecorder) -> None:
    """A generator closed from another context, as event loops do, raises nothing and ends its span."""

    def steps() -> Generator[int, None, None]:
        with holdfast.span("s"):
            yield 1

    generator = steps()
    contextvars.copy_context().run(next, generator)
    contextvars.copy_context().run(generator.close)
    assert recorder.span("s").status is SpanStatus.COMPLETE
    assert recorder.span("s").attributes == {"holdfast.closed_early": True}
    assert holdfast.current_span() is None


def test_a_plain_thread_starts_afresh_and_a_bound_one_goes_on(recorder: MemoryRecorder) -> None:
    """A thread does not see its starter's span, unless its function was bound."""
    with holdfast.run("r") as run, holdfast.span("a"):

        def work(name: str) -> None:
            with run.span(name):
                pass

        for target, name in ((work, "plain"), (holdfast.bind(work), "bound")):
            thread = threading.Thread(target=target, args=(name,))
            thread.start()
            thread.join()
    assert parent_name(recorder, "plain") is None
    assert parent_name(recorder, "bound") == "a"


def test_a_bound_function_may_run_in_many_threads_at_once(recorder: MemoryRecorder) -> None:
    """Each call of a bound function has its own copy of the context."""
    with holdfast.run("r"), holdfast.span("a"):
        gate = threading.Barrier(4)

        def work(number: int) -> None:
            with holdfast.span(f"t{number}"):
                gate.wait()

        bound = holdfast.bind(work)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(bound, range(4)))
    assert {parent_name(recorder, f"t{number}") for number in range(4)} == {"a"}


def test_the_executor_carries_the_context(recorder: MemoryRecorder) -> None:
    """Work given to a ContextThreadPoolExecutor belongs to the span that was current when it was submitted."""

    def work(name: str) -> str:
        with holdfast.span(name):
            return name

    with holdfast.ContextThreadPoolExecutor(2) as pool, holdfast.run("r"):
        with holdfast.span("a"):
            first = pool.submit(work, "one")
        with holdfast.span("b"):
            assert list(pool.map(work, ["two", "three"])) == ["two", "three"]
        assert first.result() == "one"
    assert [parent_name(recorder, name) for name in ("one", "two", "three")] == ["a", "b", "b"]


def test_asyncio_to_thread_carries_the_context(recorder: MemoryRecorder) -> None:
    """`asyncio.to_thread` needs no help."""

    def work() -> None:
        with holdfast.span("in thread"):
            pass

    async def main() -> None:
        with holdfast.run("r"), holdfast.span("a"):
            await asyncio.to_thread(work)

    asyncio.run(main())
    assert parent_name(recorder, "in thread") == "a"
