"""The rows of the waterfall: a window on the visible part of a run's tree."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

from holdfast.server.services.clean_text import one_line
from holdfast.server.services.viewing.queries import Queries
from holdfast.server.services.viewing.run_tree import SpanTree, TreeView, short_id
from holdfast.server.stores.reads.run_views import RunRecord, RunVersion
from holdfast.server.stores.reads.spans import SpanRecord
from holdfast.server.stores.reads.tree import MOST_FOUND
from holdfast.server.web.format import amount, duration
from holdfast.server.web.pages import Choice
from holdfast.server.web.run.axis import Axis, time_bar
from holdfast.server.web.run.pages import Found, SpanRowView, TreeWindow
from holdfast.server.web.run.query import RunQuery
from holdfast.server.web.shown import span_cost, span_kind
from holdfast.wire.vocabulary import SpanStatus

__all__ = ["ROWS", "span_name", "tree_window"]

ROWS = 120
"""Rows in one window: what one screen shows with room to scroll, in some 60 KB."""
_MOST = 300
_INDENT = 24
_DEPTHS = (0, 1, 2, 3)


def span_name(span: SpanRecord) -> str:
    return (
        one_line(span.name or "", 120)
        or one_line(span.summary or "", 120)
        or one_line(span.schema_name or "", 120)
        or "span whose start has not arrived"
    )


def tree_window(
    queries: Queries,
    run: RunRecord,
    version: RunVersion,
    tree: SpanTree,
    query: RunQuery,
    now: int,
    *,
    count: int = ROWS,
    sketch: bool = True,
) -> TreeWindow:
    """`count` visible rows from `query.first`, or around the selected span, or from where there is something to
    see: the first span that is found, or that begins in the part of the time that is looked at. Without `sketch`
    the bar of the time is left empty."""
    visible = query.view.visible(tree)
    count = max(1, min(count, _MOST))
    selected = tree.place(query.span) if query.span is not None else None
    axis = Axis(run, tree, query.zoom, now)
    hits = queries.finder.places(version, tree, query.find) if query.find else ()
    path = queries.critical.of(version, tree, now) if query.critical else frozenset[int]()
    aim = selected if selected is not None else _aim(tree, axis, hits)
    first = _first(visible, query, aim, count)
    places = visible[first : first + count]
    records = queries.spans.records(run.key, [tree.ids[place] for place in places])
    found = set(hits)
    kept = replace(query, first=first) if query.first is not None else query
    rows = tuple(
        _row(
            records[tree.ids[place]],
            tree,
            place,
            kept,
            axis,
            marks=_Marks(selected=place == selected, hit=place in found, critical=place in path),
        )
        for place in places
        if tree.ids[place] in records
    )
    deepest = tree.height(len(_DEPTHS) + 1) - 1
    return TreeWindow(
        rows=rows,
        first=first,
        aim=first if aim is None else min(bisect_left(visible, aim), max(0, len(visible) - 1)),
        last=first + len(places),
        total=len(visible),
        spans=len(tree.ids),
        ticks=axis.ticks(),
        time=time_bar(axis, tree, query, sketch=sketch),
        earlier_href=query.start_at(max(0, first - count)) if first > 0 else "",
        later_href=query.start_at(first + count) if first + count < len(visible) else "",
        all_href=query.with_view(TreeView()),
        failed_href=query.with_view(TreeView(failed_only=True)),
        failed_only=query.view.failed_only,
        failed=run.spans_failed,
        critical=query.critical,
        critical_count=len(path),
        critical_href=query.other_path(),
        found=_found(tree, query, hits, selected),
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


def _aim(tree: SpanTree, axis: Axis, hits: Sequence[int]) -> int | None:
    if hits:
        return hits[0]
    if axis.zoomed:
        return next((place for place, start in enumerate(tree.starts) if start >= axis.began), None)
    return None


def _first(visible: Sequence[int], query: RunQuery, aim: int | None, count: int) -> int:
    last = max(0, len(visible) - count)
    if query.first is not None:
        return min(query.first, max(0, len(visible) - 1))
    if aim is None:
        return 0
    place = bisect_left(visible, aim)
    return 0 if place < count * 3 // 4 else min(last, place - count // 2)


def _found(tree: SpanTree, query: RunQuery, hits: Sequence[int], selected: int | None) -> Found | None:
    """None while nothing is looked for."""
    if not query.find:
        return None
    before = bisect_left(hits, selected) if selected is not None else 0
    here = selected is not None and before < len(hits) and hits[before] == selected
    after = (before + here) % len(hits) if hits else 0
    return Found(
        text=query.find,
        total=len(hits),
        more=len(hits) >= MOST_FOUND,
        number=before + 1 if here else 0,
        next_href=query.select(tree.ids[hits[after]]) if hits else "",
        previous_href=query.select(tree.ids[hits[before - 1]]) if hits else "",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Marks:
    selected: bool
    hit: bool
    critical: bool


def _row(
    span: SpanRecord, tree: SpanTree, place: int, query: RunQuery, axis: Axis, *, marks: _Marks
) -> SpanRowView:
    started = span.started_at if span.started_at is not None else span.inserted_at
    x, width = axis.place(started, span.finished_at) or (0, 0)
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
        selected=marks.selected,
        hit=marks.hit,
        critical=marks.critical,
        fold_href=query.toggle(short) if inside and _foldable(query.view, tree, place) else "",
        folded=folded,
        hidden=inside if folded else 0,
        tokens=amount(tokens) if tokens else "",
        cost=span_cost(span),
        duration=length,
        title=f"{name}: {span.status}, at {duration(started - axis.whole_began)}",
        x=x,
        width=width,
        violations=span.violations or 0,
    )


def _foldable(view: TreeView, tree: SpanTree, place: int) -> bool:
    return view.max_depth is None or tree.depth(place) < view.max_depth
