"""Everything of one span, and of the run itself, as the pane beside the tree shows it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from holdfast._clock import iso_utc
from holdfast.server.services.clean_text import clean, one_line
from holdfast.server.services.json_read import as_list, as_object, decode_json
from holdfast.server.services.viewing.payload_view import show_merged, show_payload
from holdfast.server.services.viewing.queries import Queries
from holdfast.server.services.viewing.run_tree import SpanTree, TreeView
from holdfast.server.stores.reads.run_views import RunRecord
from holdfast.server.stores.reads.spans import SpanRecord
from holdfast.server.stores.schema.record import SPAN_AGGREGATE, SPAN_CLOSED_BY_SERVER, SPAN_CREATED
from holdfast.server.web.format import duration, utc_text
from holdfast.server.web.links import raw_path, run_path
from holdfast.server.web.pages import Fact
from holdfast.server.web.run.attempts import attempts_around
from holdfast.server.web.run.control_views import control_views
from holdfast.server.web.run.event_views import event_views
from holdfast.server.web.run.feedback import run_scores
from holdfast.server.web.run.pages import (
    ErrorJump,
    QualityView,
    RunOverview,
    SpanDetail,
    ViolationView,
)
from holdfast.server.web.run.query import RunQuery
from holdfast.server.web.run.story import story_href
from holdfast.server.web.run.tree_rows import span_name
from holdfast.server.web.shown import (
    NOTHING,
    clock_time,
    panel,
    show_error,
    span_cost,
    span_kind,
    tokens_title,
    total_tokens,
)
from holdfast.wire.vocabulary import CostSource, FacetKind, SpanStatus

__all__ = ["run_overview", "span_detail"]

_EVENTS = 100
_JUMPS = 8
_CRUMBS = 6
_VIOLATIONS = 20
_QUALITY = 50


def span_detail(
    queries: Queries, run: RunRecord, tree: SpanTree, query: RunQuery, span: SpanRecord, now: int
) -> SpanDetail:
    body = queries.spans.body(span.body_key)
    began = run.started_at if run.started_at is not None else run.begun_at
    place = tree.place(span.id)
    violations = _violations(queries.spans.violations(run.key, span.id)) if span.violations else ()
    panels = (
        panel(
            "Input",
            show_payload(body.payload, broken=_broken(violations, "payload")),
            raw_path(run.id, span=span.id, part="payload"),
        ),
        panel(
            "Result",
            show_payload(body.result_payload, broken=_broken(violations, "result")),
            raw_path(run.id, span=span.id, part="result"),
        ),
        panel(
            "Attributes",
            show_merged(body.attributes, body.finish_attributes),
            raw_path(run.id, span=span.id, part="attributes"),
        ),
    )
    return SpanDetail(
        id=span.id,
        name=span_name(span),
        kind=span_kind(span.schema_name),
        type_name=one_line(span.schema_name or "", 120),
        status=span.status,
        unsettled=not SpanStatus(span.status).final,
        crumbs=() if place is None else _crumbs(queries, run, tree, query, place),
        close_href=query.select(None),
        summary=clean((span.summary or "")[:600]),
        notes=_notes(span, lost=place is not None and place in tree.lost),
        facts=_facts(span, began, now),
        error=show_error(body.error, span.error_type),
        violations=violations,
        controls=control_views(body.attributes, _event_counts(queries, run), run_path(run.id)),
        attempts=() if place is None else attempts_around(queries, run, tree, place, query, now),
        story_href=story_href(run.id, tree, span.id),
        panels=tuple(found for found in panels if found is not None),
        events=event_views(run, "", queries.runs.events(run.key, _EVENTS, span_id=span.id), query),
    )


def run_overview(queries: Queries, run: RunRecord, tree: SpanTree, query: RunQuery, now: int) -> RunOverview:
    body = queries.runs.body(run.key)
    failures = tree.failures()
    judged = queries.runs.quality(run.key, _QUALITY + 1)
    return RunOverview(
        scores=run_scores(queries, run, now),
        jumps=_jumps(queries, run, query, [tree.ids[place] for place in failures[:_JUMPS]]),
        failed=len(failures),
        failed_href=query.with_view(TreeView(failed_only=True)),
        quality=tuple(
            QualityView(
                name=one_line(record.name, 80),
                summary=clean((record.summary or "")[:600]),
                view=show_payload(record.payload, limit=100),
                violations=record.violations or 0,
                time=clock_time(record.timestamp),
            )
            for record in judged[:_QUALITY]
        ),
        quality_clipped=len(judged) > _QUALITY,
        controls=control_views(body.attributes, _event_counts(queries, run), run_path(run.id)),
        events=event_views(run, "", queries.runs.events(run.key, _EVENTS), query),
        events_total=run.events,
        attributes=panel(
            "Attributes",
            show_merged(body.attributes, body.finish_attributes),
            raw_path(run.id, part="attributes"),
        ),
        facts=_run_facts(run),
    )


def _event_counts(queries: Queries, run: RunRecord) -> dict[str, int]:
    return queries.facets.of_run(run.key, FacetKind.EVENT) if run.events else {}


def _facts(span: SpanRecord, began: int, now: int) -> tuple[Fact, ...]:
    facts: list[Fact] = []
    if span.started_at is not None:
        facts.append(
            Fact(label="Starts at", value=duration(span.started_at - began), title=utc_text(span.started_at))
        )
        if span.finished_at is not None:
            length = duration(span.finished_at - span.started_at)
            facts.append(Fact(label="Took", value=length, title=f"until {utc_text(span.finished_at)}"))
        elif not SpanStatus(span.status).final:
            facts.append(Fact(label="Going for", value=duration(now - span.started_at)))
    if span.model:
        facts.append(
            Fact(label="Model", value=one_line(span.model, 80), title=one_line(span.provider or "", 80))
        )
    tokens = tokens_title(
        span.input_tokens,
        span.output_tokens,
        span.cache_read_tokens,
        span.cache_write_tokens,
        span.reasoning_tokens,
    )
    if tokens:
        facts.append(Fact(label="Tokens", value=total_tokens(span), title=tokens))
    cost = span_cost(span)
    if cost:
        facts.append(Fact(label="Cost", value=f"{cost} ({span.cost_source or CostSource.UNKNOWN})"))
    elif tokens or span.cost_source == CostSource.UNKNOWN:
        facts.append(Fact(label="Cost", value=f"{NOTHING} unknown", title="Nobody said what this call cost."))
    return tuple(facts)


def _notes(span: SpanRecord, *, lost: bool) -> tuple[str, ...]:
    notes: list[str] = []
    if lost:
        parent = one_line(span.parent_span_id or "", 128)
        notes.append(f"Its parent {parent} is not in this run (yet): it stands at the top.")
    if not span.flags & SPAN_CREATED:
        notes.append("Its end has arrived, its start has not (yet).")
    if span.flags & SPAN_CLOSED_BY_SERVER:
        notes.append("The server closed it: its own end has not arrived.")
    if span.flags & SPAN_AGGREGATE:
        notes.append("Its tokens and cost repeat those of spans inside it: the run's sums leave them out.")
    return tuple(notes)


def _crumbs(
    queries: Queries, run: RunRecord, tree: SpanTree, query: RunQuery, place: int
) -> tuple[Fact, ...]:
    around = [tree.ids[at] for at in tree.ancestors(place)]
    records = queries.spans.records(run.key, around[-_CRUMBS:])
    crumbs = [
        Fact(label="", value=span_name(records[span_id]), href=query.select(span_id))
        for span_id in around[-_CRUMBS:]
        if span_id in records
    ]
    if len(around) > _CRUMBS:
        crumbs.insert(
            0, Fact(label="", value=f"… {len(around) - _CRUMBS} more", href=query.select(around[0]))
        )
    return tuple(crumbs)


def _violations(data: bytes | None) -> tuple[ViolationView, ...]:
    try:
        found = as_list(decode_json(data or b"[]"))
    except ValueError:
        return ()
    return tuple(
        ViolationView(
            part=one_line(str(fields.get("part", "")), 40),
            path=one_line(str(fields.get("path", "")), 200),
            message=clean(str(fields.get("message", ""))[:500]),
        )
        for fields in map(as_object, found[:_VIOLATIONS])
    )


def _broken(violations: Iterable[ViolationView], part: str) -> dict[str, str]:
    """What is wrong with one part, by place."""
    found: dict[str, str] = {}
    for one in violations:
        if one.part == part:
            found[one.path] = f"{found[one.path]}; {one.message}" if one.path in found else one.message
    return found


def _jumps(queries: Queries, run: RunRecord, query: RunQuery, ids: Sequence[str]) -> tuple[ErrorJump, ...]:
    records = queries.spans.records(run.key, ids)
    bodies = queries.spans.errors([record.body_key for record in records.values()])
    jumps: list[ErrorJump] = []
    for span_id in ids:
        record = records.get(span_id)
        if record is None:
            continue
        error = show_error(bodies.get(record.body_key), record.error_type)
        jumps.append(
            ErrorJump(
                href=query.select(span_id),
                name=span_name(record),
                kind=span_kind(record.schema_name),
                type=error.type if error else "failed",
                message=one_line(error.message, 240) if error else "",
            )
        )
    return tuple(jumps)


def _run_facts(run: RunRecord) -> tuple[Fact, ...]:
    pairs = (
        ("Run id", run.id),
        ("External id", run.external_identifier),
        ("Called by", run.parent),
        ("Environment", run.environment),
        ("SDK", run.sdk),
        ("Began", iso_utc(run.begun_at)),
        ("Ended", iso_utc(run.finished_at) if run.finished_at is not None else None),
    )
    return tuple(Fact(label=label, value=one_line(value, 200)) for label, value in pairs if value)
