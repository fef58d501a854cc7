"""Reading what runs used and met: sums by name, their course over time, and runs that have a facet.

Sums come from the hourly rows: none of these reads looks at spans, and the conditions only at the rows of one facet.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, and_, exists, func, select

from holdfast.server.stores.base import Store
from holdfast.server.stores.reads.facet_views import FacetPoint, FacetSpan, FacetSum, FailureGroup
from holdfast.server.stores.schema.facets import FACET_COUNTS, facet_rollups, failure_groups, run_facets
from holdfast.server.stores.schema.record import instances
from holdfast.wire.vocabulary import FacetKind

__all__ = ["FacetReads", "has_facet", "is_facet", "within_hours"]

_HOUR: Final = 3_600_000_000_000
_r: Final = facet_rollups.c
_SUMS: Final = tuple(func.sum(_r[name]) for name in ("runs", *FACET_COUNTS))
_PRESENT: Final = func.sum(_r.calls) + func.sum(_r.errors) > 0


class FacetReads:
    """Each method is one read of its own, in the calling thread."""

    def __init__(self, store: Store) -> None:
        self._engine = store.reader

    def sums(self, wanted: FacetSpan, *, order: str = "calls", limit: int = 50) -> list[FacetSum]:
        """Per name, the largest first by `order`, a field of `FacetSum`."""
        key: ColumnElement[Any] = _r.name if order == "name" else func.sum(_r[order]).desc()
        query = (
            select(_r.name, *_SUMS)
            .where(*within_hours(wanted))
            .group_by(_r.name)
            .having(_PRESENT)
            .order_by(key, _r.name)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return [FacetSum(row[0], *map(int, row[1:])) for row in connection.execute(query)]

    def series(
        self,
        wanted: FacetSpan,
        *,
        hours: int,
        names: Collection[str] | None = None,
        by_agent: bool = False,
        limit: int = 20_000,
    ) -> list[FacetPoint]:
        """Per bucket of that many hours (counted from 1970) and name, oldest first; buckets with nothing are
        left out. Of `names` only, if given. With `by_agent` the points are named by agent ids ('' while
        unknown) instead. At most `limit` points, the newest."""
        bucket = (_r.hour - _r.hour % hours).label("bucket")
        name = _r.agent_id if by_agent else _r.name
        query = select(bucket, name, *_SUMS).where(*within_hours(wanted))
        if names is not None:
            query = query.where(_r.name.in_(names))
        query = (
            query.group_by(bucket, name).having(_PRESENT).order_by(bucket.desc(), name.desc()).limit(limit)
        )
        with self._engine.connect() as connection:
            newest_first = [_point(*row) for row in connection.execute(query)]
        return newest_first[::-1]

    def of_run(self, instance_key: int, kind: FacetKind) -> dict[str, int]:
        """How often one run used or met each of that kind, by name."""
        f = run_facets.c
        query = select(f.name, f.calls).where(f.instance_key == instance_key, f.kind == kind.value)
        with self._engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def failure_groups(self, account_id: str, fingerprints: Collection[str]) -> Mapping[str, FailureGroup]:
        """The groups that exist, by fingerprint."""
        g = failure_groups.c
        query = select(
            g.fingerprint, g.category, g.provider, g.error_type, g.message, g.first_seen, g.last_seen
        ).where(g.account_id == account_id, g.fingerprint.in_(fingerprints))
        with self._engine.connect() as connection:
            return {row[0]: FailureGroup(*row) for row in connection.execute(query)}


def has_facet(kind: FacetKind, name: str) -> ColumnElement[bool]:
    """A condition on `instances`: one look-up for each run that is looked at."""
    f = run_facets.alias()
    return exists().where(f.c.instance_key == instances.c.key, f.c.kind == kind.value, f.c.name == name)


def is_facet(account_id: str, kind: FacetKind, name: str | BindParameter[str]) -> ColumnElement[bool]:
    """A condition on `run_facets`, for lists of the runs that have a facet: join `instances` on its key and
    order by `run_facets.c.begun_at, run_facets.c.instance_key`, which are the run's own. An index gives the
    rows in that order, so that a page costs a page however rare the facet is."""
    f = run_facets.c
    return and_(f.account_id == account_id, f.kind == kind.value, f.name == name)


def _point(hour: int, name: str, *counts: int) -> FacetPoint:
    return FacetPoint(int(hour), name, *map(int, counts))


def within_hours(wanted: FacetSpan) -> list[ColumnElement[bool]]:
    """Conditions on `facet_rollups`."""
    where = [_r.account_id == wanted.account_id, _r.kind == wanted.kind.value]
    if wanted.agent_id is not None:
        where.append(_r.agent_id == wanted.agent_id)
    if wanted.since is not None:
        where.append(_r.hour >= wanted.since // _HOUR)
    if wanted.until is not None:
        where.append(_r.hour < -(-wanted.until // _HOUR))
    return where
