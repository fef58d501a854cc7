"""The page of one agent."""

from __future__ import annotations

from holdfast.server.services.clean_text import clean, one_line
from holdfast.server.services.viewing.queries import Queries
from holdfast.server.stores.reads.failures import FailureOrder
from holdfast.server.stores.scores import ScoreFilter
from holdfast.server.web.agents.build import runs_by_agent
from holdfast.server.web.agents.material import AgentMaterial
from holdfast.server.web.agents.numbers import (
    cost_each,
    course_of_runs,
    is_bad,
    known,
    success,
    success_words,
)
from holdfast.server.web.agents.pages import AgentPage, FailureLine
from holdfast.server.web.agents.query import AgentsQuery, agent_path
from holdfast.server.web.agents.used import model_rows, tool_rows
from holdfast.server.web.agents.versions import schema_rows, version_rows
from holdfast.server.web.failures.build import category_words, course, message_words
from holdfast.server.web.failures.query import FailuresQuery
from holdfast.server.web.filters import range_choices
from holdfast.server.web.format import amount, duration
from holdfast.server.web.overview.pages import Tile, Tone
from holdfast.server.web.pages import Shell
from holdfast.server.web.period import period_words
from holdfast.server.web.quality.build import record_row, score_rows
from holdfast.server.web.quality.records import number_series
from holdfast.server.web.shown import NOTHING
from holdfast.wire.vocabulary import AgentStatus, FacetKind

__all__ = ["agent_page"]

_TOOLS = 60
_MODELS = 30
_FAILURES = 6
_QUALITY = 20


def agent_page(
    queries: Queries, shell: Shell, account_id: str, agent_id: str, query: AgentsQuery, now: int
) -> AgentPage | None:
    """None where the account has no such agent."""
    agent = queries.profiles.reads.agent(account_id, agent_id)
    if agent is None:
        return None
    material = AgentMaterial(queries=queries, account_id=account_id, agent=agent, query=query, now=now)
    period, profiles, scope = material.period, queries.profiles, query.scope
    course_points = queries.overview.series(period, now, by_agent=True)
    versions, more_versions = version_rows(material)
    lines = queries.quality.newest(account_id, agent_id=agent.id, since=scope.since(now), until=scope.until())
    wanted = ScoreFilter(agent_id=agent.id, since=scope.since(now), until=scope.until())
    return AgentPage(
        shell=shell,
        name=one_line(agent.name, 120) or one_line(agent.id, 60),
        description=clean((agent.description or "")[:2_000]),
        retired=agent.status == AgentStatus.RETIRED.value,
        id=one_line(agent.id, 130),
        path=agent_path(agent.id),
        all_href=query.list_url(),
        ranges=range_choices(scope),
        told=period_words(period, scope),
        tiles=_tiles(material),
        trend=course_of_runs(period, runs_by_agent(course_points).get(agent.id, {})),
        versions=versions,
        versions_more=more_versions,
        schemas=schema_rows(material),
        tools=tool_rows(profiles.used(period, FacetKind.TOOL, now, _TOOLS), scope),
        models=model_rows(profiles.used(period, FacetKind.MODEL, now, _MODELS), scope),
        failures=_failures(material),
        failures_href=scope.url("/failures"),
        scores=score_rows(queries.scores.days(account_id, wanted), scope)[:_QUALITY],
        records=tuple(record_row(series, scope) for series in number_series(lines)[:_QUALITY]),
        quality_href=scope.url("/quality"),
    )


def _tiles(material: AgentMaterial) -> tuple[Tile, ...]:
    totals, url = material.totals, material.query.scope.url
    each = cost_each(totals)
    cost = known(totals.cost_nano, totals.cost_unknown, totals.llm_calls)
    median, late = totals.quantile(0.5), totals.quantile(0.95)
    return (
        Tile(label="runs", value=amount(totals.runs), title=f"{totals.runs:,} runs", href=url("/runs")),
        Tile(
            label="success rate",
            value=success(totals),
            title=success_words(totals),
            href=url("/runs", status="complete"),
            tone=Tone.BAD if is_bad(totals) else Tone.PLAIN,
        ),
        Tile(
            label="failed",
            value=amount(totals.failed),
            title=f"{totals.failed:,} runs failed",
            href=url("/runs", status="failed"),
            tone=Tone.BAD if totals.failed else Tone.PLAIN,
        ),
        Tile(label="cost", value=cost.text, title=cost.title, href=url("/runs", sort="cost")),
        Tile(label="cost per success", value=each.text, title=each.title),
        Tile(
            label="median duration",
            value=NOTHING if median is None else duration(median),
            title="Half of the runs took no longer. Read from a sketch: at most 5 % off.",
            href=url("/runs", sort="duration"),
            note="" if late is None else f"95 % within {duration(late)}",
        ),
        Tile(
            label="tokens",
            value=amount(totals.tokens) if totals.tokens else NOTHING,
            title=f"{totals.input_tokens:,} input, {totals.output_tokens:,} output",
        ),
    )


def _failures(material: AgentMaterial) -> tuple[FailureLine, ...]:
    failures, period, now = material.queries.failures, material.period, material.now
    found = failures.groups(period, now, category=None, order=FailureOrder.TIMES, limit=_FAILURES, offset=0)
    courses = failures.courses(period, now, [one.group.fingerprint for one in found])
    query = FailuresQuery(scope=material.query.scope)
    return tuple(
        FailureLine(
            href=query.group_url(one.group.fingerprint),
            message=message_words(one.group.message, one.group.error_type),
            category=category_words(one.group.category),
            times=amount(one.times),
            trend=course(period, courses[one.group.fingerprint]),
        )
        for one in found
    )
