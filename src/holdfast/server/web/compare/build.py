"""The page that compares two runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from holdfast.server.services.viewing.comparing import MOST_SPANS, Comparison
from holdfast.server.services.viewing.queries import Queries
from holdfast.server.stores.reads.run_views import RunCursor, RunRecord
from holdfast.server.stores.reads.spans import SpanBody
from holdfast.server.web.compare.facts import compared_facts, compared_models, compared_tools
from holdfast.server.web.compare.pages import ChoosePage, ComparePage, PairDiff, RunSide
from holdfast.server.web.compare.query import PREVIOUS, CompareQuery
from holdfast.server.web.compare.steps import step_window
from holdfast.server.web.compare.text_diff import text_diff
from holdfast.server.web.links import run_path
from holdfast.server.web.pages import Shell
from holdfast.server.web.run.tree_rows import span_name
from holdfast.server.web.shown import agent_name, full_time, run_title, version_name

__all__ = ["compare_page"]

_NO_BODY: Final = SpanBody(None, None, None, None, None)
_NO_RUN: Final = "There is no run with this id here: "


def compare_page(
    queries: Queries, shell: Shell, account_id: str, query: CompareQuery, now: int
) -> ComparePage | ChoosePage:
    """The page where the runs are chosen, if one of them is missing."""
    query, problem = _resolved(queries, account_id, query)
    runs = [queries.runs.run(account_id, run_id) for run_id in (query.a, query.b)]
    versions = [queries.runs.version(account_id, run_id) for run_id in (query.a, query.b)]
    a, b = runs
    if a is None or b is None or versions[0] is None or versions[1] is None:
        if not problem and query.a and query.b:
            problem = _NO_RUN + (query.a if a is None else query.b)
        return ChoosePage(shell=shell, a=query.a, b=query.b, problem=problem)
    found = queries.comparing.compare(versions[0], versions[1], now)
    parting = found.parting
    return ComparePage(
        shell=shell,
        a=_side("A", a, query.b),
        b=_side("B", b, query.a),
        swap_href=query.swapped(),
        parted=_parted(found),
        parting_href="" if parting.step is None else replace(query, first=None).show(parting.step),
        result_parted=""
        if parting.result is None
        else f"The results first differ in row {parting.result + 1:,}.",
        result_href="" if parting.result is None else replace(query, first=None).show(parting.result),
        notes=_notes(found, same=query.a == query.b),
        properties=compared_facts(a, b, now),
        tools=compared_tools(found.a.spans, found.b.spans),
        models=compared_models(found.a.spans, found.b.spans),
        steps=step_window(queries.comparing, found, (a, b), query),
        diff=_diff(queries, found, query),
    )


def _resolved(queries: Queries, account_id: str, query: CompareQuery) -> tuple[CompareQuery, str]:
    """With the run that is meant by `PREVIOUS`; and why there is none."""
    if query.a != PREVIOUS:
        return query, ""
    later = queries.runs.run(account_id, query.b)
    if later is None or later.agent_id is None:
        return replace(query, a=""), "" if later is None else "Nothing is known of this run's agent."
    earlier = queries.runs.before(account_id, later.agent_id, RunCursor(later.begun_at, later.key))
    if earlier is None:
        return replace(query, a=""), "This is the first run of its agent: there is none before it."
    return replace(query, a=earlier.id), ""


def _side(letter: str, run: RunRecord, other: str) -> RunSide:
    return RunSide(
        letter=letter,
        id=run.id,
        href=run_path(run.id),
        title=run_title(run),
        status=run.status,
        agent=agent_name(run),
        version=version_name(run),
        started=full_time(run.begun_at),
        previous_href=CompareQuery(a=PREVIOUS, b=run.id).url() if run.agent_id else "",
    )


def _parted(found: Comparison) -> str:
    at = found.parting.step
    if at is None:
        return "Both runs took the same steps, and each ended in the same way."
    a, b = found.spans(found.alignment.pairs[at])
    if a is None:
        what = f"{'' if b is None else span_name(b)} is only in B"
    elif b is None:
        what = f"{span_name(a)} is only in A"
    elif a.status != b.status:
        what = f"{span_name(a)} is {a.status} in A and {b.status} in B"
    elif a.error_type != b.error_type:
        what = f"{span_name(a)} failed in another way"
    else:
        what = f"another model was called: {a.model or 'none'} in A, {b.model or 'none'} in B"
    return f"They part in row {at + 1:,}: {what}."


def _notes(found: Comparison, *, same: bool) -> tuple[str, ...]:
    notes: list[str] = []
    if same:
        notes.append("Both sides are the same run.")
    if found.a.cut or found.b.cut:
        notes.append(f"Only the first {MOST_SPANS:,} spans of each run are compared.")
    if not found.alignment.exact:
        notes.append("The runs are very different: some steps were matched in passing, not in the best way.")
    return tuple(notes)


def _diff(queries: Queries, found: Comparison, query: CompareQuery) -> PairDiff | None:
    """Of the chosen row; without one, of the first whose results differ, else of the first row."""
    pairs = found.alignment.pairs
    at = query.at if query.at is not None else found.parting.result or 0
    if at >= len(pairs):
        return None
    a, b = found.spans(pairs[at])
    body_a, body_b = (_NO_BODY if span is None else queries.spans.body(span.body_key) for span in (a, b))
    parts = (
        text_diff("Input", body_a.payload, body_b.payload),
        text_diff("Result", body_a.result_payload, body_b.result_payload),
        text_diff("Error", body_a.error, body_b.error),
    )
    span = a if a is not None else b
    name = "" if span is None else span_name(span)
    return PairDiff(title=f"Row {at + 1:,}: {name}", parts=tuple(part for part in parts if part is not None))
