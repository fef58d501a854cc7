"""The page of the overview."""

from __future__ import annotations

from holdfast._clock import iso_utc
from holdfast.server.services.viewing.queries import Queries
from holdfast.server.web.filters import agent_choices
from holdfast.server.web.overview.charts import charts
from holdfast.server.web.overview.figures import figures
from holdfast.server.web.overview.material import Material
from holdfast.server.web.overview.pages import Change, FiguresPart, OverviewPage, ScopeBar
from holdfast.server.web.overview.query import OverviewQuery, Split
from holdfast.server.web.pages import Choice, Shell
from holdfast.server.web.period import period_words
from holdfast.server.web.scope import ALL_TIME, HOUR, RANGES

__all__ = ["figures_part", "overview_page"]


def overview_page(
    queries: Queries, shell: Shell, account_id: str, query: OverviewQuery, now: int
) -> OverviewPage:
    material = Material(queries=queries, account_id=account_id, query=query, now=now)
    nothing_yet = material.first_hour is None and query.scope.agent is None
    return OverviewPage(
        shell=shell,
        nothing_yet=nothing_yet,
        elsewhere=None if nothing_yet or material.totals.runs else _elsewhere(material),
        scope=_scope_bar(material),
        figures=figures(material),
        charts=() if nothing_yet else charts(material),
        splits=tuple(
            Choice(value=query.by(split).url(), label=f"by {split}", chosen=query.split is split)
            for split in Split
        ),
        part_href=query.url("/overview/figures"),
    )


def figures_part(queries: Queries, account_id: str, query: OverviewQuery, now: int) -> FiguresPart:
    material = Material(queries=queries, account_id=account_id, query=query, now=now)
    return FiguresPart(figures=figures(material))


def _elsewhere(material: Material) -> Change | None:
    """Where the newest runs are, when the range has none."""
    last = material.overview.reads.last_hour(material.account_id, material.scope.agent)
    if last is None:
        return None
    hours = material.now // HOUR - last
    fitting = next((name for name, (_, length) in RANGES.items() if hours <= length), None)
    label = "all time" if fitting is None else RANGES[fitting][0]
    return Change(text=f"Show {label}", href=material.query.within(fitting).url())


def _scope_bar(material: Material) -> ScopeBar:
    query, scope = material.query, material.scope
    own = scope.begin is not None or scope.end is not None
    ranges = [
        Choice(value=query.within(name).url(), label=name, chosen=scope.within == name) for name in RANGES
    ]
    chosen_all = scope.within is None and not own
    ranges.append(Choice(value=query.within(None).url(), label=ALL_TIME, chosen=chosen_all))
    kept = query.pairs()
    return ScopeBar(
        ranges=tuple(ranges),
        agents=agent_choices(material.agents, scope.agent),
        begin=iso_utc(material.period.first * HOUR)[:16],
        end=iso_utc(material.period.last * HOUR)[:16],
        own=own,
        told=period_words(material.period, scope),
        kept=tuple(kept.items()),
        filtered=scope.agent is not None,
    )
