"""What the overview is made of: sums of a range and of the period before it, what is open, what stands out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from holdfast.server.services.recent import Recent
from holdfast.server.services.viewing.overview_sums import Totals, by_name, step_hours, totals_by_agent
from holdfast.server.stores.base import Store
from holdfast.server.stores.reads.facet_views import FacetPoint, FacetSpan, FacetSum
from holdfast.server.stores.reads.facets import FacetReads
from holdfast.server.stores.reads.overview import Extreme, OverviewReads
from holdfast.server.stores.reads.overview_views import OpenRunRecord, OverviewSpan, RollupPoint, RunMark
from holdfast.wire.vocabulary import FacetKind

__all__ = ["Overview", "Period"]

_SECOND: Final = 1_000_000_000
_HOUR: Final = 3600 * _SECOND
_FRESH_HOURS: Final = 24
"""Sums of what began longer ago may be as old as `_OLDER_KEPT`: they are many, and little of them changes."""
_OLDER_KEPT: Final = 300 * _SECOND
_EXTREMES_KEPT: Final = 20 * _SECOND
_OPEN_KEPT: Final = 2 * _SECOND
_NAMES: Final = 500
_ALL_HOURS: Final = 1 << 40
"""A step so long that a whole period is one point."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The runs of an account that began in the hours from `first` to before `last` (since 1970), of one
    agent if given; sums are given for every `step` hours. `last` lies ahead where the period goes on."""

    account_id: str
    agent_id: str | None
    first: int
    last: int
    step: int

    @classmethod
    def of(cls, account_id: str, agent_id: str | None, first: int, last: int) -> Period:
        """With the step that fits its length."""
        return cls(
            account_id=account_id, agent_id=agent_id, first=first, last=last, step=step_hours(last - first)
        )

    @property
    def buckets(self) -> range:
        """The hours at which the points begin; the first may begin before the period does."""
        return range(self.first // self.step * self.step, self.last, self.step)

    def before(self) -> Period:
        """The period as long as this one that ends where it begins."""
        return replace(self, first=max(0, 2 * self.first - self.last), last=self.first)


class Overview:
    """Thread-safe. Every call may read the database: keep it off the event loop. `now` is nanoseconds."""

    def __init__(self, store: Store) -> None:
        self.reads = OverviewReads(store)
        self.facet_reads = FacetReads(store)
        self._points: Recent[object, Sequence[RollupPoint]] = Recent(_OLDER_KEPT, most=100)
        self._facet_sums: Recent[object, Sequence[FacetSum]] = Recent(_OLDER_KEPT, most=200)
        self._facet_points: Recent[object, Sequence[FacetPoint]] = Recent(_OLDER_KEPT, most=100)
        self._extremes: Recent[object, tuple[Sequence[RunMark], bool]] = Recent(_EXTREMES_KEPT, most=400)
        self._open: Recent[object, Sequence[OpenRunRecord]] = Recent(_OPEN_KEPT, most=100)

    def open_runs(self, account_id: str, agent_id: str | None, now: int) -> Sequence[OpenRunRecord]:
        """As `OverviewReads.open_runs`; may be two seconds old."""
        return _kept(
            self._open, (account_id, agent_id), now, lambda: self.reads.open_runs(account_id, agent_id)
        )

    def series(
        self,
        period: Period,
        now: int,
        *,
        by_agent: bool = False,
        of_agents: tuple[str, ...] | None = None,
    ) -> list[RollupPoint]:
        """As `OverviewReads.series`."""

        def read(first: int, last: int) -> list[RollupPoint]:
            span = _span(period, first, last)
            return self.reads.series(span, period.step, by_agent=by_agent, of_agents=of_agents)

        key = period.account_id, period.agent_id, by_agent, of_agents
        return _in_two(self._points, key, period, now, read)

    def agents(self, period: Period, now: int) -> dict[str, Totals]:
        """Sums over the runs of the period by agent id, '' where it is unknown; without durations."""

        def read(first: int, last: int) -> list[RollupPoint]:
            return self.reads.series(_span(period, first, last), _ALL_HOURS, by_agent=True)

        key = period.account_id, period.agent_id, "agents"
        return totals_by_agent(_in_two(self._points, key, period, now, read))

    def facets(self, period: Period, kind: FacetKind, now: int) -> dict[str, FacetSum]:
        """What the runs of the period used or met, by name: the `_NAMES` most frequent of the last day and
        those of before."""
        order = "errors" if kind in (FacetKind.FAILURE, FacetKind.CATEGORY) else "calls"

        def read(first: int, last: int) -> list[FacetSum]:
            return self.facet_reads.sums(_facet_span(period, kind, first, last), order=order, limit=_NAMES)

        key = period.account_id, period.agent_id, kind
        return by_name(_in_two(self._facet_sums, key, period, now, read))

    def facet_series(
        self, period: Period, kind: FacetKind, names: tuple[str, ...], now: int
    ) -> list[FacetPoint]:
        """The course of some of them over the period, as `FacetReads.series`."""

        def read(first: int, last: int) -> list[FacetPoint]:
            span = _facet_span(period, kind, first, last)
            return self.facet_reads.series(span, hours=period.step, names=names)

        key = period.account_id, period.agent_id, kind, names
        return _in_two(self._facet_points, key, period, now, read)

    def extremes(
        self, period: Period, extreme: Extreme, limit: int, runs: int, now: int
    ) -> tuple[Sequence[RunMark], bool]:
        """As `OverviewReads.extremes`, at most 20 seconds old. `runs` is how many the period has."""
        span = _span(period, period.first, period.last)
        return _kept(
            self._extremes,
            (span, extreme, limit),
            now,
            lambda: self.reads.extremes(span, extreme, limit, share=runs / max(1, self.reads.runs_ever())),
        )


def _span(period: Period, first: int, last: int) -> OverviewSpan:
    return OverviewSpan(account_id=period.account_id, agent_id=period.agent_id, first=first, last=last)


def _facet_span(period: Period, kind: FacetKind, first: int, last: int) -> FacetSpan:
    return FacetSpan(
        account_id=period.account_id,
        agent_id=period.agent_id,
        kind=kind,
        since=first * _HOUR,
        until=last * _HOUR,
    )


def _kept(kept: Recent[object, T], key: object, now: int, read: Callable[[], T]) -> T:
    found = kept.get(key, now)
    if found is None:
        found = read()
        kept.put(key, found, now)
    return found


def _in_two(
    kept: Recent[object, Sequence[T]],
    key: tuple[object, ...],
    period: Period,
    now: int,
    read: Callable[[int, int], list[T]],
) -> list[T]:
    """What is kept of the hours long ago, and then the others, which are read anew."""
    edge = (now // _HOUR - _FRESH_HOURS) // period.step * period.step
    if period.first >= edge:
        return read(period.first, period.last)
    older_end = min(edge, period.last)
    whole_key = (*key, period.step, period.first, older_end)
    older = _kept(kept, whole_key, now, lambda: read(period.first, older_end))
    return [*older, *(read(older_end, period.last) if older_end < period.last else ())]
