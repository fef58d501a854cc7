"""What becomes of a run: how it is announced, what it carries, how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

import holdfast
from holdfast.testing import MemoryRecorder
from holdfast.tracing.client import ClientConfig
from holdfast.wire.operations import (
    AgentVersion,
    InstanceFinish,
    InstanceRegister,
    InstanceStart,
    QualityRecord,
    SchemaVersion,
    SpanFinish,
)
from holdfast.wire.vocabulary import InstanceStatus, Purpose


@pytest.fixture
def recorder() -> Iterator[MemoryRecorder]:
    with MemoryRecorder() as recorder:
        yield recorder


def test_a_run_is_announced_started_and_ended(recorder: MemoryRecorder) -> None:
    """A run makes three operations: register, start, finish."""
    with holdfast.run("answer"):
        pass
    assert [type(operation) for operation in recorder.operations] == [
        InstanceRegister,
        InstanceStart,
        InstanceFinish,
    ]


def test_a_run_says_what_ran(recorder: MemoryRecorder) -> None:
    """Agent, version, purpose, environment, input and attributes are announced with the run."""
    run = holdfast.run(
        "answer",
        agent="researcher",
        version="1.4",
        purpose="eval",
        environment="staging",
        external_identifier="ticket-7",
        input={"question": "why?"},
        attributes={"team": "a"},
    )
    with run:
        pass
    made = recorder.runs[run.id]
    assert made.agent_version == AgentVersion(name="1.4", external_identifier="1.4")
    assert (made.agent_id, made.purpose, made.environment_id) == ("researcher", Purpose.EVAL, "staging")
    assert (made.external_identifier, made.name) == ("ticket-7", "answer")
    attributes = json.loads(bytes(made.attributes))
    assert attributes["holdfast.run.input"] == {"question": "why?"}
    assert attributes["team"] == "a"
    assert made.sdk is not None
    assert made.sdk.startswith("holdfast-python/")


def test_starts_and_ends_repeat_without_effect(recorder: MemoryRecorder) -> None:
    """`start` and `finish` count once, and the first end stays."""
    run = holdfast.run("r")
    run.start()
    run.start()
    run.fail(ValueError("x"))
    run.finish()
    run.cancel()
    ends = recorder.of(InstanceFinish)
    assert len(recorder.of(InstanceRegister)) == len(recorder.of(InstanceStart)) == len(ends) == 1
    assert ends[0].status is InstanceStatus.FAILED
    assert ends[0].error is not None
    assert ends[0].error.type == "ValueError"


def test_start_does_not_make_a_run_current(recorder: MemoryRecorder) -> None:
    """Only a `with` touches the context; `attach` makes a started run current for a block."""
    run = holdfast.run("r").start()
    assert holdfast.current_run() is None
    with holdfast.attach(run):
        assert holdfast.current_run() is run
        with holdfast.span("inside"):
            pass
    assert holdfast.current_run() is None
    run.finish()
    assert recorder.span("inside").run_id == run.id
    assert len(recorder.runs) == 1


def test_output_and_attributes_go_with_the_end(recorder: MemoryRecorder) -> None:
    """What a run came to is recorded with its end, mappings merged."""
    with holdfast.run("r") as run:
        run.set_output({"answer": 42})
        run.set_output({"sure": True})
        run.set_attributes({"steps": 3})
    attributes = json.loads(bytes(recorder.run_ends[run.id].attributes))
    assert attributes == {"holdfast.run.output": {"answer": 42, "sure": True}, "steps": 3}


def test_quality_is_recorded_even_after_the_end(recorder: MemoryRecorder) -> None:
    """A judgement may come later, and None takes it away."""
    with holdfast.run("r") as run:
        pass
    run.record_quality("score", {"value": 0.9})
    run.record_quality("score", None)
    assert [(one.name, bytes(one.payload)) for one in recorder.of(QualityRecord)] == [
        ("score", b'{"value":0.9}'),
        ("score", b"null"),
    ]


def test_a_run_within_a_run_names_its_caller(recorder: MemoryRecorder) -> None:
    """A run made inside a span of another run is recorded as called by that span, and its spans are its own."""
    with holdfast.run("outer") as outer, outer.span("calls") as span:
        with holdfast.run("inner") as inner, holdfast.span("work"):
            pass
        with outer.span("after"):
            pass
    assert recorder.runs[inner.id].parent == f"{outer.id}/{span.id}"
    assert recorder.runs[outer.id].parent is None
    assert (recorder.span("work").run_id, recorder.span("work").parent_id) == (inner.id, None)
    assert recorder.span("after").parent_id == span.id


def test_a_span_of_an_outer_run_finds_its_parent_there(recorder: MemoryRecorder) -> None:
    """Inside a nested run, a span of the outer run has the outer run's innermost span as parent."""
    with (
        holdfast.run("outer") as outer,
        outer.span("calls") as span,
        holdfast.run("inner"),
        outer.span("back"),
    ):
        pass
    assert (recorder.span("back").run_id, recorder.span("back").parent_id) == (outer.id, span.id)


def test_a_span_without_a_run_opens_one(recorder: MemoryRecorder) -> None:
    """`holdfast.span` outside of any run makes a run of its name that ends as the span does."""
    with pytest.raises(KeyError), holdfast.span("alone"), holdfast.span("child"):
        raise KeyError("x")
    (run,) = recorder.runs.values()
    assert run.name == "alone"
    assert recorder.span("child").parent_id == recorder.span("alone").id
    end = recorder.run_ends[run.id or ""]
    assert end.status is InstanceStatus.FAILED
    assert end.error is not None
    assert end.error.type == "KeyError"


def test_an_event_without_a_run_makes_one(recorder: MemoryRecorder) -> None:
    """`holdfast.event` outside of any run is not lost."""
    holdfast.event("restarted", {"n": 1})
    (run,) = recorder.runs.values()
    assert recorder.events[0].agent_instance_id == run.id
    assert recorder.run_ends[run.id or ""].status is InstanceStatus.COMPLETE


async def _body(run: holdfast.Run) -> None:
    async with run, run.span("s"):
        pass


def test_runs_and_spans_are_async_context_managers_too(recorder: MemoryRecorder) -> None:
    """`async with` does what `with` does."""
    import asyncio

    run = holdfast.run("r")
    asyncio.run(_body(run))
    assert recorder.span("s").status == "complete"
    assert recorder.run_ends[run.id].status == "complete"


def test_the_server_can_ask_a_run_to_stop(recorder: MemoryRecorder) -> None:
    """`stop_requested` is the server's reason, None before; the run is watched while it lives."""
    with holdfast.run("r") as run:
        before = run.stop_requested
        assert recorder.watched == {run.id}
        recorder.request_stop(run.id, "over budget")
        assert (before, run.stop_requested) == (None, "over budget")
    assert not recorder.watched


def test_closing_the_client_ends_what_is_open(recorder: MemoryRecorder) -> None:
    """A forgotten finish: at the client's close the run and its spans are cancelled, with an event that says so."""
    run = holdfast.run("r").start()
    run.start_span("s")
    recorder.client.close()
    assert recorder.run_ends[run.id].status is InstanceStatus.CANCELLED
    assert recorder.span("s").status == "cancelled"
    assert [event.name for event in recorder.events] == ["process ended"]
    run.finish()
    assert len(recorder.of(InstanceFinish)) == len(recorder.of(SpanFinish)) == 1


def test_a_run_made_after_the_close_records_nothing_and_does_not_fail() -> None:
    """A late thread that still records after `close` is not broken by it."""
    recorder = MemoryRecorder()
    recorder.client.close()
    with recorder.client.run("late") as run, run.span("s") as span:
        span.set_result(1)
    assert not recorder.raw


def test_a_registry_is_announced_with_each_run() -> None:
    """The span types of a client's registry go with its runs, under one identifier."""
    registry = holdfast.SchemaRegistry()
    registry.register_type("agent:search", {"type": "object"}, title="Search", template="{{query}}")
    config = ClientConfig(agent="a", registry=registry, raise_errors=True)
    with MemoryRecorder(config) as recorder, holdfast.run("one"), holdfast.run("two"):
        pass
    versions = [made.agent_schema_version for made in recorder.runs.values()]
    assert versions[0] == versions[1] == registry.schema_version()
    assert versions[0] is not None
    assert versions[0].span_type_schemas is not None
    assert versions[0].span_type_schemas[0].template == "{{query}}"


def test_a_run_may_be_announced_before_it_starts(recorder: MemoryRecorder) -> None:
    """What is announced waits as pending; the start announces nothing again."""
    run = holdfast.run("answer")
    run.announce().announce()
    assert [type(operation) for operation in recorder.operations] == [InstanceRegister]
    run.start()
    run.announce()
    assert [type(operation) for operation in recorder.operations] == [InstanceRegister, InstanceStart]


def test_a_run_that_was_only_announced_is_ended_with_its_client(recorder: MemoryRecorder) -> None:
    """Nothing stays pending for ever."""
    run = holdfast.run("answer")
    run.announce()
    recorder.client.close()
    assert recorder.run_ends[run.id].status is InstanceStatus.CANCELLED


def test_a_resumed_run_is_started_and_ended_but_not_announced(recorder: MemoryRecorder) -> None:
    """A run of another process can be started and ended from here, each once, and is not ended unasked."""
    left = recorder.client.resume("run-1")
    left.start()
    ended = recorder.client.resume("run-2")
    ended.finish("failed")
    ended.finish()
    recorder.client.close()
    assert recorder.runs == {}
    assert [start.agent_instance_id for start in recorder.of(InstanceStart)] == ["run-1"]
    assert [(end.agent_instance_id, end.status) for end in recorder.of(InstanceFinish)] == [
        ("run-2", InstanceStatus.FAILED)
    ]


def test_a_run_may_bring_its_own_schemas(recorder: MemoryRecorder) -> None:
    """A schema version given with the run takes the place of the client's registry."""
    schemas = SchemaVersion(external_identifier="v7", span_schemas={"agent:llm": {"type": "object"}})
    run = recorder.client.run("answer", schema_version=schemas, update_current_version=False)
    run.announce()
    made = recorder.runs[run.id]
    assert made.agent_schema_version == schemas
    assert not made.update_current_version


def test_a_resumed_run_takes_spans_without_being_started(recorder: MemoryRecorder) -> None:
    """A span in a run of another process starts the span alone."""
    with recorder.client.resume("run-1").span("work"):
        pass
    assert recorder.of(InstanceStart) == []
    assert recorder.span("work").run_id == "run-1"


def test_a_span_of_elsewhere_can_be_ended(recorder: MemoryRecorder) -> None:
    """Its id is all that is needed; status, result and error travel with the end."""
    recorder.client.finish_span("span-1", "failed", result={"n": 1}, error=ValueError("no"), at=7)
    recorder.client.finish_span("span-2")
    first, second = recorder.of(SpanFinish)
    assert (first.agent_span_id, first.agent_instance_id, first.status) == ("span-1", None, "failed")
    assert (bytes(first.result_payload), first.timestamp) == (b'{"n":1}', 7)
    assert first.error is not None
    assert (first.error.type, second.status) == ("ValueError", None)
