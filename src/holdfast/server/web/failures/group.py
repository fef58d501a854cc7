"""The page of one group of failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from holdfast.server.services.clean_text import one_line
from holdfast.server.services.viewing.queries import Queries
from holdfast.server.stores.reads.facet_views import FailureGroup
from holdfast.server.stores.reads.failures import LOOKED_AT, FailedRun, Outcomes
from holdfast.server.web.failures.build import AGENTS, category_words, course, message_words
from holdfast.server.web.failures.pages import Example, FailedRunRow, FailurePage
from holdfast.server.web.failures.query import FailuresQuery, GroupQuery
from holdfast.server.web.filters import agent_choices, range_choices
from holdfast.server.web.format import amount, duration
from holdfast.server.web.links import run_path
from holdfast.server.web.overview.pages import Bar
from holdfast.server.web.pages import Fact, Shell
from holdfast.server.web.period import period_of, period_words
from holdfast.server.web.run.query import RunQuery
from holdfast.server.web.shown import NOTHING, full_time, past_time, show_error
from holdfast.wire.vocabulary import FailureCategory

__all__ = ["failure_page"]

_RUNS = 25
_EXAMPLES = 3


def failure_page(
    queries: Queries, shell: Shell, account_id: str, fingerprint: str, query: GroupQuery, now: int
) -> FailurePage | None:
    """None where the account has no such group."""
    failures = queries.failures
    group = failures.group(account_id, fingerprint)
    if group is None:
        return None
    period = period_of(queries.overview, account_id, query.scope, now)
    found = failures.reads.runs(failures.span(period), fingerprint, _RUNS + 1, before=query.before)
    runs = found[:_RUNS]
    spans = failures.reads.first_spans([run.key for run in runs], fingerprint)
    by_agent = failures.by_agent(period, fingerprint)
    agents = {agent.id: agent.name for agent in queries.runs.agents(account_id, AGENTS)}
    outcomes = failures.outcomes(period, now, [fingerprint])[fingerprint]
    times, in_runs = sum(one[2] for one in by_agent), sum(one[1] for one in by_agent)
    notice = ""
    if query.scope.agent is not None and not found and in_runs:
        notice = f"None of the newest {LOOKED_AT:,} runs with this failure is of this agent."
    return FailurePage(
        shell=shell,
        name=message_words(group.message, group.error_type),
        category=category_words(group.category),
        category_href=FailuresQuery(scope=query.scope, category=FailureCategory(group.category)).url(),
        all_href=query.list_url(),
        agents=agent_choices(agents, query.scope.agent),
        ranges=range_choices(query.scope),
        path=f"/failures/{fingerprint}",
        figures=_facts(group, times, in_runs),
        first_seen=past_time(group.first_seen, now),
        last_seen=past_time(group.last_seen, now),
        trend=course(period, failures.courses(period, now, [fingerprint])[fingerprint]),
        told=period_words(period, query.scope),
        by_agent=_agent_bars(by_agent, agents, fingerprint, query),
        outcomes=_outcome_bars(outcomes, fingerprint, query),
        outcomes_of=f"Of the newest {outcomes.looked_at:,} runs that met it." if outcomes.looked_at else "",
        repaired=tuple(_repaired(outcomes)),
        examples=tuple(_examples(queries, runs, spans, group)) if query.before is None else (),
        rows=tuple(_row(run, spans[run.key], query, now) for run in runs),
        runs_href=query.scope.url("/runs", failure=fingerprint),
        newest_href=query.url(fingerprint) if query.before is not None else "",
        older_href=query.url(fingerprint, runs[-1].cursor) if len(found) > _RUNS else "",
        notice=notice,
    )


def _facts(group: FailureGroup, times: int, in_runs: int) -> tuple[Fact, ...]:
    facts = [
        Fact(label="times", value=amount(times), title=f"{times:,} in this range"),
        Fact(label="runs", value=amount(in_runs), title=f"{in_runs:,} runs of this range"),
    ]
    if group.provider:
        tool = group.category == FailureCategory.TOOL_ERROR.value
        facts.append(Fact(label="tool" if tool else "provider", value=one_line(group.provider, 120)))
    if group.error_type:
        facts.append(Fact(label="error type", value=one_line(group.error_type, 160)))
    return tuple(facts)


def _agent_bars(
    by_agent: Sequence[tuple[str, int, int]], names: Mapping[str, str], fingerprint: str, query: GroupQuery
) -> tuple[Bar, ...]:
    most = max((times for _, _, times in by_agent), default=0)
    return tuple(
        Bar(
            label=one_line(names.get(agent_id, agent_id), 60) or "unknown agent",
            href=query.scope.url("/runs", agent=agent_id, failure=fingerprint) if agent_id else "",
            value=amount(times),
            title=f"{times:,} times in {runs:,} runs",
            width=max(4, times * 1000 // most),
            change=None,
        )
        for agent_id, runs, times in by_agent[:10]
    )


def _outcome_bars(outcomes: Outcomes, fingerprint: str, query: GroupQuery) -> tuple[Bar, ...]:
    return tuple(
        Bar(
            label=status,
            href=query.scope.url("/runs", failure=fingerprint, status=status),
            value=f"{count * 100 / outcomes.looked_at:.0f} %",
            title=f"{count:,} runs",
            width=max(4, count * 1000 // outcomes.looked_at),
            change=None,
        )
        for status, count in sorted(outcomes.statuses.items(), key=lambda one: -one[1])
    )


def _repaired(outcomes: Outcomes) -> list[str]:
    said: list[str] = []
    for count, did in (
        (outcomes.mended, "a recovery succeeded"),
        (outcomes.switched, "the session moved to another provider"),
        (outcomes.escalated, "it was handed to a person"),
    ):
        if count:
            said.append(f"In {count:,} of them {did}.")
    return said or ["No recovery of a session mended any of them."]


def _examples(
    queries: Queries, runs: Sequence[FailedRun], spans: Mapping[int, str], group: FailureGroup
) -> list[Example]:
    found: list[Example] = []
    for run in runs[:_EXAMPLES]:
        span_id = spans[run.key]
        record = queries.spans.record(run.key, span_id) if span_id else None
        if record is not None:
            data = queries.spans.errors([record.body_key]).get(record.body_key)
        else:
            data = queries.runs.body(run.key).error
        error = show_error(data, group.error_type or (record.error_type if record else None))
        if error is None:
            continue
        at = run.begun_at if record is None else record.finished_at or record.started_at or run.begun_at
        found.append(
            Example(
                href=_href(run, span_id),
                run=_title(run),
                agent=_agent(run),
                time=full_time(at),
                error=error,
            )
        )
    return found


def _row(run: FailedRun, span_id: str, query: GroupQuery, now: int) -> FailedRunRow:
    return FailedRunRow(
        href=_href(run, span_id),
        title=_title(run),
        short=one_line(run.id, 40)[:13],
        status=run.status,
        agent=_agent(run),
        agent_href=query.scope.url("/runs", agent=run.agent_id) if run.agent_id else "",
        started=past_time(run.begun_at, now),
        duration=NOTHING if run.duration is None else duration(run.duration),
        times=f"{run.times:,}",
    )


def _href(run: FailedRun, span_id: str) -> str:
    return run_path(run.id) + (RunQuery(span=span_id).text() if span_id else "")


def _title(run: FailedRun) -> str:
    return one_line(run.name or run.root_name or "", 160) or f"run {one_line(run.id, 40)}"


def _agent(run: FailedRun) -> str:
    return one_line(run.agent_name or run.agent_id or "", 80) or "unknown agent"
