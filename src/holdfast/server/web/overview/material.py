"""What is read for the overview before anything of it is shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from urllib.parse import urlencode

from holdfast.server.services.viewing.overview import Overview, Period
from holdfast.server.services.viewing.overview_sums import Totals, total
from holdfast.server.services.viewing.queries import Queries
from holdfast.server.stores.reads.facet_views import FacetSum
from holdfast.server.stores.reads.overview_views import RollupPoint
from holdfast.server.web.overview.query import OverviewQuery
from holdfast.server.web.period import period_of
from holdfast.server.web.scope import HOUR, Scope
from holdfast.wire.vocabulary import FacetKind

__all__ = ["Material"]

_AGENTS = 200


@dataclass(frozen=True, kw_only=True)
class Material:
    """The sums of the range and of the period before it, each read when it is first asked for."""

    queries: Queries
    account_id: str
    query: OverviewQuery
    now: int
    _facets: dict[FacetKind, Mapping[str, FacetSum]] = field(default_factory=dict)
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
    def agent_totals(self) -> Mapping[str, Totals]:
        """By agent id, '' where it is unknown."""
        return self.overview.agents(self.period, self.now)

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
        return self.overview.agents(self.period.before(), self.now)

    def facets(self, kind: FacetKind) -> Mapping[str, FacetSum]:
        """Sums over the range, by name."""
        if kind not in self._facets:
            self._facets[kind] = self.overview.facets(self.period, kind, self.now)
        return self._facets[kind]

    def earlier_facets(self, kind: FacetKind) -> Mapping[str, FacetSum]:
        """Of the period before; nothing where nothing was recorded before the range."""
        if kind not in self._earlier_facets:
            before = self.overview.facets(self.period.before(), kind, self.now) if self.has_earlier else {}
            self._earlier_facets[kind] = before
        return self._earlier_facets[kind]

    @property
    def elapsed(self) -> float:
        """How much of the range has passed: sums of the period before are brought to as much time."""
        length = (self.period.last - self.period.first) * HOUR
        return min(1.0, (self.now - self.period.first * HOUR) / length)

    @cached_property
    def agents(self) -> Mapping[str, str]:
        """Names by id, of those that can be chosen: the first by name."""
        return {agent.id: agent.name for agent in self.queries.runs.agents(self.account_id, _AGENTS)}

    def agent_names(self, ids: Collection[str]) -> Mapping[str, str]:
        """Names by id, of these."""
        if all(agent_id in self.agents for agent_id in ids):
            return self.agents
        return self.overview.reads.agent_names(self.account_id, ids)

    def bucket_scope(self, hour: int) -> Scope:
        """One point of the charts."""
        begin = max(hour, self.period.first)
        end = min(hour + self.period.step, self.period.last)
        return replace(self.scope, within=None, begin=begin * HOUR, end=end * HOUR)

    def failures_url(self, path: str = "/failures", **more: str) -> str:
        """The failures of the same runs."""
        return f"{path}?{urlencode(self.scope.full_pairs() | more)}"
