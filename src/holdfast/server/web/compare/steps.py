"""The rows of the comparison: a window on the aligned steps of both runs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from holdfast.server.services.viewing.comparing import Comparing, Comparison, Side, steps_differ
from holdfast.server.services.viewing.run_align import Pair
from holdfast.server.stores.reads.run_views import RunRecord
from holdfast.server.stores.reads.spans import SpanRecord
from holdfast.server.web.compare.pages import Mark, StepCell, StepRow, StepWindow
from holdfast.server.web.compare.query import CompareQuery
from holdfast.server.web.format import duration
from holdfast.server.web.links import run_path
from holdfast.server.web.run.query import RunQuery
from holdfast.server.web.run.tree_rows import span_name
from holdfast.server.web.shown import span_cost, span_kind

__all__ = ["step_window"]

_ROWS: Final = 100
_INDENT: Final = 12


def step_window(
    comparing: Comparing, found: Comparison, runs: tuple[RunRecord, RunRecord], query: CompareQuery
) -> StepWindow:
    """`_ROWS` rows from `query.first`, or around the chosen one, or from the top."""
    pairs = found.alignment.pairs
    visible: Sequence[int] = found.differing if query.only_differing else range(len(pairs))
    first = _first(visible, query)
    places = visible[first : first + _ROWS]
    both = {at: _both(found, pairs[at]) for at in places}
    spans = {at: pair for at, pair in both.items() if pair is not None}
    results = dict(zip(spans, comparing.results_differ(list(spans.values())), strict=True))
    return StepWindow(
        rows=tuple(_row(found, at, runs, query, other_result=results.get(at, False)) for at in places),
        first=first,
        last=first + len(places),
        total=len(visible),
        differing=len(found.differing),
        only_differing=query.only_differing,
        all_href=query.differing(only=False),
        differing_href=query.differing(only=True),
        earlier_href=query.start_at(max(0, first - _ROWS)) if first > 0 else "",
        later_href=query.start_at(first + _ROWS) if first + _ROWS < len(visible) else "",
    )


def _first(visible: Sequence[int], query: CompareQuery) -> int:
    last = max(0, len(visible) - 1)
    if query.first is not None:
        return min(query.first, last)
    if query.at is None:
        return 0
    place = bisect_left(visible, query.at)
    return 0 if place < _ROWS * 3 // 4 else min(last, place - _ROWS // 2)


def _both(found: Comparison, pair: Pair) -> tuple[SpanRecord, SpanRecord] | None:
    a, b = found.spans(pair)
    return None if a is None or b is None else (a, b)


def _row(
    found: Comparison, at: int, runs: tuple[RunRecord, RunRecord], query: CompareQuery, *, other_result: bool
) -> StepRow:
    pair = found.alignment.pairs[at]
    a, b = found.spans(pair)
    mark, why = _mark(a, b, other_result=other_result)
    return StepRow(
        a=None if a is None or pair.a is None else _cell(found.a, pair.a, a, runs[0]),
        b=None if b is None or pair.b is None else _cell(found.b, pair.b, b, runs[1]),
        mark=mark,
        why=why,
        href=query.show(at),
        chosen=at == query.at,
        parting=at == found.parting.step,
    )


def _mark(a: SpanRecord | None, b: SpanRecord | None, *, other_result: bool) -> tuple[Mark, str]:
    if a is None:
        return Mark.ONLY_B, "only in B"
    if b is None:
        return Mark.ONLY_A, "only in A"
    what = [
        word
        for word, values in (
            ("status", (a.status, b.status)),
            ("error", (a.error_type, b.error_type)),
            ("model", (a.model, b.model)),
        )
        if values[0] != values[1]
    ]
    if other_result:
        what.append("result")
    return (Mark.DIFFERS if steps_differ(a, b) or other_result else Mark.SAME), ", ".join(what)


def _cell(side: Side, place: int, span: SpanRecord, run: RunRecord) -> StepCell:
    ended = span.started_at is not None and span.finished_at is not None
    return StepCell(
        href=run_path(run.id) + RunQuery(span=span.id).text() + "#detail",
        name=span_name(span),
        kind=span_kind(span.schema_name),
        indent=min(side.depths[place], _INDENT),
        status=span.status,
        duration=duration((span.finished_at or 0) - (span.started_at or 0)) if ended else "",
        cost=span_cost(span),
    )
