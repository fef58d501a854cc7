"""OTLP trace requests in JSON: protobuf's JSON mapping, but ids are hex and enums are numbers.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import string
from typing import Final

import msgspec
from msgspec import Struct

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
from holdfast.server.services.recording.decoding import as_utf8, with_whole_characters
from holdfast.wire.vocabulary import TraceSpanKind, TraceStatus

__all__ = ["decode_json_traces"]

_HEX: Final = frozenset(string.hexdigits)


class _Message(Struct, frozen=True, kw_only=True, rename="camel"):
    """Names are lowerCamelCase; unknown ones are passed over; `null` is the same as nothing."""


class _Value(_Message, frozen=True, kw_only=True):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | str | None = None
    double_value: float | str | None = None
    array_value: _Values | None = None
    kvlist_value: _Pairs | None = None
    bytes_value: str | None = None


class _Values(_Message, frozen=True, kw_only=True):
    values: list[_Value] | None = None


class _Pair(_Message, frozen=True, kw_only=True):
    key: str | None = None
    value: _Value | None = None


class _Pairs(_Message, frozen=True, kw_only=True):
    values: list[_Pair] | None = None


class _Event(_Message, frozen=True, kw_only=True):
    name: str | None = None
    time_unix_nano: int | str | None = None
    attributes: list[_Pair] | None = None


class _Link(_Message, frozen=True, kw_only=True):
    trace_id: str | None = None
    span_id: str | None = None
    attributes: list[_Pair] | None = None


class _Status(_Message, frozen=True, kw_only=True):
    code: int | None = None
    message: str | None = None


class _Span(_Message, frozen=True, kw_only=True):
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    trace_state: str | None = None
    name: str | None = None
    kind: int | None = None
    start_time_unix_nano: int | str | None = None
    end_time_unix_nano: int | str | None = None
    attributes: list[_Pair] | None = None
    events: list[_Event] | None = None
    links: list[_Link] | None = None
    status: _Status | None = None
    dropped_attributes_count: int | None = None
    dropped_events_count: int | None = None
    dropped_links_count: int | None = None


class _Named(_Message, frozen=True, kw_only=True):
    name: str | None = None
    version: str | None = None


class _ScopeSpans(_Message, frozen=True, kw_only=True):
    scope: _Named | None = None
    spans: list[_Span] | None = None


class _Resource(_Message, frozen=True, kw_only=True):
    attributes: list[_Pair] | None = None


class _ResourceSpans(_Message, frozen=True, kw_only=True):
    resource: _Resource | None = None
    scope_spans: list[_ScopeSpans] | None = None


class _Request(_Message, frozen=True, kw_only=True):
    resource_spans: list[_ResourceSpans] | None = None


_decode: Final = msgspec.json.Decoder(_Request).decode


def decode_json_traces(body: bytes) -> Export:
    """Raises `ApiError` 400 for what is no such message."""
    body = as_utf8(body)
    try:
        return _export(_read(body))
    except RecursionError:
        raise malformed("JSON", "it is nested too deeply") from None
    except (msgspec.DecodeError, ValueError) as error:  # a number that is none is a ValueError
        raise malformed("JSON", str(error)) from None


def _read(body: bytes) -> _Request:
    try:
        return _decode(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        mended = with_whole_characters(body)
        if mended == body:
            raise
        return _decode(mended)


def _export(request: _Request) -> Export:
    spans: list[TraceSpan] = []
    rejected, problem = 0, ""
    for group in request.resource_spans or ():
        resource = _attributes(group.resource.attributes if group.resource else None)
        for part in group.scope_spans or ():
            named = part.scope or _Named()
            scope = Scope(named.name or "", named.version or "")
            for span in part.spans or ():
                trace_id, span_id = (span.trace_id or "").lower(), (span.span_id or "").lower()
                if len(spans) >= MOST_SPANS:
                    rejected, problem = rejected + 1, f"more than {MOST_SPANS} spans in one request"
                elif not _is_id(trace_id, 32) or not _is_id(span_id, 16):
                    rejected, problem = (
                        rejected + 1,
                        "a trace id has 32 hex digits, a span id 16, not all zero",
                    )
                else:
                    spans.append(_span(span, (trace_id, span_id), resource, scope))
    return Export(spans=spans, rejected=rejected, problem=problem)


def _is_id(value: str, digits: int) -> bool:
    return len(value) == digits and _HEX.issuperset(value) and value.strip("0") != ""


def _span(span: _Span, ids: tuple[str, str], resource: Attributes, scope: Scope) -> TraceSpan:
    events = [
        TraceEvent(event.name or "", _time(event.time_unix_nano), _attributes(event.attributes))
        for event in (span.events or [])[:MOST_EVENTS]
    ]
    links = [
        TraceLink((link.trace_id or "").lower(), (link.span_id or "").lower(), _attributes(link.attributes))
        for link in (span.links or [])[:MOST_LINKS]
    ]
    left_out = {
        "attributes": span.dropped_attributes_count or 0,
        "events": (span.dropped_events_count or 0) + len(span.events or ()) - len(events),
        "links": (span.dropped_links_count or 0) + len(span.links or ()) - len(links),
    }
    status = span.status or _Status()
    parent = span.parent_span_id or ""
    return TraceSpan(
        trace_id=ids[0],
        span_id=ids[1],
        parent_id=parent.lower() if _is_id(parent, 16) else None,
        trace_state=span.trace_state or "",
        name=span.name or "",
        kind=TraceSpanKind(span.kind or 0),
        start=_time(span.start_time_unix_nano),
        end=_time(span.end_time_unix_nano),
        attributes=_attributes(span.attributes),
        events=events,
        links=links,
        status=TraceStatus(status.code or 0),
        message=status.message or "",
        resource=resource,
        scope=scope,
        dropped={name: count for name, count in left_out.items() if count},
    )


def _time(value: int | str | None) -> int:
    return int(value or 0)


def _attributes(pairs: list[_Pair] | None) -> Attributes:
    return {pair.key or "": _value(pair.value) for pair in pairs or ()}


def _value(value: _Value | None) -> object:
    if value is None:
        return None
    if value.string_value is not None:
        return value.string_value
    if value.bool_value is not None:
        return value.bool_value
    if value.int_value is not None:
        return kept_number(int(value.int_value))
    if value.double_value is not None:
        return kept_number(float(value.double_value))
    if value.array_value is not None:
        return [_value(item) for item in value.array_value.values or ()]
    if value.kvlist_value is not None:
        return _attributes(value.kvlist_value.values)
    return value.bytes_value
