"""The time axis of the waterfall: the whole run, or the part of it that the reader zoomed to."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.server.services.viewing.run_tree import SpanTree
from holdfast.server.stores.reads.run_views import RunRecord
from holdfast.server.web.format import duration
from holdfast.server.web.run.pages import DensityBar, TimeBar
from holdfast.server.web.run.query import RunQuery
from holdfast.server.web.shown import run_end

__all__ = ["Axis", "time_bar"]

_AXIS = 1000
_NARROWEST = 3
_BARS = 100
_SAMPLED = 20_000
_MS = 1_000_000


class Axis:
    """Times as thousandths of a row's width."""

    def __init__(self, run: RunRecord, tree: SpanTree, zoom: tuple[int, int] | None, now: int) -> None:
        began = run.started_at if run.started_at is not None else run.begun_at
        ended = run_end(run, now)
        if tree.ids:
            # a span's clock may be another machine's: its own times win over the run's
            began = min(began, tree.first_start)
            ended = max(ended, tree.last_start)
        self.whole_began = began
        self.whole_length = max(1, ended - began)
        self.now = min(now, ended)
        self.began, self.length = began, self.whole_length
        if zoom is not None and zoom[0] * _MS < self.whole_length:
            self.began = began + zoom[0] * _MS
            self.length = max(_MS, min(zoom[1] * _MS, self.whole_length) - zoom[0] * _MS)

    @property
    def zoomed(self) -> bool:
        return self.length < self.whole_length

    def place(self, started: int, ended: int | None) -> tuple[int, int] | None:
        """Where a bar begins and how wide it is; None where all of it lies outside."""
        last = self.now if ended is None else max(started, ended)
        x, end = ((when - self.began) * _AXIS // self.length for when in (started, last))
        if end < 0 or x > _AXIS:
            return None
        x = max(0, min(_AXIS - _NARROWEST, x))
        return x, max(_NARROWEST, min(_AXIS, end) - x)

    def ticks(self) -> tuple[str, ...]:
        offset = self.began - self.whole_began
        return tuple(duration(offset + self.length * quarter // 4) for quarter in range(1, 5))


def time_bar(axis: Axis, tree: SpanTree, query: RunQuery, *, sketch: bool) -> TimeBar:
    """The whole of the run in small, where it was busy and where it failed, with the ways to look closer."""
    begin, length = (axis.began - axis.whole_began) // _MS, max(1, axis.length // _MS)
    whole = max(1, axis.whole_length // _MS)
    middle = begin + length // 2

    def part(start: int, size: int) -> str:
        start = max(0, min(start, whole - size))
        return query.zoomed(start, start + size) if size < whole else query.whole_time()

    return TimeBar(
        bars=_density(axis, tree) if sketch else (),
        x=begin * _AXIS // whole,
        width=max(_NARROWEST, length * _AXIS // whole),
        whole_ms=whole,
        closer_href=part(middle - length // 4, max(1, length // 2)) if length > 1 else "",
        wider_href=part(middle - length, length * 2) if axis.zoomed else "",
        back_href=part(begin - length // 2, length) if axis.zoomed and begin > 0 else "",
        on_href=part(begin + length // 2, length) if axis.zoomed and begin + length < whole else "",
        whole_href=query.whole_time() if axis.zoomed else "",
    )


def _density(axis: Axis, tree: SpanTree) -> tuple[DensityBar, ...]:
    """How many spans began in each hundredth of the time, the busiest being 100. Of very many spans every
    so-and-so-many-th is looked at: it is a sketch."""
    step = max(1, len(tree.starts) // _SAMPLED)
    counts = _counts(axis, tree.starts[::step])
    failed = _counts(axis, [tree.starts[place] for place in tree.failed[:_SAMPLED]])
    most = max(counts.values(), default=1)
    return tuple(
        DensityBar(
            x=bucket * _AXIS // _BARS,
            height=max(12, counts.get(bucket, 0) * 100 // most),
            bad=bucket in failed,
        )
        for bucket in sorted(counts.keys() | failed.keys())
    )


def _counts(axis: Axis, starts: Sequence[int]) -> dict[int, int]:
    began, length = axis.whole_began, axis.whole_length
    counts: dict[int, int] = {}
    for start in starts:
        bucket = min(_BARS - 1, (start - began) * _BARS // length)
        counts[bucket] = counts.get(bucket, 0) + 1
    return counts
