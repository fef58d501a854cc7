"""A run across processes, in W3C trace context headers."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import holdfast
from holdfast.testing import MemoryRecorder
from holdfast.tracing.propagation import Remote, read_headers, trace_headers


@pytest.fixture
def recorder() -> Iterator[MemoryRecorder]:
    with MemoryRecorder() as recorder:
        yield recorder


def test_the_headers_are_w3c_trace_context(recorder: MemoryRecorder) -> None:
    """The trace id is the run's UUID, the parent id the end of the span's, the state the span's id in full."""
    with holdfast.run("r") as run, run.span("s") as span:
        headers = holdfast.inject({"accept": "*/*"})
        line = holdfast.traceparent()
    trace, parent = uuid.UUID(run.id).hex, uuid.UUID(span.id).hex[-16:]
    assert headers == {
        "accept": "*/*",
        "traceparent": f"00-{trace}-{parent}-01",
        "tracestate": f"holdfast={span.id}",
    }
    assert line == headers["traceparent"]


def test_nothing_is_injected_where_nothing_is_open(recorder: MemoryRecorder) -> None:
    """Outside of any run, headers stay as they are."""
    assert holdfast.inject(dict[str, str]()) == {}
    assert holdfast.traceparent() is None


def test_the_receiver_records_into_the_same_run(recorder: MemoryRecorder) -> None:
    """A run continued from headers puts its spans under the calling span, and is neither announced nor ended."""
    with holdfast.run("caller") as run, run.span("calls") as span:
        headers = holdfast.inject(dict[str, str]())
    operations = len(recorder.raw)
    with holdfast.continue_run(
        {"Traceparent": headers["traceparent"], "TraceState": headers["tracestate"]}
    ) as joined:
        assert joined.id == run.id
        assert joined.joined
        assert holdfast.current_run() is joined
        with holdfast.span("remote"), holdfast.span("deeper"):
            pass
        joined.event("seen")
    assert recorder.span("remote").run_id == run.id
    assert recorder.span("remote").parent_id == span.id
    assert recorder.span("deeper").parent_id == recorder.span("remote").id
    assert len(recorder.raw) == operations + 5
    assert recorder.watched == frozenset()


def test_headers_sent_from_the_run_itself_join_at_its_root(recorder: MemoryRecorder) -> None:
    """Without a current span, the receiver's spans have no parent."""
    with holdfast.run("caller") as run:
        headers = holdfast.inject(dict[str, str]())
    with (
        holdfast.run(traceparent=headers["traceparent"], tracestate=headers["tracestate"]),
        holdfast.span("remote"),
    ):
        pass
    assert (recorder.span("remote").run_id, recorder.span("remote").parent_id) == (run.id, None)


def test_somebody_elses_trace_is_noted_and_not_joined(recorder: MemoryRecorder) -> None:
    """A `traceparent` without our entry makes a run of its own that names it."""
    foreign = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with holdfast.continue_run({"traceparent": foreign, "tracestate": "congo=t61rcWkgMzE"}, "mine") as run:
        pass
    assert not run.joined
    attributes = json.loads(bytes(recorder.runs[run.id].attributes))
    assert attributes["holdfast.remote.traceparent"] == foreign


@pytest.mark.parametrize(
    "line",
    [
        "",
        "garbage",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
    ],
)
def test_malformed_headers_carry_no_run(line: str) -> None:
    """What is not a valid traceparent is ignored, whatever the state says."""
    assert read_headers({"traceparent": line, "tracestate": "holdfast=x"}) is None


ids = st.uuids().map(str) | st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=30
)


@given(ids, st.none() | ids)
def test_any_ids_come_through_headers(run_id: str, span_id: str | None) -> None:
    """Run and span ids of any kind are read back as they were, among other systems' entries, in plain ASCII."""
    headers = trace_headers(run_id, span_id)
    assert all(value.isascii() for value in headers.values())
    if "tracestate" not in headers:
        return  # too long for the standard: the receiver starts a run of its own
    headers["tracestate"] = f"congo=t61rcWkgMzE, {headers['tracestate']},x=y"
    remote = read_headers(headers)
    assert remote is not None
    assert remote.span_id == (None if span_id == "-" else span_id)
    assert remote.run_id == run_id or uuid.UUID(remote.run_id) == uuid.UUID(run_id)


def test_a_remote_is_plain_data() -> None:
    """What headers carry compares by value."""
    assert Remote(run_id="r", span_id="s") == Remote(run_id="r", span_id="s")
