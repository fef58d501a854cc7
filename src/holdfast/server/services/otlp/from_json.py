"""OTLP trace requests in JSON: protobuf's JSON mapping, but ids are hex and enums are numbers.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import string
from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from holdfast.server.services.decoding import as_utf8, with_whole_characters
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

__all__ = ["decode_json_traces"]

_HEX: Final = frozenset(string.hexdigits)


class _Message(Struct, frozen=True, kw_only=True, rename="camel"):
    """Names are lowerCamelCase; unknown ones are passed over."""


class _Value(_Message, frozen=True, kw_only=True):
    string_value: str | UnsetType = UNSET
    bool_value: bool | UnsetType = UNSET
    int_value: int | str | UnsetType = UNSET
    double_value: float | str | UnsetType = UNSET
    array_value: _Values | UnsetType = UNSET
    kvlist_value: _Pairs | UnsetType = UNSET
    bytes_value: str | UnsetType = UNSET


class _Values(_Message, frozen=True, kw_only=True):
    values: list[_Value] | None = None


class _Pair(_Message, frozen=True, kw_only=True):
    key: str = ""
    value: _Value | None = None


class _Pairs(_Message, frozen=True, kw_only=True):
    values: list[_Pair] | None = None


class _Event(_Message, frozen=True, kw_only=True):
    name: str = ""
    time_unix_nano: int | str = 0
    attributes: list[_Pair] | None = None


class _Link(_Message, frozen=True, kw_only=True):
    trace_id: str = ""
    span_id: str = ""
    attributes: list[_Pair] | None = None


class _Status(_Message, frozen=True, kw_only=True):
    code: int = 0
    message: str | None = None


class _Span(_Message, frozen=True, kw_only=True):
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str | None = None
    trace_state: str | None = None
    name: str = ""
    kind: int = 0
    start_time_unix_nano: int | str = 0
    end_time_unix_nano: int | str = 0
    attributes: list[_Pair] | None = None
    events: list[_Event] | None = None
    links: list[_Link] | None = None
    status: _Status | None = None
    dropped_attributes_count: int = 0
    dropped_events_count: int = 0
    dropped_links_count: int = 0


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
                if len(spans) >= MOST_SPANS:
                    rejected, problem = rejected + 1, f"more than {MOST_SPANS} spans in one request"
                elif not _is_id(span.trace_id, 32) or not _is_id(span.span_id, 16):
                    rejected, problem = (
                        rejected + 1,
                        "a trace id has 32 hex digits, a span id 16, not all zero",
                    )
                else:
                    spans.append(_span(span, resource, scope))
    return Export(spans=spans, rejected=rejected, problem=problem)


def _is_id(value: str, digits: int) -> bool:
    return len(value) == digits and _HEX.issuperset(value) and value.strip("0") != ""


def _span(span: _Span, resource: Attributes, scope: Scope) -> TraceSpan:
    events = [
        TraceEvent(event.name, _time(event.time_unix_nano), _attributes(event.attributes))
        for event in (span.events or [])[:MOST_EVENTS]
    ]
    links = [
        TraceLink(link.trace_id.lower(), link.span_id.lower(), _attributes(link.attributes))
        for link in (span.links or [])[:MOST_LINKS]
    ]
    left_out = {
        "attributes": span.dropped_attributes_count,
        "events": span.dropped_events_count + len(span.events or ()) - len(events),
        "links": span.dropped_links_count + len(span.links or ()) - len(links),
    }
    status = span.status or _Status()
    parent = span.parent_span_id or ""
    return TraceSpan(
        trace_id=span.trace_id.lower(),
        span_id=span.span_id.lower(),
        parent_id=parent.lower() if _is_id(parent, 16) else None,
        trace_state=span.trace_state or "",
        name=span.name,
        kind=TraceSpanKind(span.kind),
        start=_time(span.start_time_unix_nano),
        end=_time(span.end_time_unix_nano),
        attributes=_attributes(span.attributes),
        events=events,
        links=links,
        status=TraceStatus(status.code),
        message=status.message or "",
        resource=resource,
        scope=scope,
        dropped={name: count for name, count in left_out.items() if count},
    )


def _time(value: int | str) -> int:
    return int(value or 0)


def _attributes(pairs: list[_Pair] | None) -> Attributes:
    return {pair.key: _value(pair.value) for pair in pairs or ()}


def _value(value: _Value | None) -> object:
    if value is None:
        return None
    if not isinstance(value.string_value, UnsetType):
        return value.string_value
    if not isinstance(value.bool_value, UnsetType):
        return value.bool_value
    if not isinstance(value.int_value, UnsetType):
        return kept_number(int(value.int_value))
    if not isinstance(value.double_value, UnsetType):
        return kept_number(float(value.double_value))
    if not isinstance(value.array_value, UnsetType):
        return [_value(item) for item in value.array_value.values or ()]
    if not isinstance(value.kvlist_value, UnsetType):
        return _attributes(value.kvlist_value.values)
    return None if isinstance(value.bytes_value, UnsetType) else value.bytes_value
