"""The rows of the waterfall: a window on the visible part of a run's tree."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from holdfast.server.services.clean_text import one_line
from holdfast.server.services.queries import Queries
from holdfast.server.services.run_tree import SpanTree, TreeView, short_id
from holdfast.server.stores.reads_spans import SpanRecord
from holdfast.server.stores.run_views import RunRecord
from holdfast.server.web.format import amount, duration
from holdfast.server.web.pages import Choice
from holdfast.server.web.run.pages import SpanRowView, TreeWindow
from holdfast.server.web.run.query import RunQuery
from holdfast.server.web.shown import run_end, span_cost, span_kind
from holdfast.wire.vocabulary import SpanStatus

__all__ = ["ROWS", "span_name", "tree_window"]

ROWS = 120
"""Rows in one window: what one screen shows with room to scroll, in some 60 KB."""
_MOST = 300
_AXIS = 1000
_INDENT = 24
_NARROWEST = 3
_DEPTHS = (0, 1, 2, 3)


def span_name(span: SpanRecord) -> str:
    return (
        one_line(span.name or "", 120)
        or one_line(span.summary or "", 120)
        or one_line(span.schema_name or "", 120)
        or "span whose start has not arrived"
    )


def tree_window(
    queries: Queries, run: RunRecord, tree: SpanTree, query: RunQuery, now: int, *, count: int = ROWS
) -> TreeWindow:
    """`count` visible rows from `query.first`, or around the selected span, or from the top."""
    visible = query.view.visible(tree)
    count = max(1, min(count, _MOST))
    selected = tree.place(query.span) if query.span is not None else None
    first = _first(visible, query, selected, count)
    places = visible[first : first + count]
    records = queries.spans.records(run.key, [tree.ids[place] for place in places])
    axis = _Axis(run, tree, now)
    kept = replace(query, first=first) if query.first is not None else query
    rows = tuple(
        _row(records[tree.ids[place]], tree, place, kept, axis, selected=place == selected)
        for place in places
        if tree.ids[place] in records
    )
    deepest = tree.height(len(_DEPTHS) + 1) - 1
    return TreeWindow(
        rows=rows,
        first=first,
        last=first + len(places),
        total=len(visible),
        spans=len(tree.ids),
        ticks=axis.ticks(),
        earlier_href=query.start_at(max(0, first - count)) if first > 0 else "",
        later_href=query.start_at(first + count) if first + count < len(visible) else "",
        all_href=query.with_view(TreeView()),
        failed_href=query.with_view(TreeView(failed_only=True)),
        failed_only=query.view.failed_only,
        failed=run.spans_failed,
        depths=tuple(
            Choice(
                value=query.with_view(replace(query.view, max_depth=depth, folded=frozenset())),
                label=str(depth + 1),
                chosen=query.view.max_depth == depth,
            )
            for depth in _DEPTHS
            if depth < deepest
        ),
    )


def _first(visible: Sequence[int], query: RunQuery, selected: int | None, count: int) -> int:
    last = max(0, len(visible) - count)
    if query.first is not None:
        return min(query.first, max(0, len(visible) - 1))
    if selected is None:
        return 0
    place = bisect_left(visible, selected)
    return 0 if place < count * 3 // 4 else min(last, place - count // 2)


class _Axis:
    """The time from the beginning of the run to its end, as thousandths of a row's width."""

    def __init__(self, run: RunRecord, tree: SpanTree, now: int) -> None:
        began = run.started_at if run.started_at is not None else run.begun_at
        ended = run_end(run, now)
        if tree.ids:
            # a span's clock may be another machine's: its own times win over the run's
            began = min(began, tree.first_start)
            ended = max(ended, tree.last_start)
        self.began = began
        self.length = max(1, ended - began)
        self.now = min(now, ended)

    def place(self, started: int, ended: int | None) -> tuple[int, int]:
        x = max(0, min(_AXIS - _NARROWEST, (started - self.began) * _AXIS // self.length))
        length = max(0, (self.now if ended is None else ended) - started)
        return x, max(_NARROWEST, min(_AXIS - x, length * _AXIS // self.length))

    def ticks(self) -> tuple[str, ...]:
        return tuple(duration(self.length * quarter // 4) for quarter in range(1, 5))


def _row(
    span: SpanRecord, tree: SpanTree, place: int, query: RunQuery, axis: _Axis, *, selected: bool
) -> SpanRowView:
    started = span.started_at if span.started_at is not None else span.inserted_at
    x, width = axis.place(started, span.finished_at)
    unsettled = not SpanStatus(span.status).final
    took = (axis.now if span.finished_at is None else span.finished_at) - started
    inside = tree.end(place) - place - 1
    short = short_id(span.id)
    folded = query.view.hides_inside(tree, place) and inside > 0
    tokens = (span.input_tokens or 0) + (span.output_tokens or 0)
    name = span_name(span)
    summary = one_line(span.summary or "", 100)
    length = "" if span.finished_at is None and not unsettled else duration(took)
    return SpanRowView(
        place=place,
        href=query.select(span.id),
        name=name,
        hint="" if summary == name else summary,
        kind=span_kind(span.schema_name),
        indent=min(tree.depth(place), _INDENT),
        status=span.status,
        lost=place in tree.lost,
        selected=selected,
        fold_href=query.toggle(short) if inside and _foldable(query.view, tree, place) else "",
        folded=folded,
        hidden=inside if folded else 0,
        tokens=amount(tokens) if tokens else "",
        cost=span_cost(span),
        duration=length,
        title=f"{name}: {span.status}, at {duration(started - axis.began)}",
        x=x,
        width=width,
        violations=span.violations or 0,
    )


def _foldable(view: TreeView, tree: SpanTree, place: int) -> bool:
    return view.max_depth is None or tree.depth(place) < view.max_depth
