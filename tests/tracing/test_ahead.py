"""Two batches on their way at once: quicker, and still each record settled once and in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.tracing.any_server import ahead_to
from holdfast.tracing.backlog import MAX_BATCH_RECORDS
from holdfast.tracing.pipeline import Destination, Pipeline, TransportOptions

from .recorder import operation, pipeline_at
from .sink import Request, Responder, Sink, accept, status

RECORDS = 8 * MAX_BATCH_RECORDS


class Meeting:
    """Holds each bulk request until another one is there as well, or for a short while."""

    def __init__(self, respond: Callable[[int], Responder]) -> None:
        self._respond = respond
        self._changed = threading.Condition()
        self._inside = self._seen = 0
        self.most = 0

    def __call__(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        with self._changed:
            self._inside += 1
            self._seen += 1
            number = self._seen
            self.most = max(self.most, self._inside)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._inside > 1, 0.2)
        try:
            return self._respond(number)(request)
        finally:
            with self._changed:
                self._inside -= 1


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as server:
        yield server


def _delivered(sink: Sink) -> set[str]:
    """What a request that was accepted held."""
    return {key for request in sink.requests if request.path.endswith("/bulk") for key in request.keys}


def _record(pipeline: Pipeline) -> set[str]:
    keys = {f"key-{number}" for number in range(RECORDS)}
    for key in sorted(keys):
        pipeline.append(operation(key, 1500))
    return keys


def test_the_next_batch_travels_while_one_is_under_way(sink: Sink, tmp_path: Path) -> None:
    """Two at once, never more, and each record once."""
    meeting = sink.respond = Meeting(lambda _: accept)
    pipeline = pipeline_at(sink.url, tmp_path)
    keys = _record(pipeline)
    assert pipeline.flush(30.0)
    assert meeting.most == 2
    assert _delivered(sink) == keys
    assert sum(len(request.items) for request in sink.requests) == RECORDS
    assert pipeline.stats().delivered == RECORDS
    assert pipeline.close(5.0)


def test_what_was_sent_ahead_and_failed_is_sent_again(sink: Sink, tmp_path: Path) -> None:
    """A server that fails at every third request, ahead or not: all arrives, nothing is set aside."""
    taken: set[str] = set()

    def take(request: Request) -> tuple[int, dict[str, str], bytes]:
        taken.update(request.keys)
        return accept(request)

    sink.respond = Meeting(lambda number: take if number % 3 else status(503, Retry_After="0"))
    pipeline = pipeline_at(sink.url, tmp_path)
    keys = _record(pipeline)
    assert pipeline.flush(60.0)
    stats = pipeline.stats()
    assert (taken, stats.delivered, stats.rejected) == (keys, RECORDS, 0)
    assert pipeline.close(5.0)


def test_a_kill_leaves_what_was_sent_ahead_in_the_spool(sink: Sink, tmp_path: Path) -> None:
    """Only batches whose turn came are settled: one that was taken early is delivered again, never forgotten."""
    gate = threading.Event()
    held: list[str] = []

    def hold_the_second(number: int) -> Responder:
        def respond(request: Request) -> tuple[int, dict[str, str], bytes]:
            if number == 2:
                held.extend(request.keys)
                gate.wait(20.0)
            return accept(request)

        return respond

    sink.respond = Meeting(hold_the_second)
    pipeline = pipeline_at(sink.url, tmp_path)
    _record(pipeline)
    assert not pipeline.flush(2.0)
    assert pipeline.stats().delivered < RECORDS - len(held)
    gate.set()
    assert pipeline.flush(30.0)
    assert pipeline.stats().delivered == RECORDS
    assert pipeline.close(5.0)


def test_another_server_gets_one_request_after_the_other() -> None:
    """It is not known to take a finish before its start."""
    other = Destination(url="http://127.0.0.1:9", token="secret", any_server=True)
    assert ahead_to(other, TransportOptions()) is None
