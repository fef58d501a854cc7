"""OTLP trace requests in protobuf."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from itertools import islice

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from holdfast.server.services.otlp.records import (
    MOST_EVENTS,
    MOST_LINKS,
    MOST_SPANS,
    Attributes,
    Export,
    Scope,
    TraceEvent,
    TraceLink,
    TraceSpan,
    kept_number,
    malformed,
)
from holdfast.wire.vocabulary import TraceSpanKind, TraceStatus

__all__ = ["decode_protobuf"]


def decode_protobuf(body: bytes) -> Export:
    """Raises `ApiError` 400 for what is no such message."""
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise malformed("protobuf", str(error)) from None
    spans: list[TraceSpan] = []
    rejected, problem = 0, ""
    for group in request.resource_spans:
        resource = _attributes(group.resource.attributes)
        for part in group.scope_spans:
            scope = Scope(part.scope.name, part.scope.version)
            for span in part.spans:
                if len(spans) >= MOST_SPANS:
                    rejected, problem = rejected + 1, f"more than {MOST_SPANS} spans in one request"
                elif len(span.trace_id) != 16 or len(span.span_id) != 8:
                    rejected, problem = rejected + 1, "a trace id has 16 bytes, a span id 8"
                elif not any(span.trace_id) or not any(span.span_id):
                    rejected, problem = rejected + 1, "an id must not be all zeros"
                else:
                    spans.append(_span(span, resource, scope))
    return Export(spans=spans, rejected=rejected, problem=problem)


def _span(span: Span, resource: Attributes, scope: Scope) -> TraceSpan:
    dropped: dict[str, int] = {}
    if span.dropped_attributes_count:
        dropped["attributes"] = span.dropped_attributes_count
    events: list[TraceEvent] = []
    if span.events or span.dropped_events_count:
        events = [
            TraceEvent(event.name, event.time_unix_nano, _attributes(event.attributes))
            for event in islice(span.events, MOST_EVENTS)
        ]
        if lost := span.dropped_events_count + len(span.events) - len(events):
            dropped["events"] = lost
    links: list[TraceLink] = []
    if span.links or span.dropped_links_count:
        links = [
            TraceLink(link.trace_id.hex(), link.span_id.hex(), _attributes(link.attributes))
            for link in islice(span.links, MOST_LINKS)
        ]
        if lost := span.dropped_links_count + len(span.links) - len(links):
            dropped["links"] = lost
    parent = span.parent_span_id
    return TraceSpan(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=parent.hex() if any(parent) else None,
        trace_state=span.trace_state,
        name=span.name,
        kind=TraceSpanKind(span.kind),
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        events=events,
        links=links,
        status=TraceStatus(span.status.code),
        message=span.status.message,
        resource=resource,
        scope=scope,
        dropped=dropped,
    )


def _attributes(pairs: Iterable[KeyValue]) -> Attributes:
    # most values are texts, and each step into a message costs
    return {pair.key: pair.value.string_value or _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> object:
    # The decoder has refused what is nested deeper than a hundred levels.
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind == "int_value":
        return value.int_value
    if kind == "bool_value":
        return value.bool_value
    if kind == "double_value":
        return kept_number(value.double_value)
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    if kind == "bytes_value":
        return b64encode(value.bytes_value).decode()
    return None
