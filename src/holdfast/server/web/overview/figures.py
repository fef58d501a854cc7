"""The numbers of the overview besides the charts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from holdfast.server.services.clean_text import one_line
from holdfast.server.stores.reads.facet_views import FacetSum
from holdfast.server.stores.reads.overview import LOOKED_AT, Extreme
from holdfast.server.stores.reads.overview_views import RunMark
from holdfast.server.web.format import amount, duration, money, utc_text
from holdfast.server.web.links import run_path
from holdfast.server.web.overview.changes import what_changed
from holdfast.server.web.overview.deltas import against
from holdfast.server.web.overview.material import Material
from holdfast.server.web.overview.now import running_now
from holdfast.server.web.overview.pages import Bar, Change, Figures, Tone, TopRow
from holdfast.server.web.overview.tiles import percent, range_tiles
from holdfast.server.web.pages import CostView
from holdfast.server.web.scope import HOUR
from holdfast.server.web.shown import NOTHING, past_time
from holdfast.wire.agent_events import AgentEventName
from holdfast.wire.vocabulary import FacetKind

__all__ = ["figures"]

_TOP: Final = 5
_BARS: Final = 12
_NAMED: Final = 12
_FULL: Final = 1000

_STOPS: Final = {
    AgentEventName.LOOP_STOPPED: "loop stopped",
    AgentEventName.LOOP_STEERED: "steered out of a loop",
    AgentEventName.BUDGET_EXCEEDED: "budget used up",
    AgentEventName.BUDGET_WARNING: "budget warning",
    AgentEventName.GUARDRAIL_REFUSED: "refused by a guardrail",
    AgentEventName.PERMISSION_DENIED: "permission denied",
    AgentEventName.RATE_LIMIT_WAITED: "waited for a rate limit",
    AgentEventName.SESSION_STOPPED: "session stopped",
}
_RECOVERIES: Final = {
    AgentEventName.RECOVERY_SUCCEEDED: "mended",
    AgentEventName.RECOVERY_FAILED: "not mended",
    AgentEventName.RECOVERY_ESCALATED: "handed to a person",
    AgentEventName.RECOVERY_PROVIDER_SWITCHED: "moved to another provider",
}


def figures(material: Material) -> Figures:
    runs = material.totals.runs
    period, now, url = material.period, material.now, material.scope.url
    slowest, all_slow = material.overview.extremes(period, Extreme.DURATION, _TOP, runs, now)
    costliest, all_costly = material.overview.extremes(period, Extreme.COST, _TOP, runs, now)
    events = material.facets(FacetKind.EVENT)
    events_before = material.earlier_facets(FacetKind.EVENT)
    unpriced, also_unpriced = _unpriced(material)
    return Figures(
        now=running_now(material),
        tiles=range_tiles(material),
        compared=_compared(material),
        changes=what_changed(material),
        categories=_categories(material),
        stops=_event_bars(material, _STOPS, events, events_before),
        recoveries=_event_bars(material, _RECOVERIES, events, events_before),
        recovered=_recovered(events),
        slowest=tuple(_top(run, now) for run in slowest),
        costliest=tuple(_top(run, now) for run in costliest),
        looked_at="" if all_slow and all_costly else f"Among the newest {LOOKED_AT:,} runs of the range.",
        unpriced=unpriced,
        also_unpriced=also_unpriced,
        slowest_href=url("/runs", sort="duration"),
        costliest_href=url("/runs", sort="cost"),
    )


def _compared(material: Material) -> str:
    if material.first_hour is None:
        return ""
    if not material.has_earlier:
        return "Nothing was recorded before this range: there is nothing to compare it with."
    before = material.period.before()
    told = f"{utc_text(before.first * HOUR)[:16]} to {utc_text(before.last * HOUR)[:16]} UTC"
    if material.first_hour > before.first:
        began = utc_text(material.first_hour * HOUR)[:16]
        return f"Compared with {told}; the record begins only at {began} UTC."
    rates = ", for as much time" if material.elapsed < 1 else ""
    return f"Compared with {told}{rates}."


def _categories(material: Material) -> tuple[Bar, ...]:
    found, before = material.facets(FacetKind.CATEGORY), material.earlier_facets(FacetKind.CATEGORY)
    top = sorted(found.values(), key=lambda facet: (-facet.errors, facet.name))[:_BARS]
    longest = max((facet.errors for facet in top), default=1)
    return tuple(
        Bar(
            label=facet.name.replace("_", " "),
            href=material.failures_url(category=facet.name),
            value=amount(facet.errors),
            title=f"{facet.errors:,} failures in {facet.runs:,} runs",
            width=_width(facet.errors, longest),
            change=_against_before(material, before, facet.name, facet.errors, Tone.BAD),
        )
        for facet in top
        if facet.errors > 0
    )


def _event_bars(
    material: Material,
    labels: Mapping[AgentEventName, str],
    events: Mapping[str, FacetSum],
    before: Mapping[str, FacetSum],
) -> tuple[Bar, ...]:
    counts = {name: events[name].calls for name in labels if name in events and events[name].calls > 0}
    longest = max(counts.values(), default=1)
    return tuple(
        Bar(
            label=labels[name],
            href=material.scope.url("/runs", event=name.value),
            value=amount(count),
            title=f"{name.value}: {count:,} times in {events[name].runs:,} runs",
            width=_width(count, longest),
            change=_against_before(material, before, name, count, Tone.PLAIN),
        )
        for name, count in counts.items()
    )


def _against_before(
    material: Material, before: Mapping[str, FacetSum], name: str, count: int, more_is: Tone
) -> Change | None:
    if not material.has_earlier:
        return None
    earlier = before.get(name)
    told = 0 if earlier is None else max(earlier.errors, earlier.calls)
    return against(count, told, material.elapsed, f"{told:,}", more_is=more_is)


def _recovered(events: Mapping[str, FacetSum]) -> str:
    """How many failures were mended, of those whose end is known."""
    names = (AgentEventName.RECOVERY_SUCCEEDED, AgentEventName.RECOVERY_FAILED)
    mended, lost = (events[name].calls if name in events else 0 for name in names)
    if mended + lost == 0:
        return ""
    return f"{mended:,} of {mended + lost:,} failures mended ({percent(mended / (mended + lost))})"


def _unpriced(material: Material) -> tuple[tuple[Bar, ...], str]:
    """Models with calls of unknown cost, most calls first: a few with their counts, the others by name."""
    models = [facet for facet in material.facets(FacetKind.MODEL).values() if facet.cost_unknown > 0]
    models.sort(key=lambda facet: (-facet.cost_unknown, facet.name))
    bars = tuple(
        Bar(
            label=one_line(facet.name, 80),
            href=material.scope.url("/runs", model=facet.name),
            value=amount(facet.cost_unknown),
            title=f"{facet.cost_unknown:,} of {facet.calls:,} calls without a price, in {facet.runs:,} runs",
            width=_width(facet.cost_unknown, models[0].cost_unknown),
            change=None,
        )
        for facet in models[:_TOP]
    )
    others = [one_line(facet.name, 60) for facet in models[_TOP:]]
    if not others:
        return bars, ""
    hidden = len(others) - _NAMED
    more = f" and {hidden:,} more" if hidden > 0 else ""
    return bars, f"Also {', '.join(others[:_NAMED])}{more}."


def _width(count: int, longest: int) -> int:
    return max(1, count * _FULL // max(1, longest))


def _top(run: RunMark, now: int) -> TopRow:
    sign = "≥ " if run.cost_unknown else "~ " if run.cost_estimated else ""
    known = run.cost_nano > 0
    return TopRow(
        href=run_path(run.id),
        title=one_line(run.name or run.root_name or "", 120) or f"run {one_line(run.id, 40)}",
        agent=one_line(run.agent_name or run.agent_id or "", 80) or "unknown agent",
        status=run.status,
        started=past_time(run.begun_at, now),
        duration=NOTHING if run.duration is None else duration(run.duration),
        cost=CostView(
            text=sign + money(run.cost_nano) if known else NOTHING,
            title=f"{run.cost_unknown:,} calls of unknown cost are not in it" if run.cost_unknown else "",
            unknown=not known and run.cost_unknown > 0,
        ),
    )
