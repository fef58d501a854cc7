"""One span of the record as a span of OpenTelemetry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from holdfast._version import __version__
from holdfast.server.services.forward.content import content_attributes
from holdfast.server.services.forward.events import add_error, add_event
from holdfast.server.services.forward.names import OPERATIONS, is_content, newer_attributes
from holdfast.server.services.forward.values import object_in, put, value_in, writable
from holdfast.server.services.json_read import as_list, as_object
from holdfast.server.services.otlp.names import PROVIDERS
from holdfast.server.stores.rows import BodyRow, EventRow, SpanRow
from holdfast.server.stores.schema.record import SPAN_AGGREGATE
from holdfast.wire import attributes as names
from holdfast.wire.operations import RecordedError
from holdfast.wire.trace_ids import run_of_trace, span_hex, trace_hex
from holdfast.wire.vocabulary import SpanStatus, SpanType, TraceSpanKind

__all__ = [
    "ForwardOptions",
    "Scope",
    "TraceNames",
    "forwarded_span",
    "status_of",
    "strip_content",
    "take_error",
]

_error: Final = msgspec.json.Decoder(RecordedError).decode
_KINDS: Final = {kind.name.lower(): kind for kind in TraceSpanKind}
_DROPPED: Final = "otel.dropped_"


class ForwardOptions(Struct, frozen=True, kw_only=True):
    """`content`: what was said goes along. `newest`: under the names that came after GenAI 1.41."""

    content: bool = False
    newest: bool = False


class Scope(NamedTuple):
    """The instrumentation that made a span."""

    name: str
    version: str


OURS: Final = Scope("holdfast", __version__)


class TraceNames(Struct, frozen=True):
    """What a run is called in a trace. `root` is the id of the span that stands for it, where one does."""

    run_id: str
    trace_id: bytes
    root: bytes | None

    @classmethod
    def of(cls, run_id: str, *, with_root: bool) -> TraceNames:
        return cls(run_id, bytes.fromhex(trace_hex(run_id)), _id(run_id) if with_root else None)

    @property
    def attributes(self) -> dict[str, object]:
        """What each of its spans must say for the run's id to be known elsewhere."""
        named = run_of_trace(self.trace_id.hex()) == self.run_id
        return {} if named else {names.RUN_ID: self.run_id}


def forwarded_span(
    trace: TraceNames,
    row: SpanRow,
    body: BodyRow,
    events: Sequence[EventRow],
    options: ForwardOptions,
) -> tuple[Scope, Span]:
    attributes = object_in(body.attributes) | object_in(body.finish_attributes)
    traced = "otel.span.kind" in attributes or "otel.scope.name" in attributes
    span = Span(trace_id=trace.trace_id, span_id=_id(row.id), end_time_unix_nano=_end(row))
    span.start_time_unix_nano = row.started_at or span.end_time_unix_nano
    parent = trace.root if row.parent_span_id is None else _id(row.parent_span_id)
    if parent is not None:
        span.parent_span_id = parent
    scope = _take_trace_words(attributes, span)
    error = take_error(body.error)
    _describe(attributes, row, error)
    if traced:
        own = attributes.pop("otel.span.name", None)
        span.name = writable(str(own or row.name or ""))
    else:
        scope = OURS
        model = row.schema_name == SpanType.LLM
        span.kind = Span.SPAN_KIND_CLIENT if model else Span.SPAN_KIND_INTERNAL
        span.name = writable(_name(attributes, row))
    if options.content:
        payload, result = value_in(body.payload), value_in(body.result_payload)
        attributes = content_attributes(row.schema_name, payload, result, newest=options.newest) | attributes
    else:
        strip_content(attributes)
    if options.newest:
        newer_attributes(attributes)
    put(span.attributes, attributes | trace.attributes)
    for event in events:
        add_event(span, event, content=options.content)
    if error is not None:
        add_error(span, error)
    if code := status_of(row.status, error):
        span.status.code = code
        if error is not None:
            span.status.message = writable(error.message)
    return scope, span


def status_of(status: str, error: RecordedError | None) -> Status.StatusCode.ValueType | None:
    """None leaves the status as it is: what has ended well says so only where its instrumentation did. To be
    cancelled is no error of its own; an error that came with it is one."""
    if status == SpanStatus.FAILED or (status == SpanStatus.CANCELLED and error is not None):
        return Status.STATUS_CODE_ERROR
    return None


def take_error(data: bytes | None) -> RecordedError | None:
    if data is None:
        return None
    try:
        return _error(data)
    except (msgspec.ValidationError, msgspec.DecodeError):
        return None


def strip_content(attributes: dict[str, object]) -> None:
    for name in [name for name in attributes if is_content(name)]:
        del attributes[name]


def _id(identifier: str) -> bytes:
    return bytes.fromhex(span_hex(identifier))


def _end(row: SpanRow) -> int:
    return max(row.finished_at or row.started_at or row.inserted_at, row.started_at or 0)


def _take_trace_words(attributes: dict[str, object], span: Span) -> Scope:
    """Put what OpenTelemetry itself said of a span, kept as attributes, back to its places."""
    kind = _KINDS.get(str(attributes.pop("otel.span.kind", "")))
    if kind is not None:
        span.kind = Span.SpanKind.ValueType(kind.value)
    if attributes.pop("otel.status_code", None) == "OK":
        span.status.code = Status.STATUS_CODE_OK
    if (state := attributes.pop("otel.trace_state", None)) is not None:
        span.trace_state = writable(str(state))
    for link in map(as_object, as_list(attributes.pop("otel.links", None))):
        _add_link(span, link)
    span.dropped_attributes_count = _count(attributes.pop(f"{_DROPPED}attributes_count", 0))
    span.dropped_events_count = _count(attributes.pop(f"{_DROPPED}events_count", 0))
    span.dropped_links_count = _count(attributes.pop(f"{_DROPPED}links_count", 0))
    name, version = attributes.pop("otel.scope.name", ""), attributes.pop("otel.scope.version", "")
    return Scope(writable(str(name)), writable(str(version)))


def _add_link(span: Span, link: dict[str, object]) -> None:
    try:
        trace_id, span_id = bytes.fromhex(str(link.get("trace_id"))), bytes.fromhex(str(link.get("span_id")))
    except ValueError:
        return
    put(span.links.add(trace_id=trace_id, span_id=span_id).attributes, as_object(link.get("attributes")))


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 1 << 32 else 0


def _describe(attributes: dict[str, object], row: SpanRow, error: RecordedError | None) -> None:
    """Add what the record knows beside the attributes."""
    kind = row.schema_name
    if kind is not None:
        attributes[names.SPAN_TYPE] = kind
        if kind in OPERATIONS:
            attributes.setdefault(names.OPERATION, OPERATIONS[kind])
    if row.name:
        if kind == SpanType.TOOL:
            attributes.setdefault(names.TOOL_NAME, row.name)
        elif kind == SpanType.AGENT:
            attributes.setdefault(names.AGENT_NAME, row.name)
    if row.provider is not None:
        attributes[names.PROVIDER] = PROVIDERS.get(row.provider.lower(), row.provider)
    if row.flags & SPAN_AGGREGATE:
        attributes[names.USAGE_REPEATED] = True
    if row.cost_nano is not None:
        attributes[names.COST_USD] = row.cost_nano / 1e9
    if row.cost_source is not None:
        attributes[names.COST_SOURCE] = row.cost_source
    if row.status == SpanStatus.CANCELLED:
        attributes[names.SPAN_STATUS] = row.status
    if error is not None:
        attributes.setdefault(names.ERROR_TYPE, error.type)
        if error.category is not None:
            attributes.setdefault(names.FAILURE_CATEGORY, error.category)


def _name(attributes: dict[str, object], row: SpanRow) -> str:
    """As the conventions say it; another name that the span has is kept beside it."""
    known = row.name or row.schema_name or "span"
    if row.schema_name not in OPERATIONS:
        return known
    subject = {
        SpanType.LLM: attributes.get(names.REQUEST_MODEL) or attributes.get(names.RESPONSE_MODEL),
        SpanType.TOOL: attributes.get(names.TOOL_NAME),
        SpanType.AGENT: attributes.get(names.AGENT_NAME),
    }.get(SpanType(row.schema_name))
    operation = attributes.get(names.OPERATION)
    wanted = f"{operation} {subject}" if isinstance(subject, str) else str(operation)
    if wanted != known:
        attributes[names.SPAN_NAME] = known
    return wanted
