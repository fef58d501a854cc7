"""What the failures pages read: groups in a range with their course, and the runs of one group."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, TypeVar

from holdfast.server.services.recent import Recent
from holdfast.server.services.viewing.overview import Period
from holdfast.server.stores.base import Store
from holdfast.server.stores.reads.facet_views import FacetPoint, FacetSpan, FailureGroup
from holdfast.server.stores.reads.facets import FacetReads
from holdfast.server.stores.reads.failures import FailureOrder, FailureReads, FailureSum, Outcomes
from holdfast.wire.vocabulary import FacetKind, FailureCategory

__all__ = ["Failures"]

_HOUR: Final = 3_600_000_000_000
_SECOND: Final = 1_000_000_000
_MOST_POINTS: Final = 20_000
_KEPT: Final = 60 * _SECOND
"""How old what is shown of a long range may be: there is much to read, and little of it changes."""
_LONG_HOURS: Final = 8 * 24
_OUTCOMES: Final = 100

T = TypeVar("T")


class Failures:
    """Thread-safe. Every call may read the database: keep it off the event loop. `now` is nanoseconds."""

    def __init__(self, store: Store) -> None:
        self.reads = FailureReads(store)
        self._facets = FacetReads(store)
        self._categories: Recent[object, Mapping[str, int]] = Recent(_KEPT, most=200)
        self._groups: Recent[object, Sequence[FailureSum]] = Recent(_KEPT, most=200)
        self._courses: Recent[object, Mapping[str, Mapping[int, int]]] = Recent(_KEPT, most=200)
        self._outcomes: Recent[object, Mapping[str, Outcomes]] = Recent(_KEPT, most=200)

    def group(self, account_id: str, fingerprint: str) -> FailureGroup | None:
        return self._facets.failure_groups(account_id, [fingerprint]).get(fingerprint)

    def categories(self, period: Period, now: int) -> Mapping[str, int]:
        """How often each category happened, the most frequent first."""

        def read() -> Mapping[str, int]:
            sums = self._facets.sums(_span(period, FacetKind.CATEGORY), order="errors")
            return {one.name: one.errors for one in sums}

        return _kept(self._categories, period, period, now, read)

    def groups(
        self,
        period: Period,
        now: int,
        *,
        category: FailureCategory | None,
        order: FailureOrder,
        limit: int,
        offset: int,
    ) -> Sequence[FailureSum]:
        """As `FailureReads.groups`."""
        return _kept(
            self._groups,
            (period, category, order, limit, offset),
            period,
            now,
            lambda: self.reads.groups(
                _span(period, FacetKind.FAILURE), category=category, order=order, limit=limit, offset=offset
            ),
        )

    def courses(
        self, period: Period, now: int, fingerprints: Collection[str]
    ) -> Mapping[str, Mapping[int, int]]:
        """How often each happened, by the hour at which a point of the period begins."""

        def read() -> Mapping[str, Mapping[int, int]]:
            found: dict[str, dict[int, int]] = {name: {} for name in fingerprints}
            points: Sequence[FacetPoint] = self._facets.series(
                _span(period, FacetKind.FAILURE), hours=period.step, names=fingerprints, limit=_MOST_POINTS
            )
            for point in points:
                found[point.name][point.hour] = point.errors
            return found

        return _kept(self._courses, (period, tuple(fingerprints)), period, now, read)

    def outcomes(self, period: Period, now: int, fingerprints: Sequence[str]) -> Mapping[str, Outcomes]:
        """Of the newest hundred runs of each; see `FailureReads.outcomes`."""
        return _kept(
            self._outcomes,
            (period, tuple(fingerprints)),
            period,
            now,
            lambda: self.reads.outcomes(_span(period, FacetKind.FAILURE), fingerprints, _OUTCOMES),
        )

    def by_agent(self, period: Period, fingerprint: str) -> Sequence[tuple[str, int, int]]:
        return self.reads.by_agent(_span(period, FacetKind.FAILURE), fingerprint)

    def span(self, period: Period) -> FacetSpan:
        """The period, for the reads of runs."""
        return _span(period, FacetKind.FAILURE)


def _kept(recent: Recent[object, T], key: object, period: Period, now: int, read: Callable[[], T]) -> T:
    long = period.last - period.first > _LONG_HOURS
    found = recent.get(key, now) if long else None
    if found is None:
        found = read()
        if long:
            recent.put(key, found, now)
    return found


def _span(period: Period, kind: FacetKind) -> FacetSpan:
    return FacetSpan(
        account_id=period.account_id,
        agent_id=period.agent_id,
        kind=kind,
        since=period.first * _HOUR,
        until=period.last * _HOUR,
    )
