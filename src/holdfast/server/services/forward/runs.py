"""A run of the record as the resource of a trace and the span at its root."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from holdfast.server.services.forward.content import content_attributes
from holdfast.server.services.forward.events import add_error, add_event, add_judgement
from holdfast.server.services.forward.names import newer_attributes
from holdfast.server.services.forward.spans import ForwardOptions, TraceNames, strip_content, take_error
from holdfast.server.services.forward.values import object_in, put, writable
from holdfast.server.stores.reads.forward import ForwardQuality, ForwardRun
from holdfast.server.stores.rows import EventRow
from holdfast.wire import attributes as names
from holdfast.wire.trace_ids import run_of_trace, span_hex, trace_hex
from holdfast.wire.vocabulary import InstanceStatus, Purpose, SpanType

__all__ = ["came_as_trace", "resource_of", "root_span"]

_NOT_OF_RESOURCE: Final = (names.CONVERSATION_ID, "session.id", "user.id", "enduser.id")
"""What the record takes from spans into the attributes of a run that came as a trace."""

_OURS: Final = "holdfast.run."


def came_as_trace(run: ForwardRun) -> bool:
    """Whether OpenTelemetry told of the whole run: its root is a span like the others."""
    trace = trace_hex(run.id)
    return run.external_identifier == trace and run_of_trace(trace) == run.id


def resource_of(run: ForwardRun) -> Resource:
    if came_as_trace(run):
        kept = object_in(run.attributes)
        attributes = {name: value for name, value in kept.items() if name not in _NOT_OF_RESOURCE}
        attributes.setdefault("service.name", run.agent)
    else:
        attributes = {
            "service.name": run.agent or "unknown_service",
            "service.version": run.version,
            "deployment.environment.name": run.environment,
        }
    resource = Resource()
    put(resource.attributes, attributes)
    return resource


def root_span(
    run: ForwardRun,
    trace: TraceNames,
    events: Sequence[EventRow],
    quality: Sequence[ForwardQuality],
    options: ForwardOptions,
) -> Span:
    """The span that stands for the run itself: an agent that was invoked."""
    end = max(run.finished_at or run.begun_at, run.begun_at)
    attributes = object_in(run.attributes) | object_in(run.finish_attributes)
    asked, answered = attributes.get(names.RUN_INPUT), attributes.get(names.RUN_OUTPUT)
    strip_content(attributes)
    if options.content:
        attributes |= content_attributes(SpanType.AGENT, asked, answered, newest=options.newest)
    error = take_error(run.error)
    about = _about(run)
    attributes = about | {key: value for key, value in attributes.items() if not key.startswith(_OURS)}
    if error is not None:
        attributes[names.ERROR_TYPE] = error.type
        attributes[names.FAILURE_CATEGORY] = error.category
    if options.newest:
        newer_attributes(attributes)
    span = Span(
        trace_id=trace.trace_id,
        span_id=trace.root or b"",
        name=writable(f"invoke_agent {run.agent}" if run.agent else "invoke_agent"),
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=run.begun_at,
        end_time_unix_nano=end,
    )
    put(span.attributes, attributes | trace.attributes)
    for event in events:
        add_event(span, event, content=options.content)
    for record in quality:
        add_judgement(span, record)
    if run.parent is not None:
        _link_caller(span, run.parent)
    if error is not None:
        add_error(span, error)
    if run.status in (InstanceStatus.FAILED, InstanceStatus.TERMINATED):
        message = error.message if error is not None else run.termination_reason or ""
        span.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message=writable(message)))
    return span


def _about(run: ForwardRun) -> dict[str, object]:
    about: dict[str, object] = {
        names.OPERATION: "invoke_agent",
        names.AGENT_NAME: run.agent,
        names.AGENT_ID: run.agent_id,
        "gen_ai.agent.version": run.version,
        names.RUN_STATUS: run.status,
        names.RUN_NAME: run.name,
        names.RUN_PURPOSE: None if run.purpose == Purpose.LIVE else run.purpose,
        names.RUN_PARENT: run.parent,
        names.RUN_SDK: run.sdk,
        names.RUN_EXTERNAL_ID: run.external_identifier,
        names.RUN_STOPPED: run.termination_reason,
    }
    return {name: value for name, value in about.items() if value is not None}


def _link_caller(span: Span, caller: str) -> None:
    """`run id` or `run id/span id` of the work that called this run, in a trace of its own."""
    run_id, _, span_id = caller.partition("/")
    span.links.add(
        trace_id=bytes.fromhex(trace_hex(run_id)), span_id=bytes.fromhex(span_hex(span_id or run_id))
    )
