"""A span of a trace on its way to become operations, and how its values are written into them."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw, Struct

from holdfast._clock import LATEST_NS
from holdfast.server.services.otlp.conventions import Meaning
from holdfast.server.services.otlp.records import Attributes, TraceEvent, TraceSpan
from holdfast.wire import attributes as names
from holdfast.wire.operations import NO_JSON, AgentVersion, EventCreate, RecordedError
from holdfast.wire.vocabulary import EventLevel, SpanStatus, TraceStatus

__all__ = [
    "Work",
    "agent_name",
    "encoded",
    "environment",
    "event_operation",
    "json_of",
    "text_of",
    "time_of",
    "version",
]

encoded: Final = msgspec.json.Encoder().encode
_UNKNOWN_SERVICE: Final = "unknown_service"
_ENVIRONMENT: Final = ("deployment.environment.name", "deployment.environment")
_LEVELS: Final = {level.value: level for level in EventLevel}


class Work(Struct, kw_only=True):
    """`named`: its run was named by an attribute."""

    span: TraceSpan
    meaning: Meaning
    run_id: str
    named: bool
    error: RecordedError | None
    status: SpanStatus


def event_operation(work: Work, place: int, event: TraceEvent, span_id: str | None) -> EventCreate:
    """`span_id` None: the event is the run's."""
    span = work.span
    told, attributes = _level(work, event)
    return EventCreate(
        idempotency_key=span.span_id,
        agent_instance_id=work.run_id,
        id=f"{span.span_id}:{place}",
        name=event.name or "event",
        timestamp=time_of(event.time) or time_of(span.start) or time_of(span.end) or 0,
        agent_span_id=span_id,
        level=told,
        payload=Raw(encoded(attributes)) if attributes else NO_JSON,
    )


def _level(work: Work, event: TraceEvent) -> tuple[EventLevel, Attributes]:
    told = _LEVELS.get(str(event.attributes.get(names.EVENT_LEVEL)))
    if told is not None:
        return told, {key: value for key, value in event.attributes.items() if key != names.EVENT_LEVEL}
    if event.name != "exception":
        return EventLevel.INFO, event.attributes
    failed = work.span.status is TraceStatus.ERROR
    return EventLevel.ERROR if failed else EventLevel.WARNING, event.attributes


def agent_name(resource: Attributes) -> str:
    return text_of(resource.get("service.name")) or _UNKNOWN_SERVICE


def version(resource: Attributes) -> AgentVersion | None:
    told = text_of(resource.get("service.version"))
    return AgentVersion(external_identifier=told) if told else None


def environment(resource: Attributes) -> str | None:
    return next(filter(None, (text_of(resource.get(name)) for name in _ENVIRONMENT)), None)


def time_of(ns: int) -> int | None:
    """None for a time that was not told, or that no column can hold."""
    return ns if 0 < ns <= LATEST_NS else None


def json_of(value: object) -> Raw:
    return NO_JSON if value is None else Raw(encoded(value))


def text_of(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None
