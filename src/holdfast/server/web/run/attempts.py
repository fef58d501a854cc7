"""The attempts of one turn, on a small line of time: what failed, how long was waited, what came through."""

from __future__ import annotations

from holdfast.server.services.clean_text import one_line
from holdfast.server.services.viewing.queries import Queries
from holdfast.server.services.viewing.run_tree import TOP, SpanTree
from holdfast.server.stores.reads.run_views import RunRecord
from holdfast.server.stores.reads.spans import SpanRecord
from holdfast.server.web.format import duration
from holdfast.server.web.run.pages import AttemptView
from holdfast.server.web.run.query import RunQuery
from holdfast.server.web.shown import show_error, span_kind
from holdfast.wire.vocabulary import SpanStatus

__all__ = ["attempts_around"]

_MOST = 50
_AXIS = 1000
_CALLS = frozenset({"attempt", "llm"})


def attempts_around(
    queries: Queries, run: RunRecord, tree: SpanTree, place: int, query: RunQuery, now: int
) -> tuple[AttemptView, ...]:
    """The first 50 calls that are attempts at the same thing as the span, or that are within it; nothing unless
    there are two of them, one of which failed."""
    for around in (place, tree.around[place]):
        if around != TOP:
            calls = _calls(queries, run, tree, around)
            if len(calls) > 1 and any(call.status == SpanStatus.FAILED for call in calls):
                return _views(queries, calls, tree.ids[place], query, now)
    return ()


def _calls(queries: Queries, run: RunRecord, tree: SpanTree, around: int) -> list[SpanRecord]:
    ids: list[str] = []
    child = around + 1
    end = tree.end(around)
    while child < end and len(ids) < _MOST:
        ids.append(tree.ids[child])
        child = tree.end(child)
    records = queries.spans.records(run.key, [*ids, tree.ids[around]])
    found = [records[span_id] for span_id in ids if span_id in records]
    calls = [span for span in found if span_kind(span.schema_name) in _CALLS]
    whole = records.get(tree.ids[around])
    turn = whole is not None and span_kind(whole.schema_name) == "turn"
    return calls if turn or any(span_kind(span.schema_name) == "attempt" for span in calls) else []


def _views(
    queries: Queries, calls: list[SpanRecord], chosen: str, query: RunQuery, now: int
) -> tuple[AttemptView, ...]:
    spans = [
        (_start(call), max(_start(call), now if call.finished_at is None else call.finished_at))
        for call in calls
    ]
    began, length = spans[0][0], max(1, max(end for _, end in spans) - spans[0][0])
    errors = queries.spans.errors([call.body_key for call in calls])
    views: list[AttemptView] = []
    before: int | None = None
    for number, (call, (start, end)) in enumerate(zip(calls, spans, strict=True), 1):
        error = show_error(errors.get(call.body_key), call.error_type)
        waited = 0 if before is None else start - before
        views.append(
            AttemptView(
                number=number,
                href=query.select(call.id),
                name=one_line(call.model or call.name or "call", 80),
                status=call.status,
                current=call.id == chosen,
                waited=duration(waited) if waited > 1_000_000 else "",
                took=duration(end - start),
                told=""
                if error is None
                else one_line(f"{error.category or error.type}: {error.message}", 160),
                x=max(0, (start - began) * _AXIS // length),
                width=max(4, (end - start) * _AXIS // length),
            )
        )
        before = end
    return tuple(views)


def _start(span: SpanRecord) -> int:
    return span.started_at if span.started_at is not None else span.inserted_at
