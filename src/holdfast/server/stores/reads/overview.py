"""Reading for the overview: sums over time, what is running, and the slowest and costliest runs.

Sums come from the hourly rows. Lists of runs go along an index and look at a bounded number of rows.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, case, func, literal, select

from holdfast.server.stores.base import Store
from holdfast.server.stores.durations import merge_durations
from holdfast.server.stores.reads.overview_views import OpenRunRecord, OverviewSpan, RollupPoint, RunMark
from holdfast.server.stores.schema.facets import run_facets
from holdfast.server.stores.schema.record import agents, instances, rollups
from holdfast.wire.agent_events import AgentEventName
from holdfast.wire.vocabulary import FacetKind, InstanceStatus

__all__ = ["LOOKED_AT", "MOST_OPEN", "Extreme", "OverviewReads"]

MOST_OPEN: Final = 1_000
"""How many open runs are looked at, those that began first."""
LOOKED_AT: Final = 20_000
"""How many runs a search for the slowest or costliest looks at, at most."""

_HOUR: Final = 3_600_000_000_000
_i: Final = instances.c
_r: Final = rollups.c
_COUNTS: Final = (
    _r.runs_pending,
    _r.runs_active,
    _r.runs_complete,
    _r.runs_failed,
    _r.runs_cancelled,
    _r.runs_terminated,
    _r.errors,
    _r.llm_calls,
    _r.input_tokens,
    _r.output_tokens,
    _r.cost_nano,
    _r.cost_unknown,
)
_MARK: Final = (
    _i.id,
    _i.name,
    _i.root_name,
    _i.status,
    _i.agent_id,
    agents.c.name,
    _i.begun_at,
    _i.duration,
    _i.cost_nano,
    _i.cost_estimated,
    _i.cost_unknown,
)
_WITH_AGENT: Final = instances.outerjoin(agents, agents.c.id == _i.agent_id)


class Extreme(StrEnum):
    """What the runs at the top of a list have most of."""

    DURATION = "duration"
    COST = "cost"


class OverviewReads:
    """Each method is one read of its own, in the calling thread."""

    def __init__(self, store: Store) -> None:
        self._engine = store.reader

    def first_hour(self, account_id: str, agent_id: str | None) -> int | None:
        """The hour of the oldest sums; None where there are none."""
        return self._edge_hour(func.min(_r.hour), account_id, agent_id)

    def last_hour(self, account_id: str, agent_id: str | None) -> int | None:
        """The hour of the newest sums; None where there are none."""
        return self._edge_hour(func.max(_r.hour), account_id, agent_id)

    def _edge_hour(self, edge: ColumnElement[Any], account_id: str, agent_id: str | None) -> int | None:
        query = select(edge).where(_r.account_id == account_id)
        if agent_id is not None:
            query = query.where(_r.agent_id == agent_id)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar()

    def runs_ever(self) -> int:
        """How many runs the database has had so far, of all accounts."""
        with self._engine.connect() as connection:
            return connection.execute(select(func.max(_i.key))).scalar() or 0

    def agent_names(self, account_id: str, ids: Collection[str]) -> dict[str, str]:
        """Of those that exist, by id."""
        query = select(agents.c.id, agents.c.name).where(
            agents.c.account_id == account_id, agents.c.id.in_(ids)
        )
        with self._engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def series(
        self,
        wanted: OverviewSpan,
        hours: int,
        *,
        by_agent: bool = False,
        of_agents: Collection[str] | None = None,
    ) -> list[RollupPoint]:
        """Per bucket of that many hours (counted from 1970), oldest first; buckets with nothing are left
        out. By agent the durations are left out; of some agents only, if given."""
        bucket = (_r.hour - _r.hour % hours).label("bucket")
        agent = _r.agent_id if by_agent else literal("")
        groups = (bucket, _r.agent_id) if by_agent else (bucket,)
        columns: list[ColumnElement[Any]] = [bucket, agent, *(func.sum(column) for column in _COUNTS)]
        sums = select(*columns).where(*_hours(wanted))
        if of_agents is not None:
            sums = sums.where(_r.agent_id.in_(of_agents))
        with self._engine.connect() as connection:
            rows = connection.execute(sums.group_by(*groups).order_by(*groups)).all()
            sketches: dict[int, list[bytes]] = {}
            if not by_agent:
                for at, sketch in connection.execute(select(bucket, _r.durations).where(*_hours(wanted))):
                    sketches.setdefault(at, []).append(sketch)
        return [_point(sketches, *row) for row in rows]

    def open_runs(self, account_id: str, agent_id: str | None) -> Sequence[OpenRunRecord]:
        """Runs that have not ended, those that began first at the beginning; at most `MOST_OPEN`."""
        with self._engine.connect() as connection:
            rows = [
                row
                for status in (InstanceStatus.ACTIVE, InstanceStatus.PENDING)
                for row in connection.execute(_open_query(account_id, agent_id, status))
            ]
            rows = sorted(rows, key=lambda row: (row.begun_at, row.key))[:MOST_OPEN]
            questions = _questions(connection, [row.key for row in rows])
        return [OpenRunRecord(max(0, questions.get(row.key, 0)), *row[1:]) for row in rows]

    def extremes(
        self, wanted: OverviewSpan, extreme: Extreme, limit: int, *, share: float
    ) -> tuple[list[RunMark], bool]:
        """The runs of the span that took longest or cost most, and whether all were looked at.

        `share` is how large a part of all the account's runs the span holds, roughly; rather too small. The
        index of the durations (or costs) gives the runs in order, and the search ends with the `limit`-th that
        lies in the span: quick where they are many. Where they are few, the index of the times gives all of
        them. Either looks at `LOOKED_AT` rows at most; of a long list of times at the newest.
        """
        value = _i.duration if extreme is Extreme.DURATION else _i.cost_nano
        top = (value.desc(), _i.key.desc())
        marks = select(*_MARK).select_from(_WITH_AGENT).order_by(*top).limit(limit)
        likely = math.ceil(4 * limit / share) if share > 0 else LOOKED_AT
        with self._engine.connect() as connection:
            for look_at in (likely, LOOKED_AT) if likely <= LOOKED_AT else ():
                found = connection.execute(marks.where(_i.key.in_(_walked(wanted, value, look_at)))).all()
                if len(found) == limit:
                    return [RunMark(*row) for row in found], True
            newest = select(_i.key).where(*_times(wanted)).order_by(_i.begun_at.desc(), _i.key.desc())
            among = marks.where(_i.key.in_(newest.limit(LOOKED_AT)), value > 0)
            found = connection.execute(among).all()
            beyond = connection.execute(newest.offset(LOOKED_AT).limit(1)).first()
        return [RunMark(*row) for row in found], beyond is None


def _point(sketches: Mapping[int, list[bytes]], hour: int, agent_id: str, *counts: int) -> RollupPoint:
    return RollupPoint(int(hour), agent_id, merge_durations(sketches.get(hour, [])), *map(int, counts))


def _open_query(account_id: str, agent_id: str | None, status: InstanceStatus) -> Select[*tuple[Any, ...]]:
    where = [_i.account_id == account_id, _i.status == status.value]
    if agent_id is not None:
        # not as a plain column: the index of the agent's runs would be walked, and most of them have ended
        where.append(func.coalesce(_i.agent_id, "") == agent_id)
    columns = (_i.key, _i.id, _i.name, _i.root_name, _i.agent_id, agents.c.name.label("agent_name"))
    query = select(*columns, _i.begun_at, _i.updated_at).select_from(_WITH_AGENT).where(*where)
    return query.order_by(_i.begun_at, _i.key).limit(MOST_OPEN)


def _questions(connection: Connection, keys: Sequence[int]) -> dict[int, int]:
    """How many questions of each run are without an answer."""
    if not keys:
        return {}
    f = run_facets.c
    asked = AgentEventName.INPUT_REQUESTED.value
    closed = AgentEventName.INPUT_PROVIDED.value, AgentEventName.INPUT_CLOSED.value
    query = (
        select(f.instance_key, func.sum(case((f.name == asked, f.calls), else_=-f.calls)))
        .where(f.instance_key.in_(keys), f.kind == FacetKind.EVENT.value, f.name.in_((asked, *closed)))
        .group_by(f.instance_key)
    )
    return {row[0]: int(row[1]) for row in connection.execute(query)}


def _walked(wanted: OverviewSpan, value: ColumnElement[Any], look_at: int) -> Select[tuple[int]]:
    """Of the `look_at` runs with the highest values those in the span. The limit is inside: what is asked of the
    runs must not make the database go along the times."""
    top = (
        select(_i.key, _i.begun_at, _i.agent_id)
        .where(_i.account_id == wanted.account_id, value > 0)
        .order_by(value.desc(), _i.key.desc())
        .limit(look_at)
        .subquery()
    )
    where = [top.c.begun_at >= wanted.first * _HOUR]
    if wanted.agent_id is not None:
        where.append(top.c.agent_id == wanted.agent_id)
    if wanted.last is not None:
        where.append(top.c.begun_at < wanted.last * _HOUR)
    return select(top.c.key).where(*where)


def _hours(wanted: OverviewSpan) -> list[ColumnElement[bool]]:
    where = [_r.account_id == wanted.account_id, _r.hour >= wanted.first]
    if wanted.agent_id is not None:
        where.append(_r.agent_id == wanted.agent_id)
    if wanted.last is not None:
        where.append(_r.hour < wanted.last)
    return where


def _times(wanted: OverviewSpan) -> list[ColumnElement[bool]]:
    where = [_i.account_id == wanted.account_id, _i.begun_at >= wanted.first * _HOUR]
    if wanted.agent_id is not None:
        where.append(_i.agent_id == wanted.agent_id)
    if wanted.last is not None:
        where.append(_i.begun_at < wanted.last * _HOUR)
    return where
