"""A run as a story: messages, tool calls, decisions and recoveries in reading order, some dozens at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from holdfast.server.services.viewing.queries import Queries
from holdfast.server.services.viewing.run_tree import SpanTree, short_id
from holdfast.server.stores.reads.run_views import RunRecord
from holdfast.server.stores.reads.spans import SpanRecord
from holdfast.server.web.links import run_path
from holdfast.server.web.run.decision_steps import decision_step
from holdfast.server.web.run.decisions import DECISIONS
from holdfast.server.web.run.query import RunQuery
from holdfast.server.web.run.span_steps import Heard, steps_of_span
from holdfast.server.web.run.story_pages import StepKind, StoryStep, StoryWindow
from holdfast.server.web.shown import span_kind

__all__ = ["SPANS_AT_ONCE", "story_href", "story_window"]

SPANS_AT_ONCE: Final = 60
_BACK: Final = 60
"""So far back is looked for the prompt before the first one that is shown."""
_DECISIONS: Final = 200


def story_href(run_id: str, tree: SpanTree, span_id: str) -> str:
    """Where a span stands in its run's story."""
    first = (tree.place(span_id) or 0) // SPANS_AT_ONCE * SPANS_AT_ONCE
    return f"{_address(run_id, first)}#s-{short_id(span_id)}"


def story_window(queries: Queries, run: RunRecord, tree: SpanTree, first: int | None) -> StoryWindow:
    """The steps of 60 spans from the place `first` on (None: from the beginning), in the order of the tree, with
    the decisions that came before the next of them."""
    total = len(tree.ids)
    last_page = max(0, total - 1) // SPANS_AT_ONCE * SPANS_AT_ONCE
    first = min(first or 0, last_page)
    end = min(total, first + SPANS_AT_ONCE)
    steps = tuple(_alike_as_one(_steps(queries, run, tree, first, end)))
    return StoryWindow(
        steps=steps,
        first=first + 1 if total else 0,
        last=end,
        total=total,
        earlier_href=_address(run.id, max(0, first - SPANS_AT_ONCE)) if first > 0 else "",
        later_href=_address(run.id, end) if end < total else "",
        beginning_href=_address(run.id, 0) if first > SPANS_AT_ONCE else "",
        end_href=_address(run.id, last_page) if end < last_page else "",
    )


def _address(run_id: str, first: int) -> str:
    path = f"{run_path(run_id)}/story"
    return f"{path}?{urlencode({'from': first})}" if first else path


@dataclass(frozen=True, slots=True, kw_only=True)
class _Timed:
    at: int
    steps: tuple[StoryStep, ...]


def _steps(queries: Queries, run: RunRecord, tree: SpanTree, first: int, end: int) -> Iterator[StoryStep]:
    began = run.started_at if run.started_at is not None else run.begun_at
    path = run_path(run.id)
    spans = _span_steps(queries, run, tree, first, end, began)
    since = tree.starts[first] if first else None
    until = max(tree.starts[first:end]) if end < len(tree.ids) else None
    decisions = queries.events.page(
        run.key,
        _DECISIONS,
        names=DECISIONS,
        after=None if since is None else (since, ""),
        until=None if until is None else until + 1,
    )
    waiting = [
        _Timed(
            at=event.timestamp,
            steps=(
                decision_step(
                    event, began, path + RunQuery().select(event.span_id) if event.span_id else path
                ),
            ),
        )
        for event in reversed(decisions)
    ]
    for span in spans:
        while waiting and waiting[-1].at < span.at:
            yield from waiting.pop().steps
        yield from span.steps
    while waiting:
        yield from waiting.pop().steps


def _span_steps(
    queries: Queries, run: RunRecord, tree: SpanTree, first: int, end: int, began: int
) -> list[_Timed]:
    places = range(max(0, first - _BACK), end)
    records = queries.spans.records(run.key, [tree.ids[place] for place in places])
    path, query, heard = run_path(run.id), RunQuery(), Heard()
    found: list[_Timed] = []
    before = _prompt_before(records, tree, first)
    if before is not None:
        body = queries.spans.body(before.body_key)
        for _ in steps_of_span(before, body, heard, began, ""):
            pass  # only what the reader has heard by then
    shown = [(place, records[tree.ids[place]]) for place in range(first, end) if tree.ids[place] in records]
    bodies = queries.spans.bodies([span.body_key for _, span in shown])
    for place, span in shown:
        href = path + query.select(span.id)
        steps = tuple(steps_of_span(span, bodies[span.body_key], heard, began, href))
        found.append(_Timed(at=tree.starts[place], steps=steps))
    return found


def _prompt_before(records: dict[str, SpanRecord], tree: SpanTree, first: int) -> SpanRecord | None:
    for place in range(first - 1, max(0, first - _BACK) - 1, -1):
        span = records.get(tree.ids[place])
        if span is not None and span_kind(span.schema_name) == "llm":
            return span
    return None


def _alike_as_one(steps: Iterable[StoryStep]) -> Iterator[StoryStep]:
    """Failed attempts in a row with one type of error stand as one: there may be hundreds."""
    held: StoryStep | None = None
    for step in steps:
        if held is not None and step.kind is StepKind.ATTEMPT and _type(held) == _type(step):
            held = replace(held, times=held.times + 1)
            continue
        if held is not None:
            yield held
        held = step if step.kind is StepKind.ATTEMPT else None
        if held is None:
            yield step
    if held is not None:
        yield held


def _type(step: StoryStep) -> tuple[str, str]:
    return ("", "") if step.error is None else (step.error.type, step.error.category)
