"""Reading failures: groups with their sums, the runs of one group, and what became of them.

Sums come from the hourly rows; what needs the runs themselves looks at the newest of them, and says at how many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    desc,
    exists,
    func,
    select,
    tuple_,
)

from holdfast.core.failures import error_of
from holdfast.server.stores.base import Store
from holdfast.server.stores.reads.facet_views import FacetSpan, FailureGroup
from holdfast.server.stores.reads.facets import is_facet, within_hours
from holdfast.server.stores.reads.failure_rows import OF_THE_RUN
from holdfast.server.stores.reads.run_views import RunCursor
from holdfast.server.stores.schema.facets import facet_rollups, failed, failure_groups, run_facets
from holdfast.server.stores.schema.record import agents, instances
from holdfast.wire.agent_events import AgentEventName
from holdfast.wire.vocabulary import FacetKind, FailureCategory

__all__ = ["LOOKED_AT", "FailedRun", "FailureOrder", "FailureReads", "FailureSum", "Outcomes"]

LOOKED_AT: Final = 10_000
"""How many runs of a group a list that is narrowed to one agent looks at, at most."""

_r: Final = facet_rollups.c
_f: Final = run_facets.c
_i: Final = instances.c
_RECOVERY: Final = (
    AgentEventName.RECOVERY_SUCCEEDED,
    AgentEventName.RECOVERY_ESCALATED,
    AgentEventName.RECOVERY_PROVIDER_SWITCHED,
)
_GROUP: Final = tuple(
    failure_groups.c[name]
    for name in ("fingerprint", "category", "provider", "error_type", "message", "first_seen", "last_seen")
)


class FailureOrder(StrEnum):
    """Which groups come first: those that happened most, in the most runs, last, or that are newest."""

    TIMES = "times"
    RUNS = "runs"
    LAST_SEEN = "last"
    FIRST_SEEN = "first"


@dataclass(frozen=True, slots=True)
class FailureSum:
    """A group, in how many runs of the span it happened and how often."""

    group: FailureGroup
    runs: int
    times: int


@dataclass(frozen=True, slots=True)
class FailedRun:
    """A run of a group. `times` is how often it happened in it; money is nano-dollars, times nanoseconds."""

    key: int
    id: str
    name: str | None
    root_name: str | None
    status: str
    agent_id: str | None
    agent_name: str | None
    begun_at: int
    duration: int | None
    times: int

    @property
    def cursor(self) -> RunCursor:
        return RunCursor(self.begun_at, self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What became of the newest runs of a group: of `looked_at` runs, by status and by what the runtime did."""

    looked_at: int
    statuses: Mapping[str, int]
    mended: int
    escalated: int
    switched: int


class FailureReads:
    """Each method is one read of its own, in the calling thread."""

    def __init__(self, store: Store) -> None:
        self._engine = store.reader

    def groups(
        self,
        wanted: FacetSpan,
        *,
        category: FailureCategory | None = None,
        order: FailureOrder = FailureOrder.TIMES,
        limit: int = 50,
        offset: int = 0,
    ) -> list[FailureSum]:
        """Of the runs of `wanted`, whose kind is `failure`."""
        runs, times = func.sum(_r.runs).label("runs"), func.sum(_r.errors).label("times")
        summed = select(_r.name, runs, times).where(*within_hours(wanted)).group_by(_r.name).having(times > 0)
        if category is not None:
            summed = summed.where(_r.name.startswith(f"{category.value}-", autoescape=True))
        sums = summed.subquery()
        orders: Mapping[FailureOrder, ColumnElement[Any]] = {
            FailureOrder.TIMES: sums.c.times,
            FailureOrder.RUNS: sums.c.runs,
            FailureOrder.LAST_SEEN: failure_groups.c.last_seen,
            FailureOrder.FIRST_SEEN: failure_groups.c.first_seen,
        }
        own = and_(
            failure_groups.c.account_id == wanted.account_id, failure_groups.c.fingerprint == sums.c.name
        )
        query = (
            select(*_GROUP, sums.c.runs, sums.c.times)
            .select_from(sums.join(failure_groups, own))
            .order_by(desc(orders[order]), sums.c.name)
            .limit(limit)
            .offset(offset)
        )
        with self._engine.connect() as connection:
            return [_group_sum(row) for row in connection.execute(query)]

    def by_agent(self, wanted: FacetSpan, fingerprint: str) -> list[tuple[str, int, int]]:
        """(agent id, runs, times), the most first; '' is the agent that is not known."""
        times = func.sum(_r.errors)
        query = (
            select(_r.agent_id, func.sum(_r.runs), times)
            .where(*within_hours(wanted), _r.name == fingerprint)
            .group_by(_r.agent_id)
            .having(times > 0)
            .order_by(desc(times), _r.agent_id)
        )
        with self._engine.connect() as connection:
            return [(row[0], int(row[1]), int(row[2])) for row in connection.execute(query)]

    def runs(
        self, wanted: FacetSpan, fingerprint: str, limit: int, *, before: RunCursor | None = None
    ) -> list[FailedRun]:
        """The newest runs of a group that began before `before`. Of one agent, only among the newest
        `LOOKED_AT`."""
        query = (
            select(
                _i.key,
                _i.id,
                _i.name,
                _i.root_name,
                _i.status,
                _i.agent_id,
                agents.c.name,
                _i.begun_at,
                _i.duration,
                _f.errors,
            )
            .select_from(
                run_facets.join(instances, _i.key == _f.instance_key).outerjoin(
                    agents, agents.c.id == _i.agent_id
                )
            )
            .where(*_of_group(wanted, fingerprint))
            .order_by(desc(_f.begun_at), desc(_f.instance_key))
            .limit(limit)
        )
        if before is not None:
            query = query.where(tuple_(_f.begun_at, _f.instance_key) < tuple_(before.begun_at, before.key))
        if wanted.agent_id is not None:
            newest = _newest(wanted, fingerprint, LOOKED_AT, before).subquery()
            query = query.where(_f.instance_key.in_(select(newest.c.instance_key)))
            query = query.where(_i.agent_id == wanted.agent_id)
        with self._engine.connect() as connection:
            return [_failed_run(row) for row in connection.execute(query)]

    def outcomes(self, wanted: FacetSpan, fingerprints: Sequence[str], limit: int) -> dict[str, Outcomes]:
        """By fingerprint, of the newest `limit` runs each. Of one agent: of those among them that are its."""
        query = _outcomes_query(wanted, limit)  # made once: making it costs more than asking it
        with self._engine.connect() as connection:
            return {name: _outcomes(connection, query, name) for name in fingerprints}

    def first_spans(self, instance_keys: Sequence[int], fingerprint: str) -> dict[int, str]:
        """In each run one span that the failure began in, '' where only the run itself tells of it."""
        x, child = failed.c, failed.alias().c
        inner = exists().where(
            child.instance_key == x.instance_key,
            child.error == x.error,
            child.parent_span_id == x.span_id,
            child.span_id != x.span_id,
        )
        innermost = select(x.span_id).where(
            x.error == error_of(fingerprint), x.fingerprint == fingerprint, x.span_id != OF_THE_RUN, ~inner
        )
        with self._engine.connect() as connection:
            return {
                key: connection.execute(innermost.where(x.instance_key == key).limit(1)).scalar()
                or OF_THE_RUN
                for key in instance_keys
            }


def _group_sum(row: Row[*tuple[Any, ...]]) -> FailureSum:
    return FailureSum(FailureGroup(*row[:7]), int(row[7]), int(row[8]))


def _failed_run(row: Row[*tuple[Any, ...]]) -> FailedRun:
    return FailedRun(*row)


def _of_group(wanted: FacetSpan, fingerprint: str | BindParameter[str]) -> list[ColumnElement[bool]]:
    where = [is_facet(wanted.account_id, FacetKind.FAILURE, fingerprint)]
    if wanted.since is not None:
        where.append(_f.begun_at >= wanted.since)
    if wanted.until is not None:
        where.append(_f.begun_at < wanted.until)
    return where


def _newest(
    wanted: FacetSpan, fingerprint: str | BindParameter[str], limit: int, before: RunCursor | None = None
) -> Select[tuple[int]]:
    query = select(_f.instance_key).where(*_of_group(wanted, fingerprint))
    if before is not None:
        query = query.where(tuple_(_f.begun_at, _f.instance_key) < tuple_(before.begun_at, before.key))
    return query.order_by(desc(_f.begun_at), desc(_f.instance_key)).limit(limit)


def _outcomes_query(wanted: FacetSpan, limit: int) -> Select[*tuple[Any, ...]]:
    """By status of the runs, of the group `fingerprint`."""
    newest = _newest(wanted, bindparam("fingerprint"), limit).subquery()
    did = run_facets.alias()
    events = and_(
        did.c.instance_key == newest.c.instance_key,
        did.c.kind == FacetKind.EVENT.value,
        did.c.name.in_([name.value for name in _RECOVERY]),
    )
    told = (func.max(case((did.c.name == name.value, 1), else_=0)).label(name.name) for name in _RECOVERY)
    of_runs = (
        select(_i.status.label("status"), *told)
        .select_from(newest.join(instances, _i.key == newest.c.instance_key).outerjoin(did, events))
        .group_by(_i.key, _i.status)
    )
    if wanted.agent_id is not None:
        of_runs = of_runs.where(_i.agent_id == wanted.agent_id)
    runs = of_runs.subquery()
    columns: list[ColumnElement[Any]] = [runs.c.status, func.count()]
    columns += [func.sum(runs.c[name.name]) for name in _RECOVERY]
    return select(*columns).group_by(runs.c.status)


def _outcomes(connection: Connection, query: Select[*tuple[Any, ...]], fingerprint: str) -> Outcomes:
    statuses: dict[str, int] = {}
    did = [0] * len(_RECOVERY)
    for row in connection.execute(query, {"fingerprint": fingerprint}):
        status, runs, *told = tuple(row)
        statuses[status] = runs
        did = [before + int(more or 0) for before, more in zip(did, told, strict=True)]
    return Outcomes(
        looked_at=sum(statuses.values()),
        statuses=statuses,
        mended=did[0],
        escalated=did[1],
        switched=did[2],
    )
