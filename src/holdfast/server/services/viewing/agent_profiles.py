"""What the pages of agents read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from holdfast.server.services.recent import Recent
from holdfast.server.services.viewing.overview import Overview, Period
from holdfast.server.services.viewing.schema_drift import Drift, Fields, declared_fields, drift_between
from holdfast.server.stores.base import Store
from holdfast.server.stores.reads.agents import AgentReads, SchemaVersionRecord, VersionSum
from holdfast.server.stores.reads.facet_views import FacetSpan, FacetSum
from holdfast.server.stores.reads.facets import FacetReads
from holdfast.wire.vocabulary import FacetKind

__all__ = ["AgentProfiles"]

_HOUR: Final = 3_600_000_000_000
_KEPT: Final = 60_000_000_000
"""How old sums of a long range may be: there is much to read, and little of it changes."""
_LONG_HOURS: Final = 8 * 24
_FIELDS_KEPT: Final = 600_000_000_000


class AgentProfiles:
    """Thread-safe. Every call may read the database: keep it off the event loop. `now` is nanoseconds."""

    def __init__(self, store: Store, overview: Overview) -> None:
        self.reads = AgentReads(store)
        self.overview = overview
        self._facets = FacetReads(store)
        self._sums: Recent[object, Sequence[FacetSum]] = Recent(_KEPT, most=200)
        self._versions: Recent[object, Mapping[str, VersionSum]] = Recent(_KEPT, most=200)
        self._fields: Recent[str, Fields] = Recent(_FIELDS_KEPT, most=200)

    def used(self, period: Period, kind: FacetKind, now: int, limit: int) -> Sequence[FacetSum]:
        """What the runs of the period's agent used, the most called first."""
        key = (period, kind, limit)
        found = self._sums.get(key, now) if _is_long(period) else None
        if found is None:
            span = FacetSpan(
                account_id=period.account_id,
                kind=kind,
                since=period.first * _HOUR,
                until=period.last * _HOUR,
                agent_id=period.agent_id,
            )
            found = self._facets.sums(span, limit=limit)
            self._sums.put(key, found, now)
        return found

    def version_sums(self, period: Period, version_ids: Sequence[str], now: int) -> Mapping[str, VersionSum]:
        """As `AgentReads.version_sums`."""
        key = (period, tuple(version_ids))
        found = self._versions.get(key, now) if _is_long(period) else None
        if found is None:
            found = self.reads.version_sums(period.account_id, version_ids, period.first, period.last)
            self._versions.put(key, found, now)
        return found

    def drifts(self, versions: Sequence[SchemaVersionRecord], now: int) -> Mapping[str, Drift]:
        """What each version changed against the one before it, by its id; `versions` are the newest first, the
        last of them is only compared with."""
        fields = [self._declared(version, now) for version in versions]
        return {
            newer.id: drift_between(before, after)
            for newer, after, before in zip(versions, fields, fields[1:], strict=False)
        }

    def _declared(self, version: SchemaVersionRecord, now: int) -> Fields:
        found = self._fields.get(version.id, now)
        if found is None:
            found = declared_fields(version.content)
            self._fields.put(version.id, found, now)
        return found


def _is_long(period: Period) -> bool:
    return period.last - period.first > _LONG_HOURS
