"""Facts of the record as events of OpenTelemetry spans."""

from __future__ import annotations

from typing import Final

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from holdfast.server.services.forward.names import is_content
from holdfast.server.services.forward.values import json_text, pairs, value_in, writable
from holdfast.server.services.json_read import as_object
from holdfast.server.services.otlp.names import MESSAGE_EVENTS
from holdfast.server.stores.reads_forward import ForwardQuality
from holdfast.server.stores.rows import EventRow
from holdfast.wire import attributes as names
from holdfast.wire.operations import RecordedError
from holdfast.wire.vocabulary import EventLevel

__all__ = ["error_event", "event_of", "judgement"]

_SCORES: Final = {
    "score": "gen_ai.evaluation.score.value",
    "label": "gen_ai.evaluation.score.label",
    "explanation": "gen_ai.evaluation.explanation",
}


def event_of(event: EventRow, *, content: bool) -> Span.Event:
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
    return Span.Event(name=writable(event.name), time_unix_nano=event.timestamp, attributes=pairs(attributes))


def error_event(error: RecordedError, at: int) -> Span.Event:
    attributes = {
        "exception.type": error.type,
        "exception.message": error.message,
        "exception.stacktrace": error.stack,
    }
    return Span.Event(name="exception", time_unix_nano=at, attributes=pairs(attributes))


def judgement(record: ForwardQuality) -> Span.Event:
    """As the conventions write an evaluation, with the whole of the record beside it."""
    payload = value_in(record.payload)
    attributes: dict[str, object] = {"gen_ai.evaluation.name": record.name}
    fields = as_object(payload) or {"score": payload}
    for field, name in _SCORES.items():
        value = fields.get(field)
        if isinstance(value, int | float if field == "score" else str) and not isinstance(value, bool):
            attributes[name] = float(value) if isinstance(value, int | float) else value
    attributes[names.QUALITY] = json_text([payload])
    return Span.Event(
        name="gen_ai.evaluation.result", time_unix_nano=record.timestamp, attributes=pairs(attributes)
    )
