"""The charts of the overview, as the tables that they are drawn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from holdfast.server.stores.durations import quantile_ns
from holdfast.server.stores.reads.overview_views import RollupPoint
from holdfast.server.web.format import amount, duration
from holdfast.server.web.overview.material import Material
from holdfast.server.web.overview.pages import Cell, ChartKind, ChartView, Line, Unit
from holdfast.server.web.overview.points import point_rows
from holdfast.server.web.overview.split_charts import split_charts
from holdfast.server.web.shown import NOTHING

__all__ = ["charts"]

_STATUSES: Final[Mapping[str, tuple[str, str, Callable[[RollupPoint], int]]]] = {
    "complete": ("complete", "c-ok", lambda point: point.complete),
    "failed": ("failed", "c-bad", lambda point: point.failed),
    "terminated": ("terminated", "c-halt", lambda point: point.terminated),
    "cancelled": ("cancelled", "c-warn", lambda point: point.cancelled),
    "going on": ("active", "c-busy", lambda point: point.active + point.pending),
}
_QUANTILES: Final = {"median": (0.5, "c-1"), "90 %": (0.9, "c-2"), "99 %": (0.99, "c-4")}


def charts(material: Material) -> tuple[ChartView, ...]:
    return (_status_chart(material), _duration_chart(material), *split_charts(material))


def _status_chart(material: Material) -> ChartView:
    at = {point.hour: point for point in material.points}
    sums = {name: sum(map(count, material.points)) for name, (_, _, count) in _STATUSES.items()}
    counted = [count for name, (_, _, count) in _STATUSES.items() if sums[name]]

    def cells(hour: int) -> list[Cell]:
        point = at.get(hour)
        return [_count(0 if point is None else count(point)) for count in counted]

    return ChartView(
        id="runs",
        title="Runs by status",
        kind=ChartKind.BARS,
        unit=Unit.COUNT,
        lines=tuple(
            Line(
                label=name,
                colour=colour,
                href=material.scope.url("/runs", status=status),
                total=amount(sums[name]),
            )
            for name, (status, colour, _) in _STATUSES.items()
            if sums[name]
        ),
        rows=point_rows(material, cells, linked=True),
        note="",
        empty="" if material.totals.runs else "No run began in this range.",
    )


def _duration_chart(material: Material) -> ChartView:
    at = {point.hour: point.durations for point in material.points}
    totals = material.totals

    def cells(hour: int) -> list[Cell]:
        return [_seconds(quantile_ns(at.get(hour, {}), share)) for share, _ in _QUANTILES.values()]

    return ChartView(
        id="durations",
        title="How long runs took",
        kind=ChartKind.LINES,
        unit=Unit.SECONDS,
        lines=tuple(
            Line(
                label=name,
                colour=colour,
                href=material.scope.url("/runs", sort="duration"),
                total=_seconds(totals.quantile(share)).text,
            )
            for name, (share, colour) in _QUANTILES.items()
        ),
        rows=point_rows(material, cells),
        note="That share of the runs took no longer. Read from a sketch: at most 5 % off.",
        empty="" if totals.durations else "No run of this range has a start and an end yet.",
    )


def _count(count: int) -> Cell:
    return Cell(text=f"{count:,}")


def _seconds(ns: int | None) -> Cell:
    if ns is None:
        return Cell(text=NOTHING)
    return Cell(text=duration(ns), value=f"{ns / 1e9:.4g}")
