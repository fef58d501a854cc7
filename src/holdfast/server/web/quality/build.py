"""The quality page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from holdfast._clock import iso_utc
from holdfast.server.services.clean_text import clip, one_line
from holdfast.server.services.managing.scores import Scores
from holdfast.server.services.viewing.queries import Queries
from holdfast.server.stores.reach import Reach
from holdfast.server.stores.reads.api import Window
from holdfast.server.stores.reads.quality import NEWEST_RECORDS, NEWEST_RUNS
from holdfast.server.stores.scores import DayOfScores, ScoreFilter
from holdfast.server.web.format import amount
from holdfast.server.web.links import run_path
from holdfast.server.web.opinions import score_number, show_opinion
from holdfast.server.web.pages import Choice, Shell
from holdfast.server.web.quality.pages import QualityPage, QualityRow, ScoreRowView
from holdfast.server.web.quality.records import NumberSeries, number_series
from holdfast.server.web.scope import RANGES, Scope
from holdfast.server.web.shown import NOTHING
from holdfast.server.web.sparkline import Sparkline, sparkline
from holdfast.wire.scores import THUMB

__all__ = ["quality_page", "record_row", "score_rows"]

_AGENTS = 200
_OPINIONS = 30
_DAY = 24 * 3_600_000_000_000
_MOST_DAYS = 90


def quality_page(
    queries: Queries, scores: Scores, shell: Shell, account_id: str, scope: Scope, now: int
) -> QualityPage:
    wanted = ScoreFilter(agent_id=scope.agent, since=scope.since(now), until=scope.until())
    newest = Window(offset=0, size=_OPINIONS, field="updated_at", descending=True)
    opinions, _ = scores.reads.page(Reach(account_id=account_id), wanted, newest)
    lines = queries.quality.newest(
        account_id, agent_id=scope.agent, since=scope.since(now), until=scope.until()
    )
    names = {agent.id: agent.name for agent in queries.runs.agents(account_id, _AGENTS)}
    clipped = ""
    if len(lines) == NEWEST_RECORDS:
        clipped = f"The newest {NEWEST_RECORDS:,} records are counted, of the newest {NEWEST_RUNS:,} runs."
    return QualityPage(
        shell=shell,
        agents=_choices({"": "all agents", **_known(names, scope.agent)}, scope.agent),
        ranges=_choices({"": "all time", **{key: label for key, (label, _) in RANGES.items()}}, scope.within),
        scores=score_rows(scores.reads.days(account_id, wanted), scope),
        opinions=tuple(show_opinion(row, now) for row in opinions),
        records=tuple(record_row(series, scope) for series in number_series(lines)),
        clipped=clipped,
        filtered=bool(scope.pairs()),
    )


def _known(names: Mapping[str, str], agent: str | None) -> dict[str, str]:
    shown = {agent_id: one_line(name, 60) or agent_id for agent_id, name in names.items()}
    return shown if agent is None or agent in shown else {agent: clip(agent, 60), **shown}


def _choices(labels: Mapping[str, str], chosen: str | None) -> tuple[Choice, ...]:
    return tuple(Choice(value=v, label=label, chosen=v == (chosen or "")) for v, label in labels.items())


def score_rows(days: Sequence[DayOfScores], scope: Scope) -> tuple[ScoreRowView, ...]:
    by_kind: dict[tuple[str, str | None], list[DayOfScores]] = defaultdict(list)
    for day in days:
        by_kind[day.name, day.agent_id].append(day)
    return tuple(_score_row(found, scope) for found in by_kind.values())


def _score_row(days: Sequence[DayOfScores], scope: Scope) -> ScoreRowView:
    first = days[0]
    count = sum(day.count for day in days)
    mean = sum(day.total for day in days) / count
    least, most = min(day.least for day in days), max(day.most for day in days)
    thumbs = first.name == THUMB
    return ScoreRowView(
        name=one_line(first.name, 80),
        agent=one_line(first.agent_name or "", 80) or NOTHING,
        agent_href=_runs_of(first.agent_id, scope),
        count=amount(count),
        mean=f"{mean:.0%} up" if thumbs else score_number(mean),
        spread="" if thumbs else f"{score_number(least)} to {score_number(most)}",
        trend=_trend({day.day: day.total / day.count for day in days}, "mean by day"),
    )


def record_row(series: NumberSeries, scope: Scope) -> QualityRow:
    mean = series.mean
    newest = series.newest
    return QualityRow(
        name=one_line(series.name, 80),
        field=one_line(series.path, 80),
        agent=one_line(series.agent_name or "", 80) or NOTHING,
        agent_href=_runs_of(series.agent_id, scope),
        count=amount(series.count),
        mean=NOTHING if mean is None else score_number(mean),
        violations=series.violations,
        trend=None
        if mean is None
        else _trend({day: total / count for day, (total, count) in series.days.items()}, "mean by day"),
        latest=one_line(newest.summary or newest.run_name or newest.run_id, 160),
        latest_href=run_path(newest.run_id),
    )


def _trend(by_day: Mapping[int, float], what: str) -> Sparkline:
    last = max(by_day)
    days = range(max(min(by_day), last - _MOST_DAYS + 1), last + 1)
    shown = [day for day in days if day in by_day]
    first_text, last_text = iso_utc(shown[0] * _DAY)[:10], iso_utc(last * _DAY)[:10]
    label = f"{what}: {score_number(by_day[shown[0]])} on {first_text}"
    if len(shown) > 1:
        label += f", {score_number(by_day[last])} on {last_text}"
    return sparkline([by_day.get(day) for day in days], label)


def _runs_of(agent_id: str | None, scope: Scope) -> str:
    return "" if agent_id is None else scope.url("/runs", agent=agent_id)
