"""Runs packed into export requests of bounded size, several small runs in one, a large one in many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from msgspec import Struct
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans

from holdfast.server.services.forward.names import SCHEMA_URL
from holdfast.server.services.forward.runs import came_as_trace, resource_of, root_span
from holdfast.server.services.forward.spans import (
    OURS,
    ForwardOptions,
    Scope,
    TraceNames,
    forwarded_span,
)
from holdfast.server.stores.reads.forward import ForwardReads, ForwardRun, Place, WholeSpan
from holdfast.server.stores.rows import EventRow

__all__ = ["Packed", "Request", "packed"]

_MOST_SPANS: Final = 512
"""In one request, as OpenTelemetry's own exporters send them."""
_MOST_BYTES: Final = 2 << 20
_LARGE_RUN: Final = 256
"""A run of more spans is read piece by piece; smaller ones several at once."""
_RESOURCE_SPANS: Final = ExportTraceServiceRequest.RESOURCE_SPANS_FIELD_NUMBER
_SCOPE_SPANS: Final = ResourceSpans.SCOPE_SPANS_FIELD_NUMBER
_SPANS: Final = ScopeSpans.SPANS_FIELD_NUMBER
_OWN_EVENTS: Final = 2_000
"""Of a run, on the span that stands for it; what is left out is counted there."""


class Packed(NamedTuple):
    """One span as protobuf, with what it has in common with others. Neighbours share their `resource` object."""

    resource: Resource
    scope: Scope
    span: bytes


class Request(Struct, frozen=True):
    """`done` is the place of the last run that is whole once this has arrived, None where none is; `runs` is
    how many those are."""

    items: Sequence[Packed]
    done: Place | None
    runs: int

    def encoded(self, *, newest: bool) -> bytes:
        """As protobuf: spans are put together as the bytes that they are, since to copy messages takes as long as
        to make them. What came after GenAI 1.41 has no schema that could be named."""
        groups: list[bytes] = []
        for _, items in groupby(self.items, key=lambda item: id(item.resource)):
            same = list(items)
            scopes: dict[Scope, list[bytes]] = {}
            for item in same:
                scopes.setdefault(item.scope, []).append(_field(_SPANS, item.span))
            group = ResourceSpans(resource=same[0].resource).SerializeToString()
            for scope, spans in scopes.items():
                part = ScopeSpans()
                part.scope.name, part.scope.version = scope
                part.schema_url = SCHEMA_URL if scope == OURS and not newest else ""
                group += _field(_SCOPE_SPANS, part.SerializeToString() + b"".join(spans))
            groups.append(_field(_RESOURCE_SPANS, group))
        return b"".join(groups)

    def halves(self) -> tuple[Request, Request]:
        """The same in two: what is done is done with the second."""
        middle = len(self.items) // 2
        return Request(self.items[:middle], None, 0), Request(self.items[middle:], self.done, self.runs)


def packed(reads: ForwardReads, runs: Sequence[ForwardRun], options: ForwardOptions) -> Iterator[Request]:
    """These runs, in their order, as requests. At most a few hundred spans are in memory at once."""
    items: list[Packed] = []
    size = whole = 0
    place: Place | None = None
    for item in _items(reads, runs, options):
        if isinstance(item, Place):
            place, whole = item, whole + 1
            continue
        items.append(item)
        size += len(item.span)
        if len(items) >= _MOST_SPANS or size >= _MOST_BYTES:
            yield Request(items, place, whole)
            items, size, whole, place = [], 0, 0, None
    if items or place is not None:
        yield Request(items, place, whole)


def _items(
    reads: ForwardReads, runs: Sequence[ForwardRun], options: ForwardOptions
) -> Iterator[Packed | Place]:
    for group in _groups(runs):
        if len(group) == 1 and group[0].spans > _LARGE_RUN:
            yield from _large(reads, group[0], options)
        else:
            yield from _small(reads, group, options)


def _groups(runs: Iterable[ForwardRun]) -> Iterator[list[ForwardRun]]:
    """Neighbours that are read together."""
    group: list[ForwardRun] = []
    spans = 0
    for run in runs:
        if group and spans + run.spans > _LARGE_RUN:
            yield group
            group, spans = [], 0
        group.append(run)
        spans += run.spans
    if group:
        yield group


def _small(
    reads: ForwardReads, runs: Sequence[ForwardRun], options: ForwardOptions
) -> Iterator[Packed | Place]:
    keys = [run.key for run in runs]
    spans: dict[int, list[WholeSpan]] = {key: [] for key in keys}
    for found in reads.spans(keys):
        spans[found[0].instance_key].append(found)
    events: dict[int, list[EventRow]] = {key: [] for key in keys}
    for event in reads.events(keys):
        events[event.instance_key].append(event)
    quality = reads.quality(keys)
    for run in runs:
        known = {row.id for row, _ in spans[run.key]}
        own = [event for event in events[run.key] if event.span_id not in known]
        trace, resource = TraceNames.of(run.id, with_root=not came_as_trace(run)), resource_of(run)
        if trace.root is not None:
            root = root_span(run, trace, own[:_OWN_EVENTS], quality.get(run.key, ()), options)
            root.dropped_events_count = max(0, len(own) - _OWN_EVENTS)
            yield Packed(resource, OURS, root.SerializeToString())
        yield from _told(trace, resource, spans[run.key], events[run.key], options)
        yield run.place


def _large(reads: ForwardReads, run: ForwardRun, options: ForwardOptions) -> Iterator[Packed | Place]:
    trace, resource = TraceNames.of(run.id, with_root=not came_as_trace(run)), resource_of(run)
    if trace.root is not None:
        quality = reads.quality([run.key]).get(run.key, ())
        own = reads.own_events(run.key, _OWN_EVENTS)
        root = root_span(run, trace, own, quality, options)
        yield Packed(resource, OURS, root.SerializeToString())
    last = ""
    while spans := reads.spans_after(run.key, last, _LARGE_RUN):
        events = reads.events_of(run.key, [row.id for row, _ in spans])
        yield from _told(trace, resource, spans, events, options)
        last = spans[-1][0].id
    yield run.place


def _told(
    trace: TraceNames,
    resource: Resource,
    spans: Iterable[WholeSpan],
    events: Iterable[EventRow],
    options: ForwardOptions,
) -> Iterator[Packed]:
    by_span: dict[str | None, list[EventRow]] = {}
    for event in events:
        by_span.setdefault(event.span_id, []).append(event)
    for row, body in spans:
        scope, span = forwarded_span(trace, row, body, by_span.get(row.id, ()), options)
        yield Packed(resource, scope, span.SerializeToString())


def _field(number: int, message: bytes) -> bytes:
    """A message as a field of another: tag, length, bytes (https://protobuf.dev/programming-guides/encoding/)."""
    head = bytearray([number << 3 | 2])
    length = len(message)
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head) + message
