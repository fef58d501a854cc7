"""The head of a run's page: who ran, how it stands, what it cost, and what can be said to it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from holdfast.server.services.clean_text import clean
from holdfast.server.services.viewing.queries import Queries
from holdfast.server.stores.reads.run_views import RunCursor, RunRecord, RunVersion
from holdfast.server.web.compare.query import PREVIOUS, CompareQuery
from holdfast.server.web.format import amount, duration
from holdfast.server.web.links import run_path
from holdfast.server.web.pages import Fact, Place
from holdfast.server.web.run.decisions import KINDS
from holdfast.server.web.run.feedback import run_feedback
from holdfast.server.web.run.live import is_settled
from holdfast.server.web.run.pages import AskedView, RunHead
from holdfast.server.web.scope import Scope
from holdfast.server.web.shown import (
    agent_name,
    clock_time,
    full_time,
    run_cost,
    run_end,
    run_title,
    show_error,
    tokens_title,
    total_tokens,
    version_name,
)
from holdfast.wire.vocabulary import FacetKind, InstanceStatus, Purpose

__all__ = ["View", "run_head"]

_QUESTIONS = 20
_PROMPT = 4_000


class View(StrEnum):
    """The ways to look at a run; the value is the end of the address."""

    WATERFALL = ""
    STORY = "story"
    EVENTS = "events"


def run_head(
    queries: Queries, account_id: str, run: RunRecord, version: RunVersion, view: View, now: int
) -> RunHead:
    status = InstanceStatus(run.status)
    began = run.started_at if run.started_at is not None else run.begun_at
    path = run_path(run.id)
    error = queries.runs.body(run.key).error if status.final else None
    return RunHead(
        id=run.id,
        title=run_title(run),
        status=run.status,
        live=not is_settled(version, now),
        stamp=str(version),
        agent=agent_name(run),
        agent_href=Scope(agent=run.agent_id).url("/runs") if run.agent_id else "",
        version=version_name(run),
        purpose="" if run.purpose == Purpose.LIVE else run.purpose.replace("_", " "),
        started=full_time(run.begun_at),
        duration=duration(run_end(run, now) - began),
        ticks_from=None if status.final else began // 1_000_000,
        facts=(*_facts(run), *_controls(queries, run, path)),
        cost=run_cost(run),
        reason=clean((run.termination_reason or "")[:1000]) or _silence(run),
        error=show_error(error, run.error_type),
        feedback=run_feedback(queries, run),
        stop_href=f"{path}/stop" if status is InstanceStatus.ACTIVE else "",
        asked=() if status.final else _asked(queries, run, path),
        views=tuple(_views(run, view, path)),
        compare_href=CompareQuery(a=PREVIOUS, b=run.id).url()
        if _has_earlier(queries, account_id, run)
        else "",
        path=path,
    )


def _has_earlier(queries: Queries, account_id: str, run: RunRecord) -> bool:
    place = RunCursor(run.begun_at, run.key)
    return run.agent_id is not None and queries.runs.before(account_id, run.agent_id, place) is not None


def _facts(run: RunRecord) -> tuple[Fact, ...]:
    tokens = tokens_title(
        run.input_tokens,
        run.output_tokens,
        run.cache_read_tokens,
        run.cache_write_tokens,
        run.reasoning_tokens,
    )
    facts = [
        Fact(label="Spans", value=amount(run.spans_total), title=f"{run.spans_total:,}"),
        Fact(label="Model calls", value=amount(run.llm_calls), title=f"{run.llm_calls:,}"),
        Fact(label="Tool calls", value=amount(run.tool_calls), title=f"{run.tool_calls:,}"),
        Fact(label="Errors", value=amount(run.errors), title=f"{run.errors:,}", bad=run.errors > 0),
        Fact(
            label="Tokens", value=total_tokens(run), title=tokens or "No call says how many tokens it took."
        ),
    ]
    if run.violations:
        facts.append(Fact(label="Schema violations", value=amount(run.violations), bad=True))
    return tuple(facts)


def _controls(queries: Queries, run: RunRecord, path: str) -> Iterator[Fact]:
    """What the run's controls did, each with the events that tell of it."""
    if not run.events:
        return
    events = queries.facets.of_run(run.key, FacetKind.EVENT)
    for kind in KINDS:
        count = kind.counted_in(events)
        if count:
            yield Fact(
                label=kind.counted,
                value=amount(count),
                title=", ".join(f"{name} {events[name]:,}" for name in sorted(kind.events & events.keys())),
                href=f"{path}/events?about={kind.key}",
                bad=kind.bad,
            )


def _asked(queries: Queries, run: RunRecord, path: str) -> tuple[AskedView, ...]:
    return tuple(
        AskedView(
            id=question.id,
            prompt=clean((question.prompt or "")[:_PROMPT]) or "The agent waits for input.",
            since=clock_time(question.asked_at or run.begun_at),
            href=f"{path}/answer",
        )
        for question in queries.questions.of_run(run.key, _QUESTIONS, only_open=True)
    )


def _views(run: RunRecord, view: View, path: str) -> Iterator[Place]:
    labels = {View.WATERFALL: "Waterfall", View.STORY: "Story", View.EVENTS: f"Events {amount(run.events)}"}
    for one, label in labels.items():
        yield Place(label=label, href=f"{path}/{one}" if one else path, current=one is view)


def _silence(run: RunRecord) -> str:
    return "Nothing was heard of it for a long time: the server ended it." if run.closed_by_server else ""
