"""Numbers of agents and versions as pages show them."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast._clock import iso_utc
from holdfast.server.services.viewing.overview import Period
from holdfast.server.services.viewing.overview_sums import Totals
from holdfast.server.web.format import money
from holdfast.server.web.overview.tiles import percent
from holdfast.server.web.pages import CostView
from holdfast.server.web.scope import HOUR
from holdfast.server.web.shown import NOTHING
from holdfast.server.web.sparkline import Sparkline, sparkline

__all__ = ["cost_each", "course_of_runs", "is_bad", "known", "success", "success_words"]

_BAD = 0.9
"""A success rate below this is shown in the colour of failures."""


def success(totals: Totals) -> str:
    return NOTHING if totals.success is None else percent(totals.success)


def success_words(totals: Totals) -> str:
    judged = totals.complete + totals.failed + totals.terminated
    return f"{totals.complete:,} of {judged:,} runs that completed, failed or were terminated"


def is_bad(totals: Totals) -> bool:
    return totals.success is not None and totals.success < _BAD


def known(nano: int, unknown: int, calls: int) -> CostView:
    """The sum of what is known; `≥` where the cost of some calls is not, and nothing where that of none is."""
    if not nano:
        return CostView(
            text=NOTHING if unknown or not calls else money(0),
            title=f"The cost of {unknown:,} calls is not known." if unknown else "No cost was recorded.",
            unknown=bool(unknown),
        )
    title = f"The cost of {unknown:,} calls is not known and not in it." if unknown else "Of all calls."
    return CostView(text=("≥ " if unknown else "") + money(nano), title=title, unknown=False)


def cost_each(totals: Totals) -> CostView:
    """The cost of all runs for each that succeeded."""
    if not totals.complete:
        return CostView(text=NOTHING, title="No run succeeded.", unknown=False)
    view = known(totals.cost_nano // totals.complete, totals.cost_unknown, totals.llm_calls)
    return CostView(
        text=view.text,
        title=f"The cost of all runs for each of the {totals.complete:,} that succeeded. {view.title}",
        unknown=view.unknown,
    )


def course_of_runs(period: Period, runs: Mapping[int, int]) -> Sparkline:
    """How many runs began, over the range."""
    values = [runs.get(hour, 0) for hour in period.buckets]
    most = max(values, default=0)
    if not most:
        return Sparkline(path="", label="no runs in this range")
    hour = list(period.buckets)[values.index(most)]
    when = iso_utc(hour * HOUR)[: 10 if period.step >= 24 else 16].replace("T", " ")
    return sparkline(values, f"{sum(values):,} runs; most, {most:,}, from {when} UTC", least=0)
