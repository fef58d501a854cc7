"""The lists and single rows that the HTTP API answers with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from holdfast.server.stores.base import Store
from holdfast.server.stores.reach import Reach, runs_within
from holdfast.server.stores.rows import BodyRow, EventRow, InstanceRow, QualityRow, SpanRow
from holdfast.server.stores.schema import agents, events, instances, quality, span_bodies, spans

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
        where = [runs_within(reach)]
        if agent_id is not None:
            where.append(_of_agent(reach.account_id, agent_id))
        if run_id is not None:
            where.append(instances.c.id == run_id)
        if since is not None:
            where.append(spans.c.started_at >= since)
        if until is not None:
            where.append(spans.c.started_at <= until)
        source = spans.join(instances, instances.c.key == spans.c.instance_key)
        wanted = _windowed(
            select(*spans.columns, *span_bodies.columns)
            .select_from(source.join(span_bodies, span_bodies.c.key == spans.c.body_key))
            .where(*where),
            window,
            _SPAN_ORDERS,
            spans.c.body_key,
        )
        width = len(spans.columns)
        with self._store.reader.connect() as connection:
            rows = connection.execute(wanted).all()
            total = connection.execute(select(func.count()).select_from(source).where(*where)).scalar_one()
            found = [(SpanRow(*row[:width]), BodyRow(*row[width:])) for row in rows]
            runs = _runs(connection, {span.instance_key for span, _ in found})
        return [(runs[span.instance_key], span, body) for span, body in found], total

    def first_spans(self, key: int, limit: int) -> list[SpanRow]:
        """The spans of the run with that key in the order in which they came."""
        wanted = select(spans).where(spans.c.instance_key == key).order_by(spans.c.body_key).limit(limit)
        with self._store.reader.connect() as connection:
            return [SpanRow(*row) for row in connection.execute(wanted)]

    def events(self, reach: Reach, run_id: str, window: Window) -> tuple[list[EventRow], int] | None:
        """One page of a run's events in the order of their times; None for an unknown run."""
        with self._store.reader.connect() as connection:
            key = connection.execute(
                select(instances.c.key).where(runs_within(reach), instances.c.id == run_id)
            ).scalar()
            if key is None:
                return None
            time, name = events.c.timestamp, events.c.id
            order = (time.desc(), name.desc()) if window.descending else (time, name)
            wanted = select(events).where(events.c.instance_key == key).order_by(*order)
            rows = connection.execute(wanted.offset(window.offset).limit(window.size)).mappings()
            found = [EventRow(**row) for row in rows]
            total = connection.execute(
                select(func.count()).select_from(events).where(events.c.instance_key == key)
            ).scalar_one()
        return found, total


def _of_agent(account_id: str, agent: str) -> ColumnElement[bool]:
    """Runs of the agent with that id or name: a registration may name it by either."""
    known = select(agents.c.id).where(
        agents.c.account_id == account_id, or_(agents.c.id == agent, agents.c.name == agent)
    )
    return instances.c.agent_id.in_(known)


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
