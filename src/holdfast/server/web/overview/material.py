"""What is read for the overview before anything of it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from urllib.parse import urlencode

from holdfast.server.services.overview import Overview, Period
from holdfast.server.services.overview_sums import Totals, by_name, total, totals_by_agent
from holdfast.server.services.queries import Queries
from holdfast.server.stores.facet_views import FacetPoint, FacetSum
from holdfast.server.stores.overview_views import RollupPoint
from holdfast.server.web.overview.query import OverviewQuery
from holdfast.server.web.period import period_of
from holdfast.server.web.scope import HOUR, Scope
from holdfast.wire.vocabulary import FacetKind

__all__ = ["Material"]

_AGENTS = 500


@dataclass(frozen=True, kw_only=True)
class Material:
    """The sums of the range and of the period before it, each read when it is first asked for."""

    queries: Queries
    account_id: str
    query: OverviewQuery
    now: int
    _facet_points: dict[FacetKind, Sequence[FacetPoint]] = field(default_factory=dict)
    _earlier_facets: dict[FacetKind, Mapping[str, FacetSum]] = field(default_factory=dict)

    @property
    def overview(self) -> Overview:
        return self.queries.overview

    @property
    def scope(self) -> Scope:
        return self.query.scope

    @cached_property
    def first_hour(self) -> int | None:
        """When the record of these runs begins, in hours since 1970."""
        return self.overview.reads.first_hour(self.account_id, self.scope.agent)

    @cached_property
    def period(self) -> Period:
        return period_of(self.overview, self.account_id, self.scope, self.now)

    @cached_property
    def points(self) -> Sequence[RollupPoint]:
        return self.overview.series(self.period, self.now)

    @cached_property
    def totals(self) -> Totals:
        return total(self.points)

    @cached_property
    def agent_points(self) -> Sequence[RollupPoint]:
        return self.overview.series(self.period, self.now, by_agent=True)

    @cached_property
    def agent_totals(self) -> Mapping[str, Totals]:
        """By agent id, '' where it is unknown."""
        return totals_by_agent(self.agent_points)

    @cached_property
    def earlier(self) -> Totals | None:
        """None where nothing was recorded before the range."""
        if not self.has_earlier:
            return None
        return total(self.overview.series(self.period.before(), self.now))

    @cached_property
    def has_earlier(self) -> bool:
        return self.first_hour is not None and self.first_hour < self.period.first

    @cached_property
    def earlier_agents(self) -> Mapping[str, Totals]:
        if not self.has_earlier:
            return {}
        return totals_by_agent(self.overview.series(self.period.before(), self.now, by_agent=True))

    def facet_points(self, kind: FacetKind) -> Sequence[FacetPoint]:
        if kind not in self._facet_points:
            self._facet_points[kind] = self.overview.facets(self.period, kind, self.now)
        return self._facet_points[kind]

    def facets(self, kind: FacetKind) -> Mapping[str, FacetSum]:
        """Sums over the range, by name."""
        return by_name(self.facet_points(kind))

    def earlier_facets(self, kind: FacetKind) -> Mapping[str, FacetSum]:
        """Of the period before; nothing where nothing was recorded before the range."""
        if kind not in self._earlier_facets:
            before = self.overview.facets(self.period.before(), kind, self.now) if self.has_earlier else ()
            self._earlier_facets[kind] = by_name(before)
        return self._earlier_facets[kind]

    @property
    def elapsed(self) -> float:
        """How much of the range has passed: sums of the period before are brought to as much time."""
        length = (self.period.last - self.period.first) * HOUR
        return min(1.0, (self.now - self.period.first * HOUR) / length)

    @cached_property
    def agents(self) -> Mapping[str, str]:
        """Names by id."""
        return {agent.id: agent.name for agent in self.queries.runs.agents(self.account_id, _AGENTS)}

    def bucket_scope(self, hour: int) -> Scope:
        """One point of the charts."""
        begin = max(hour, self.period.first)
        end = min(hour + self.period.step, self.period.last)
        return replace(self.scope, within=None, begin=begin * HOUR, end=end * HOUR)

    def failures_url(self, path: str = "/failures", **more: str) -> str:
        """The failures of the same runs."""
        return f"{path}?{urlencode(self.scope.full_pairs() | more)}"
