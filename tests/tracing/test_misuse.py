"""Mistakes of a caller, and interruptions at the worst moment: nothing is raised, and nothing is lost."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import holdfast
from holdfast.testing import MemoryRecorder
from holdfast.tracing.client import ClientConfig
from holdfast.tracing.run import Run
from holdfast.wire.operations import InstanceFinish, InstanceRegister, Operation
from holdfast.wire.vocabulary import InstanceStatus, SpanStatus

NOT_TEXT = [
    None, 5, 2.5, True, b"abc", ["l"], {}, object(), 10**30, -1, float("nan"), "", "\0", "\ud800", "x" * 100_000
]  # fmt: skip


class NoClass:
    """An object that cannot even be asked what it is."""

    @property  # type: ignore[misc]  # read-only: the point of it
    def __class__(self) -> Any:
        raise RuntimeError("nobody knows")


CALLS: dict[str, Callable[[Run, Any], object]] = {
    "span name": lambda run, odd: run.span(odd).start().finish(),
    "span type": lambda run, odd: run.span("s", type=odd).start().finish(),
    "span id": lambda run, odd: run.span("s", id=odd).start().finish(),
    "span parent": lambda run, odd: run.span("s", parent=odd).start().finish(),
    "span attributes": lambda run, odd: run.span("s", attributes=odd).start().finish(),
    "span times": lambda run, odd: run.span("s").start(at=odd).finish(at=odd),
    "span status": lambda run, odd: run.span("s").start().finish(odd),
    "span attribute": lambda run, odd: run.span("s").start().set_attribute(odd, odd),
    "span payload": lambda run, odd: run.span("s").start({"a": 1}).set_payload(odd),
    "span result": lambda run, odd: run.span("s").start().complete(odd),
    "span error": lambda run, odd: run.span("s").fail(odd),
    "end by id": lambda run, odd: run.finish_span(odd),
    "span told whole": lambda run, odd: run.record_span("s", started_at=odd, finished_at=odd, type=odd),
    "event": lambda run, odd: run.event(odd, odd, level=odd, at=odd, id=odd),
    "quality": lambda run, odd: run.record_quality(odd, odd, at=odd),
    "run name": lambda run, odd: holdfast.run(odd).start(at=odd).finish(odd, at=odd),
    "run id": lambda run, odd: holdfast.run("r", id=odd).start().fail(odd),
    "run details": lambda run, odd: (
        holdfast.run(
            "r", agent=odd, version=odd, environment=odd, external_identifier=odd, purpose=odd, attributes=odd
        )
        .start()
        .finish()
    ),
    "trace headers": lambda run, odd: holdfast.run("r", traceparent=odd, tracestate=odd).start().finish(),
    "run output": lambda run, odd: run.set_output(odd),
    "run attributes": lambda run, odd: run.set_attributes(odd),
    "inject": lambda run, odd: holdfast.inject(odd),
    "continue": lambda run, odd: holdfast.continue_run(odd),
}  # fmt: skip


@pytest.fixture
def recorder() -> Iterator[MemoryRecorder]:
    with MemoryRecorder(ClientConfig(agent="a")) as recorder:
        yield recorder


@pytest.mark.parametrize("call", CALLS)
def test_whatever_is_handed_over_the_record_can_be_read(recorder: MemoryRecorder, call: str) -> None:
    """No argument of any kind makes a recording call raise, and each operation is one that a server can decode."""
    with holdfast.run("r") as run:
        for odd in [*NOT_TEXT, NoClass()]:
            CALLS[call](run, odd)
    for raw in recorder.raw:
        msgspec.json.decode(raw, type=Operation)


def test_a_mistake_in_one_argument_costs_only_that(recorder: MemoryRecorder) -> None:
    """A run with odd details is recorded all the same, and a span in it."""
    odd: Any = 5
    run = holdfast.run(
        "r", version=odd, environment=odd, external_identifier=odd, attributes=odd, traceparent=odd
    )
    with run, holdfast.span("s", type=odd):
        pass
    (made,) = recorder.of(InstanceRegister)
    assert (made.environment_id, made.external_identifier) == ("5", "5")
    assert made.agent_version is not None
    assert made.agent_version.name == "5"
    assert recorder.span("s").type == "5"


def test_a_span_of_its_own_run_is_as_careful(recorder: MemoryRecorder) -> None:
    """Where no run is open, a span's odd name, type and id are mended too."""
    odd: Any = 5
    with holdfast.span(odd, type=odd, id=odd):
        pass
    (span,) = recorder.spans
    assert (span.name, span.type) == ("5", "5")


class Interrupting:
    """Ctrl-C, at the moment when this is looked at; once."""

    def __init__(self) -> None:
        self.due = True

    def __repr__(self) -> str:
        if self.due:
            self.due = False
            raise KeyboardInterrupt
        return "calm"


def test_ctrl_c_inside_a_spans_end() -> None:
    """Interrupted while it writes its end, a span is ended with the process, and is not current any more."""
    with MemoryRecorder() as recorder:
        run = holdfast.run("r").start()
        with pytest.raises(KeyboardInterrupt), run.span("s") as span:
            span.set_result({"x": Interrupting()})
        assert holdfast.current_span() is None
        recorder.client.close()
        assert recorder.span("s").status is SpanStatus.CANCELLED
        assert recorder.span("s").result == {"x": "calm"}


def test_ctrl_c_inside_a_runs_end() -> None:
    """Interrupted while it writes its end, a run is ended with the process."""
    with MemoryRecorder() as recorder:
        with pytest.raises(KeyboardInterrupt), holdfast.run("r") as run:
            run.set_output(Interrupting())
        assert not recorder.of(InstanceFinish)
        recorder.client.close()
        assert [end.status for end in recorder.of(InstanceFinish)] == [InstanceStatus.CANCELLED]


def test_clients_made_side_by_side_share_a_spool(tmp_path: Path) -> None:
    """Threads that open clients onto a new spool at the same time all get to write to it."""
    for attempt in range(20):
        clients: list[holdfast.Client] = []
        gate = threading.Barrier(4)

        def open_one(root: Path, gate: threading.Barrier, into: list[holdfast.Client]) -> None:
            gate.wait(10.0)
            into.append(holdfast.init("a", url="http://127.0.0.1:9", spool=str(root)))

        threads = [
            threading.Thread(target=open_one, args=(tmp_path / str(attempt), gate, clients)) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(clients) == 4
        with contextlib.ExitStack() as ends:
            for client in clients:
                ends.callback(client.close, 0.0)
            holdfast.shutdown(0.0)
            assert not [client for client in clients if client.stats().last_problem]
