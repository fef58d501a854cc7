"""What becomes of a span: its states, its data, its ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

import holdfast
from holdfast.testing import ManualClock, MemoryRecorder
from holdfast.tracing.client import ClientConfig
from holdfast.wire.operations import SpanCreate, SpanFinish
from holdfast.wire.vocabulary import SpanStatus


@pytest.fixture
def recorder() -> Iterator[MemoryRecorder]:
    with MemoryRecorder() as recorder:
        yield recorder


def test_a_span_is_recorded_at_its_start_and_again_at_its_end(recorder: MemoryRecorder) -> None:
    """A span that is still running is already in the record, as active, with its payload."""
    with holdfast.run("r") as run, run.span("s", type="agent:llm", payload={"q": 1}, attributes={"a": 2}):
        made = recorder.of(SpanCreate)[-1]
        assert (made.status, bytes(made.payload)) == (SpanStatus.ACTIVE, b'{"q":1}')
        assert not recorder.of(SpanFinish)
    span = recorder.span("s")
    assert (span.status, span.type, span.payload, span.attributes) == (
        SpanStatus.COMPLETE,
        "agent:llm",
        {"q": 1},
        {"a": 2},
    )


def test_times_come_from_the_clock_and_never_run_backwards() -> None:
    """A span lasts as long as the clock says, and not less than nothing when the clock is set back."""
    clock = ManualClock(1_000_000_000)
    with MemoryRecorder(ClientConfig(clock=clock, raise_errors=True)) as recorder, holdfast.run() as run:
        with run.span("forward"):
            clock.advance(1.5)
        with run.span("back"):
            clock.advance(-10)
    forward, back = recorder.spans
    assert (forward.started_at, forward.finished_at) == (1_000_000_000, 2_500_000_000)
    assert back.finished_at == back.started_at == 2_500_000_000


def test_an_exception_is_a_failure_with_type_message_and_stack(recorder: MemoryRecorder) -> None:
    """An exception that leaves a span fails it, says what and where, and goes on to the caller."""

    def breaks() -> None:
        raise ValueError("no such city")

    with pytest.raises(ValueError, match="no such city"), holdfast.run("r") as run, run.span("s"):
        breaks()
    span = recorder.span("s")
    assert span.status is SpanStatus.FAILED
    assert (span.error.type, span.error.message) == ("ValueError", "no such city")
    assert "in test_an_exception_is_a_failure_with_type_message_and_stack.<locals>.breaks" in span.error.stack
    assert recorder.run_ends[run.id].status == "failed"


def test_the_causes_of_an_exception_come_before_it(recorder: MemoryRecorder) -> None:
    """The stack of an exception with a cause shows the cause first."""

    def breaks() -> None:
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise RuntimeError("outer") from error

    with pytest.raises(RuntimeError), holdfast.span("s"):
        breaks()
    stack = recorder.span("s").error.stack
    assert stack.index("KeyError: 'inner'") < stack.index("which led to") < stack.index("RuntimeError: outer")


def test_an_endless_recursion_leaves_a_bounded_stack(recorder: MemoryRecorder) -> None:
    """The stack of a RecursionError keeps its first and last frames and says how many it left out."""

    def forever() -> None:
        forever()

    with pytest.raises(RecursionError), holdfast.span("s"):
        forever()
    stack = recorder.span("s").error.stack
    assert "frames left out" in stack
    assert len(stack) < 20_000


def test_an_exception_that_cannot_say_its_message_is_still_recorded(recorder: MemoryRecorder) -> None:
    """A failing __str__ does not hide the failure."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise TypeError

    with pytest.raises(Mute), holdfast.span("s"):
        raise Mute
    assert recorder.span("s").error.message == "<str raised TypeError>"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SystemExit(), SpanStatus.COMPLETE),
        (SystemExit(0), SpanStatus.COMPLETE),
        (SystemExit(3), SpanStatus.FAILED),
        (SystemExit("bad"), SpanStatus.FAILED),
        (KeyboardInterrupt(), SpanStatus.CANCELLED),
    ],
)
def test_how_a_process_is_left_decides_how_its_spans_end(
    recorder: MemoryRecorder, error: BaseException, status: SpanStatus
) -> None:
    """A clean exit completes, a bad one fails, Ctrl-C cancels."""
    with pytest.raises(type(error)), holdfast.run("r") as run, run.span("s"):
        raise error
    assert recorder.span("s").status is status
    assert recorder.run_ends[run.id].status == status.value


def test_the_first_end_stays(recorder: MemoryRecorder) -> None:
    """After `fail`, neither `complete` nor leaving the `with` changes anything, and only one end is sent."""
    with holdfast.run("r") as run:
        with run.span("s") as span:
            span.fail("gave up")
            span.complete({"too": "late"})
            span.set_attribute("late", 1)
        span.cancel()
    assert len(recorder.of(SpanFinish)) == 1
    ended = recorder.span("s")
    assert (ended.status, ended.error.message, ended.result) == (SpanStatus.FAILED, "gave up", None)


def test_of_many_threads_that_end_a_span_one_does(recorder: MemoryRecorder) -> None:
    """Ends from eight threads at once make one end."""
    with holdfast.run("r") as run:
        for _ in range(50):
            span = run.start_span("s")
            gate = threading.Barrier(8)

            def end(span: holdfast.Span = span, gate: threading.Barrier = gate) -> None:
                gate.wait()
                span.complete()

            threads = [threading.Thread(target=end) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    ends = [end.agent_span_id for end in recorder.of(SpanFinish)]
    assert len(ends) == len(set(ends)) == 50


def test_three_phases(recorder: MemoryRecorder) -> None:
    """A span is prepared without a trace, started with what was gathered, and ended by hand."""
    with holdfast.run("r") as run:
        span = run.span("s", payload={"a": 1})
        span.set_payload({"b": 2})
        assert not recorder.spans
        span.start({"c": 3})
        assert recorder.span("s").payload == {"a": 1, "b": 2, "c": 3}
        span.start({"again": 1})
        span.set_result({"x": 1})
        span.complete({"y": 2})
    ended = recorder.span("s")
    assert (ended.result, ended.payload) == ({"x": 1, "y": 2}, {"a": 1, "b": 2, "c": 3, "again": 1})
    assert len(recorder.of(SpanCreate)) == 1


def test_what_is_not_called_is_done_at_the_exit(recorder: MemoryRecorder) -> None:
    """A span that was only finished is started first."""
    with holdfast.run("r") as run:
        run.span("s", payload={"a": 1}).finish()
    assert recorder.span("s").status is SpanStatus.COMPLETE
    assert recorder.span("s").payload == {"a": 1}


def test_a_span_cancelled_before_its_start_is_sent_as_pending_and_cancelled(recorder: MemoryRecorder) -> None:
    """Work that was given up before it began is in the record as such."""
    with holdfast.run("r") as run:
        run.span("s").cancel()
    assert recorder.of(SpanCreate)[0].status is SpanStatus.PENDING
    assert recorder.span("s").status is SpanStatus.CANCELLED


def test_a_payload_changed_after_the_start_replaces_it_whole(recorder: MemoryRecorder) -> None:
    """`set_payload` after the start is merged into what the start said and sent with the end."""
    with holdfast.span("s", payload={"a": 1, "b": 1}) as span:
        span.set_payload({"b": 2})
    assert recorder.span("s").payload == {"a": 1, "b": 2}


def test_the_payload_is_what_it_was_when_it_was_recorded(recorder: MemoryRecorder) -> None:
    """Changing a recorded object afterwards does not change the record."""
    messages = [{"role": "user", "content": "hi"}]
    with holdfast.span("s", payload={"messages": messages}) as span:
        messages.append({"role": "assistant", "content": "hello"})
        span.set_payload({"n": 1})
    assert recorder.span("s").payload == {"messages": [{"role": "user", "content": "hi"}], "n": 1}


def test_attributes_of_start_and_end_are_one(recorder: MemoryRecorder) -> None:
    """Attributes set after the start are added to those before it."""
    with holdfast.span("s", attributes={"a": 1, "b": 1}) as span:
        span.set_attribute("b", 2)
        span.set_attributes({"c": 3})
    assert recorder.span("s").attributes == {"a": 1, "b": 2, "c": 3}


def test_a_long_lived_span_never_becomes_current_and_ends_by_its_id(recorder: MemoryRecorder) -> None:
    """`start_span` leaves the context alone; `finish_span` ends it from elsewhere by id, once."""
    with holdfast.run("r") as run:
        span = run.start_span("long", payload={"a": 1})
        assert holdfast.current_span() is None
        with run.span("other"):
            pass
        run.finish_span(span.id, "failed", result={"left": 2})
        run.finish_span(span.id)
        run.finish_span("unknown")
    ended = recorder.span("long")
    assert (ended.status, ended.result) == (SpanStatus.FAILED, {"left": 2})
    assert recorder.span("other").parent_id is None
    assert recorder.client.guard.count == 2


def test_a_span_told_whole_is_one_operation(recorder: MemoryRecorder) -> None:
    """`record_span` writes work that is over with its own times, status, result and error."""
    with holdfast.run("r") as run:
        made = run.record_span(
            "past",
            started_at=10,
            finished_at=20,
            status="failed",
            payload={"a": 1},
            result={"b": 2},
            error="x",
        )
    span = recorder.span("past")
    assert (span.id, span.started_at, span.finished_at, span.status) == (made, 10, 20, SpanStatus.FAILED)
    assert (span.payload, span.result, span.error.message) == ({"a": 1}, {"b": 2}, "x")
    assert not recorder.of(SpanFinish)


def test_events_belong_to_their_span(recorder: MemoryRecorder) -> None:
    """An event names the span it was told of, the current one, or only the run."""
    with holdfast.run("r") as run:
        run.event("of the run")
        with run.span("s") as span:
            span.event("of the span", {"n": 1}, level="warning")
            holdfast.event("of the current")
    assert [(event.name, event.agent_span_id) for event in recorder.events] == [
        ("of the run", None),
        ("of the span", span.id),
        ("of the current", span.id),
    ]
    assert recorder.events[1].level == "warning"


def test_ids_of_the_callers_choosing_are_kept(recorder: MemoryRecorder) -> None:
    """An id of any length up to 128 is kept, and idempotency keys stay between 8 and 64 characters."""
    with holdfast.run("r", id="R" * 128) as run, run.span("s", id="7"), run.span("t", id="T" * 128):
        pass
    assert [span.id for span in recorder.spans] == ["7", "T" * 128]
    assert {span.run_id for span in recorder.spans} == {"R" * 128}
    keys = [operation.idempotency_key for operation in recorder.operations]
    assert all(8 <= len(key) <= 64 for key in keys)
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("name", ["\ud800", "", "x" * 100_000, "line\nbreak\x00"])
def test_odd_names_are_recorded(recorder: MemoryRecorder, name: str) -> None:
    """A name that cannot be written as it is does not lose the span."""
    with holdfast.run(name) as run, run.span(name, type=name), run.span("inner"):
        pass
    assert [span.status for span in recorder.spans] == [SpanStatus.COMPLETE] * 2
    assert len(recorder.runs) == 1


def test_a_status_that_is_none_is_reported_and_the_span_still_ends(recorder: MemoryRecorder) -> None:
    """`finish("done")` is counted as a mistake and ends the span as complete."""
    recorder.client.guard.raise_errors = False
    with holdfast.run("r") as run:
        run.start_span("s").finish("done")
    assert recorder.span("s").status is SpanStatus.COMPLETE
    assert recorder.client.guard.count == 1
