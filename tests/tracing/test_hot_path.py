"""Recording never makes the agent wait: what the caller's thread does, and does not do."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import holdfast
from holdfast.testing import MemoryRecorder
from holdfast.tracing.client import Client
from holdfast.tracing.record import encode_operation
from holdfast.wire.operations import SpanCreate, SpanFinish
from holdfast.wire.vocabulary import SpanStatus


class Watch:
    """Notes every file, socket and process event of one thread. An audit hook cannot be taken out again."""

    def __init__(self) -> None:
        self.thread: int | None = None
        self.seen: list[str] = []
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple[object, ...]) -> None:
        if threading.get_ident() != self.thread:
            return
        kind = event.partition(".")[0]
        if kind in {
            "open",
            "socket",
            "os",
            "subprocess",
            "shutil",
            "mmap",
            "fcntl",
            "urllib",
            "import",
            "ssl",
        }:
            self.seen.append(f"{event} {arguments!r}"[:200])


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with holdfast.init("a", url="http://127.0.0.1:9", spool=str(tmp_path)) as client:
        yield client
    holdfast.shutdown(0)


def record_much(run: holdfast.Run, spans: int) -> None:
    for number in range(spans):
        with run.span(
            "ask", type="agent:llm", payload={"n": number, "t": "x" * 400}, attributes={"a": 1}
        ) as span:
            span.set_result({"t": "y" * 100})
            span.event("e", {"n": number})
    try:
        with run.span("fails"):
            raise ValueError("x")
    except ValueError:
        pass
    with run.span("odd", payload={"password": "x", "b": b"\xff", "huge": "z" * 3_000_000}):
        pass


def test_no_file_and_no_socket_is_touched_on_the_callers_thread(client: Client, watch: Watch) -> None:
    """After the first of each kind, recording opens, connects, imports nothing in the thread that records:
    spans, events, results, failures, payloads of any kind, over several segments of the spool."""
    with client.run("warm") as warm:
        record_much(warm, 10)
    watch.seen.clear()
    run = client.run("r")
    watch.thread = threading.get_ident()
    try:
        with run:
            record_much(run, 20_000)
    finally:
        watch.thread = None
    assert client.stats().recorded > 60_000
    assert watch.seen == []


def test_a_burst_with_nobody_to_take_it_is_kept_whole(client: Client) -> None:
    """A CPU-bound caller that leaves the other threads no time loses nothing of 20,000 spans."""
    with client.run("r") as run:
        for number in range(20_000):
            with run.span("s", payload={"n": number}):
                pass
    stats = client.stats()
    assert stats.recorded == 2 * 20_000 + 3
    assert not stats.lost


def test_memory_does_not_grow_with_the_number_of_spans() -> None:
    """Nothing is kept of a span once it has ended."""
    with MemoryRecorder() as recorder, holdfast.run("r") as run:
        for _ in range(1000):
            with run.span("s"):
                pass
        assert run.open_spans() == []
    assert len(recorder.spans) == 1000


def test_the_bytes_are_those_of_the_wire_structs() -> None:
    """What is appended is exactly what the wire's own structs encode to: nothing is decoded and encoded again."""
    with MemoryRecorder() as recorder, holdfast.run("r") as run, run.span("s", payload={"a": 1}) as span:
        span.set_result({"b": 2})
    for operation, raw in zip(recorder.operations, recorder.raw, strict=True):
        assert encode_operation(operation) == raw
    made, end = recorder.of(SpanCreate)[0], recorder.of(SpanFinish)[0]
    assert (made.id, end.agent_span_id, end.agent_instance_id) == (span.id, span.id, run.id)
    assert end.status is SpanStatus.COMPLETE
