"""The points in time of a range, and the rows of a chart's table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from holdfast._clock import iso_utc
from holdfast.server.web.format import utc_text
from holdfast.server.web.overview.material import Material
from holdfast.server.web.overview.pages import Cell, PointRow
from holdfast.server.web.pages import TimeView
from holdfast.server.web.scope import HOUR

__all__ = ["point_rows"]

_DAY_HOURS = 24


def point_rows(
    material: Material, cells: Callable[[int], Sequence[Cell]], *, linked: bool = False
) -> tuple[PointRow, ...]:
    """One row for every point of the range; `cells` are those of the hour at which it begins. `linked`
    rows lead to the runs of their time: those of one chart do, for all charts."""
    whole_days = material.period.step >= _DAY_HOURS
    return tuple(
        PointRow(
            time=_time(hour, whole_days=whole_days),
            whole_days=whole_days,
            href=material.bucket_scope(hour).url("/runs") if linked else "",
            cells=tuple(cells(hour)),
        )
        for hour in material.period.buckets
    )


def _time(hour: int, *, whole_days: bool) -> TimeView:
    iso, text = iso_utc(hour * HOUR), utc_text(hour * HOUR)
    if whole_days:
        return TimeView(iso=iso[:10], text=text[:10], title="")
    return TimeView(iso=f"{iso[:16]}Z", text=text[5:16], title=f"{text[:16]} UTC")
