"""The lists and single rows that the HTTP API answers with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from holdfast.server.stores.base import Store
from holdfast.server.stores.clickhouse.lists import MovedWindow
from holdfast.server.stores.reach import Reach, runs_within
from holdfast.server.stores.reads.span_list import SpanList, one_state, span_pair, whole_spans
from holdfast.server.stores.rows import BodyRow, EventRow, InstanceRow, QualityRow, SpanRow
from holdfast.server.stores.schema.record import agents, events, instances, quality, spans

__all__ = ["ApiReads", "Window"]

_RUN_ORDERS: Final = {
    "id": instances.c.id,
    "inserted_at": instances.c.key,
    "updated_at": instances.c.updated_at,
    "started_at": instances.c.begun_at,
}
_SPAN_ORDERS: Final = {
    "id": spans.c.id,
    "inserted_at": spans.c.inserted_at,
    "updated_at": spans.c.updated_at,
    "started_at": spans.c.started_at,
    "name": spans.c.name,
}


class Window(Struct, frozen=True, kw_only=True):
    """Which part of a list, in which order. An order that a list does not have falls back to its own."""

    offset: int
    size: int
    field: str
    descending: bool


class ApiReads:
    """Each call sees one state of the database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def run(self, reach: Reach, run_id: str) -> tuple[InstanceRow, list[QualityRow]] | None:
        wanted = select(instances).where(runs_within(reach), instances.c.id == run_id)
        with self._store.reader.connect() as connection:
            row = connection.execute(wanted).mappings().first()
            if row is None:
                return None
            run = InstanceRow(**row)
            return run, _quality(connection, [run.key]).get(run.key, [])

    def runs_ended_by_server(self, reach: Reach, ids: Collection[str]) -> list[InstanceRow]:
        """Of these runs the terminated ones."""
        wanted = select(instances).where(
            runs_within(reach),
            instances.c.id.in_(ids),
            instances.c.status == "terminated",
        )
        with self._store.reader.connect() as connection:
            return [InstanceRow(**row) for row in connection.execute(wanted).mappings()]

    def runs(
        self, reach: Reach, agent_id: str | None, window: Window
    ) -> tuple[list[tuple[InstanceRow, list[QualityRow]]], int]:
        """One page of runs, and how many there are in all."""
        where = [runs_within(reach)]
        if agent_id is not None:
            where.append(_of_agent(reach.account_id, agent_id))
        wanted = _windowed(select(instances).where(*where), window, _RUN_ORDERS, instances.c.key)
        with self._store.reader.connect() as connection:
            rows = [InstanceRow(**row) for row in connection.execute(wanted).mappings()]
            total = connection.execute(select(func.count()).select_from(instances).where(*where)).scalar_one()
            records = _quality(connection, [row.key for row in rows])
        return [(row, records.get(row.key, [])) for row in rows], total

    def spans(
        self,
        reach: Reach,
        *,
        agent_id: str | None,
        run_id: str | None,
        since: int | None,
        until: int | None,
        window: Window,
    ) -> tuple[list[tuple[InstanceRow, SpanRow, BodyRow]], int]:
        """One page of spans that began within the times, and how many there are in all."""
        within = [runs_within(reach)]
        if agent_id is not None:
            within.append(_of_agent(reach.account_id, agent_id))
        if run_id is not None:
            within.append(instances.c.id == run_id)
        times: list[ColumnElement[bool]] = []
        if since is not None:
            times.append(spans.c.started_at >= since)
        if until is not None:
            times.append(spans.c.started_at <= until)
        source = spans.join(instances, instances.c.key == spans.c.instance_key)
        with self._store.reader.connect() as connection:
            one_state(connection)
            moved = self._store.moved_list(connection)
            if moved is None:
                here = whole_spans(source).where(*within, *times)
                rows = connection.execute(_windowed(here, window, _SPAN_ORDERS, spans.c.body_key))
                found = [span_pair(row) for row in rows]
                counted = select(func.count()).select_from(source).where(*within, *times)
                total = connection.execute(counted).scalar_one()
            else:
                asked = SpanList(
                    store=self._store,
                    connection=connection,
                    source=source,
                    within=within,
                    times=times,
                    moved=moved,
                    window=MovedWindow(
                        account_id=reach.account_id,
                        agent_ids=_agent_ids(connection, reach, agent_id),
                        environment_id=reach.environment_id,
                        run=None if run_id is None else _run_key(connection, within),
                        since=since,
                        until=until,
                        field=window.field if window.field in _SPAN_ORDERS else None,
                        descending=window.descending,
                        nulls_first=(connection.dialect.name == "sqlite") != window.descending,
                    ),
                )
                found = asked.page(window.offset, window.size)
                total = asked.count()
            runs = _runs(connection, {span.instance_key for span, _ in found})
        return [(runs[span.instance_key], span, body) for span, body in found], total

    def first_spans(self, key: int, limit: int) -> list[SpanRow]:
        """The spans of the run with that key in the order in which they came."""
        wanted = select(spans).where(spans.c.instance_key == key).order_by(spans.c.body_key).limit(limit)
        with self._store.reader.connect() as connection:
            found = [SpanRow(*row) for row in connection.execute(wanted)]
            moved = self._store.moved_parts(connection, [key]).get(key)
        if moved is None:
            return found
        every = {row.body_key: row for row in [*moved.first_spans(limit), *found]}
        return [every[body_key] for body_key in sorted(every)][:limit]

    def events(self, reach: Reach, run_id: str, window: Window) -> tuple[list[EventRow], int] | None:
        """One page of a run's events in the order of their times; None for an unknown run."""
        with self._store.reader.connect() as connection:
            one_state(connection)
            run = connection.execute(
                select(instances.c.key, instances.c.events).where(
                    runs_within(reach), instances.c.id == run_id
                )
            ).first()
            if run is None:
                return None
            moved = self._store.moved_parts(connection, [run.key]).get(run.key)
            end = min(window.offset + window.size, run.events)
            time, name = events.c.timestamp, events.c.id
            order = (time.desc(), name.desc()) if window.descending else (time, name)
            wanted = select(events).where(events.c.instance_key == run.key).order_by(*order).limit(end)
            if moved is None:
                wanted = wanted.offset(window.offset).limit(window.size)
            found = [EventRow(**row) for row in connection.execute(wanted).mappings()]
        if moved is not None:
            every = {row.id: row for row in [*moved.events(end, descending=window.descending), *found]}
            found = sorted(every.values(), key=_by_time, reverse=window.descending)[window.offset : end]
        return found, run.events


_NO_RUN: Final = -1


def _run_key(connection: Connection, within: Sequence[ColumnElement[bool]]) -> int:
    return connection.execute(select(instances.c.key).where(*within)).scalar() or _NO_RUN


def _agent_ids(connection: Connection, reach: Reach, agent: str | None) -> list[str] | None:
    """The only agents wanted; None: all of the account."""
    if agent is None:
        return None if reach.agent_id is None else [reach.agent_id]
    named = connection.execute(_agents_called(reach.account_id, agent)).scalars().all()
    return [agent_id for agent_id in named if reach.agent_id in (None, agent_id)]


def _by_time(row: EventRow) -> tuple[int, str]:
    return row.timestamp, row.id


def _agents_called(account_id: str, agent: str) -> Select[str]:
    """The agents with that id or name: a registration may name its agent by either."""
    return select(agents.c.id).where(
        agents.c.account_id == account_id, or_(agents.c.id == agent, agents.c.name == agent)
    )


def _of_agent(account_id: str, agent: str) -> ColumnElement[bool]:
    return instances.c.agent_id.in_(_agents_called(account_id, agent))


def _windowed(
    query: Select[Any], window: Window, orders: Mapping[str, ColumnElement[Any]], last: ColumnElement[Any]
) -> Select[Any]:
    column = orders.get(window.field, last)
    order = (column.desc(), last.desc()) if window.descending else (column, last)
    return query.order_by(*order).offset(window.offset).limit(window.size)


def _runs(connection: Connection, keys: Collection[int]) -> dict[int, InstanceRow]:
    rows = connection.execute(select(instances).where(instances.c.key.in_(keys))).mappings()
    return {row["key"]: InstanceRow(**row) for row in rows}


def _quality(connection: Connection, keys: Collection[int]) -> dict[int, list[QualityRow]]:
    records: dict[int, list[QualityRow]] = {}
    for row in connection.execute(select(quality).where(quality.c.instance_key.in_(keys))).mappings():
        records.setdefault(row["instance_key"], []).append(QualityRow(**row))
    return records
