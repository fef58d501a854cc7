"""Facts of the record as events of OpenTelemetry spans."""

from __future__ import annotations

from typing import Final

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from holdfast.server.services.forward.names import is_content
from holdfast.server.services.forward.values import json_text, put, value_in, writable
from holdfast.server.services.json_read import as_object
from holdfast.server.services.otlp.names import MESSAGE_EVENTS
from holdfast.server.stores.reads.forward import ForwardQuality
from holdfast.server.stores.rows import EventRow
from holdfast.wire import attributes as names
from holdfast.wire.operations import RecordedError
from holdfast.wire.vocabulary import EventLevel

__all__ = ["add_error", "add_event", "add_judgement"]

_SCORES: Final = {
    "score": "gen_ai.evaluation.score.value",
    "label": "gen_ai.evaluation.score.label",
    "explanation": "gen_ai.evaluation.explanation",
}


def add_event(span: Span, event: EventRow, *, content: bool) -> None:
    """A payload that is no object becomes the attribute `value`."""
    payload = value_in(event.payload)
    attributes = as_object(payload)
    if payload is not None and not attributes:
        attributes = {"value": payload}
    if not content:
        said = event.name in MESSAGE_EVENTS
        attributes = {} if said else {key: value for key, value in attributes.items() if not is_content(key)}
    if event.level != EventLevel.INFO:
        attributes = attributes | {names.EVENT_LEVEL: event.level}
    put(span.events.add(name=writable(event.name), time_unix_nano=event.timestamp).attributes, attributes)


def add_error(span: Span, error: RecordedError) -> None:
    """At the end of the span."""
    attributes = {
        "exception.type": error.type,
        "exception.message": error.message,
        "exception.stacktrace": error.stack,
    }
    put(span.events.add(name="exception", time_unix_nano=span.end_time_unix_nano).attributes, attributes)


def add_judgement(span: Span, record: ForwardQuality) -> None:
    """As the conventions write an evaluation, with the whole of the record beside it."""
    payload = value_in(record.payload)
    attributes: dict[str, object] = {"gen_ai.evaluation.name": record.name}
    fields = as_object(payload) or {"score": payload}
    for field, name in _SCORES.items():
        value = fields.get(field)
        if isinstance(value, int | float if field == "score" else str) and not isinstance(value, bool):
            attributes[name] = float(value) if isinstance(value, int | float) else value
    attributes[names.QUALITY] = json_text([payload])
    event = span.events.add(name="gen_ai.evaluation.result", time_unix_nano=record.timestamp)
    put(event.attributes, attributes)
