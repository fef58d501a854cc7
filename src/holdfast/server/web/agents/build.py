"""The page with all agents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from holdfast.server.services.clean_text import one_line
from holdfast.server.services.viewing.overview_sums import Totals, total, totals_by_agent
from holdfast.server.services.viewing.queries import Queries
from holdfast.server.stores.agents import AgentRow
from holdfast.server.stores.reads.agents import SchemaVersionRecord, VersionRecord
from holdfast.server.stores.reads.overview_views import RollupPoint
from holdfast.server.web.agents.numbers import (
    cost_each,
    course_of_runs,
    is_bad,
    known,
    success,
    success_words,
)
from holdfast.server.web.agents.pages import AgentRowView, AgentsPage
from holdfast.server.web.agents.query import AgentOrder, AgentsQuery
from holdfast.server.web.filters import choices, range_choices
from holdfast.server.web.format import amount
from holdfast.server.web.pages import Shell
from holdfast.server.web.period import period_of, period_words
from holdfast.server.web.shown import past_time
from holdfast.server.web.sparkline import Sparkline
from holdfast.wire.vocabulary import AgentStatus

__all__ = ["agents_page", "runs_by_agent", "version_title"]

_MOST = 500
_NONE = Totals(durations={})
_ORDERS = {
    AgentOrder.RUNS: "most runs first",
    AgentOrder.NAME: "by name",
    AgentOrder.SUCCESS: "lowest success first",
    AgentOrder.COST: "costliest first",
    AgentOrder.LAST: "last run first",
}


def agents_page(queries: Queries, shell: Shell, account_id: str, query: AgentsQuery, now: int) -> AgentsPage:
    reads = queries.profiles.reads
    period = period_of(queries.overview, account_id, query.scope, now)
    agents = reads.agents(account_id, _MOST)
    points = queries.overview.series(period, now, by_agent=True)
    totals, courses = totals_by_agent(points), runs_by_agent(points)
    last = reads.last_begun(account_id, [agent.id for agent in agents])
    newest = reads.newest_versions(account_id)
    return AgentsPage(
        shell=shell,
        ranges=range_choices(query.scope),
        orders=choices({order.value: label for order, label in _ORDERS.items()}, query.order.value),
        kept=tuple((n, text) for n, text in query.scope.pairs().items() if n in ("from", "to")),
        told=period_words(period, query.scope),
        rows=tuple(
            _row(
                agent,
                query,
                totals.get(agent.id, _NONE),
                course_of_runs(period, courses.get(agent.id, {})),
                last.get(agent.id),
                newest.get(agent.id),
                now,
            )
            for agent in _ordered(agents, query.order, totals, last)
        ),
        notice=f"The first {_MOST} agents by name are shown." if len(agents) == _MOST else "",
    )


def runs_by_agent(points: Iterable[RollupPoint]) -> dict[str, dict[int, int]]:
    """How many runs of each began, by the hours at which the points begin."""
    found: dict[str, dict[int, int]] = defaultdict(dict)
    for point in points:
        found[point.agent_id][point.hour] = total([point]).runs
    return found


def _ordered(
    agents: Sequence[AgentRow], order: AgentOrder, totals: Mapping[str, Totals], last: Mapping[str, int]
) -> Sequence[AgentRow]:
    def sums(agent: AgentRow) -> Totals:
        return totals.get(agent.id, _NONE)

    match order:
        case AgentOrder.NAME:
            return agents
        case AgentOrder.SUCCESS:
            return sorted(agents, key=lambda agent: (sums(agent).success is None, sums(agent).success or 0))
        case AgentOrder.COST:
            return sorted(agents, key=lambda agent: -sums(agent).cost_nano)
        case AgentOrder.LAST:
            return sorted(agents, key=lambda agent: -last.get(agent.id, 0))
        case _:
            return sorted(agents, key=lambda agent: -sums(agent).runs)


def _row(
    agent: AgentRow,
    query: AgentsQuery,
    totals: Totals,
    trend: Sparkline,
    last: int | None,
    newest: tuple[VersionRecord, int] | None,
    now: int,
) -> AgentRowView:
    version, count = newest or (None, 0)
    return AgentRowView(
        href=query.agent_url(agent.id),
        name=one_line(agent.name, 120) or one_line(agent.id, 60),
        description=one_line(agent.description or "", 200),
        retired=agent.status == AgentStatus.RETIRED.value,
        newest="" if version is None else version_title(version),
        versions=f"{count:,} versions" if count > 1 else "",
        runs=amount(totals.runs),
        runs_href=query.scope.url("/runs", agent=agent.id),
        success=success(totals),
        success_title=success_words(totals),
        bad=is_bad(totals),
        cost=known(totals.cost_nano, totals.cost_unknown, totals.llm_calls),
        each=cost_each(totals),
        trend=trend,
        last=None if last is None else past_time(last, now),
    )


def version_title(version: VersionRecord | SchemaVersionRecord) -> str:
    """The identifier that its writer gave it, else what it is called by."""
    name = version.name if isinstance(version, VersionRecord) else version.content_hash[:12]
    return one_line(version.external_identifier or name or "", 60) or one_line(version.id, 40)
