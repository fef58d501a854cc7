"""Reading whole runs in the order in which they settled, a bounded piece at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import chain
from typing import Any, Final, NamedTuple

from msgspec import Struct
from sqlalchemy import ColumnElement, Row, Select, func, null, select, text, tuple_

from holdfast.server.stores.base import Store
from holdfast.server.stores.clickhouse.reads import MovedPart
from holdfast.server.stores.rows import BodyRow, EventRow, SpanRow
from holdfast.server.stores.schema.columnar import SETTLED
from holdfast.server.stores.schema.record import (
    agent_versions,
    agents,
    environments,
    events,
    instances,
    quality,
    span_bodies,
    spans,
)

__all__ = ["ForwardFilter", "ForwardQuality", "ForwardReads", "ForwardRun", "Place", "WholeSpan"]

WholeSpan = tuple[SpanRow, BodyRow]


class Place(NamedTuple):
    """Where a run stands in the order of going: by the receipt of its last change, then by its key."""

    changed_at: int
    key: int


class ForwardFilter(Struct, frozen=True, kw_only=True):
    """Which runs go. `since` is the earliest begin, in nanoseconds since 1970."""

    account_id: str
    agent_id: str | None = None
    since: int | None = None


class ForwardRun(Struct, frozen=True):
    """A run that has ended, as has everything in it. JSON is as it was recorded."""

    key: int
    id: str
    changed_at: int
    name: str | None
    status: str
    purpose: str
    agent_id: str | None
    agent: str | None
    version: str | None
    environment: str | None
    external_identifier: str | None
    parent: str | None
    sdk: str | None
    attributes: bytes | None
    finish_attributes: bytes | None
    error: bytes | None
    termination_reason: str | None
    begun_at: int
    finished_at: int | None
    spans: int

    @property
    def place(self) -> Place:
        return Place(self.changed_at, self.key)


class ForwardQuality(Struct, frozen=True):
    name: str
    timestamp: int
    payload: bytes


_i: Final = instances.c
_s: Final = spans.c
_e: Final = events.c
_RUN: Final = (
    _i.key,
    _i.id,
    _i.updated_at,
    _i.name,
    _i.status,
    _i.purpose,
    _i.agent_id,
    agents.c.name,
    func.coalesce(agent_versions.c.external_identifier, agent_versions.c.name),
    environments.c.name,
    _i.external_identifier,
    _i.parent,
    _i.sdk,
    _i.attributes,
    _i.finish_attributes,
    _i.error,
    _i.termination_reason,
    _i.begun_at,
    _i.finished_at,
    _i.spans_total,
)
_SPAN: Final[tuple[ColumnElement[Any], ...]] = (*spans.columns, *span_bodies.columns)
_SAID: Final = ("payload", "result_payload")
_UNSAID: Final[tuple[ColumnElement[Any], ...]] = tuple(
    null() if column.name in _SAID else column for column in span_bodies.columns
)
_SPAN_UNSAID: Final[tuple[ColumnElement[Any], ...]] = (*spans.columns, *_UNSAID)
_WIDTH: Final = len(spans.columns)
_WITH_NAMES: Final = (
    instances.outerjoin(agents, agents.c.id == _i.agent_id)
    .outerjoin(agent_versions, agent_versions.c.id == _i.agent_version_id)
    .outerjoin(environments, environments.c.id == _i.environment_id)
)
_WHOLE: Final = spans.join(span_bodies, span_bodies.c.key == _s.body_key)


_SETTLED: Final = f"instances.{SETTLED}".replace(" AND ", " AND instances.")
"""With the table's name: others in the statement have a status too."""


class ForwardReads:
    """Each method is one read of its own, in the calling thread. Without `content` payloads and results need not be
    read."""

    def __init__(self, store: Store, *, content: bool) -> None:
        self._columns = _SPAN if content else _SPAN_UNSAID
        self._store = store
        self._engine = store.reader

    def settled(self, wanted: ForwardFilter, after: Place, until: int, limit: int) -> list[ForwardRun]:
        """Runs that have ended with all that is in them, and of which nothing was received after `until`."""
        where: list[ColumnElement[bool]] = [
            _i.updated_at <= until,
            tuple_(_i.updated_at, _i.key) > tuple_(after.changed_at, after.key),
            _i.account_id == wanted.account_id,
        ]
        if wanted.agent_id is not None:
            where.append(_i.agent_id == wanted.agent_id)
        if wanted.since is not None:
            where.append(_i.begun_at >= wanted.since)
        query = select(*_RUN).select_from(_WITH_NAMES).where(text(_SETTLED), *where)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(_i.updated_at, _i.key).limit(limit))
            return [_run(row) for row in rows]

    def spans(self, keys: Collection[int]) -> list[WholeSpan]:
        """All spans of these runs, by run and id."""
        query = select(*self._columns).select_from(_WHOLE).where(_s.instance_key.in_(keys))
        with self._engine.connect() as connection:
            here = [_whole(row) for row in connection.execute(query.order_by(_s.instance_key, _s.id))]
            moved = self._store.moved_parts(connection, keys)
        return _together(
            here, (pair for part in moved.values() for some in part.every_whole() for pair in some)
        )

    def spans_after(self, key: int, span_id: str, limit: int) -> list[WholeSpan]:
        """The spans of a run whose ids come after that one, in the order of their ids."""
        query = select(*self._columns).select_from(_WHOLE).where(_s.instance_key == key, _s.id > span_id)
        with self._engine.connect() as connection:
            here = [_whole(row) for row in connection.execute(query.order_by(_s.id).limit(limit))]
            moved = self._store.moved_parts(connection, [key]).get(key)
        return here if moved is None else _together(here, moved.whole_after(span_id, limit))[:limit]

    def events(self, keys: Collection[int]) -> list[EventRow]:
        """All events of these runs, in the order of their times."""
        query = select(events).where(_e.instance_key.in_(keys))
        return self._events(query, keys, lambda part: part.events(None))

    def events_of(self, key: int, span_ids: Collection[str]) -> list[EventRow]:
        """The events of some spans of a run, in the order of their times."""
        query = select(events).where(_e.instance_key == key, _e.span_id.in_(span_ids))
        return self._events(query, [key], lambda part: part.events(None, span_ids=span_ids))

    def own_events(self, key: int, limit: int) -> list[EventRow]:
        """The first events of a run that belong to no span."""
        query = select(events).where(_e.instance_key == key, _e.span_id.is_(None))
        query = query.order_by(_e.timestamp, _e.id).limit(limit)
        return self._events(query, [key], lambda part: part.own_events(limit))[:limit]

    def _events(
        self, query: Select[Any], keys: Collection[int], there: Callable[[MovedPart], list[EventRow]]
    ) -> list[EventRow]:
        with self._engine.connect() as connection:
            here = [EventRow(*row) for row in connection.execute(query)]
            moved = self._store.moved_parts(connection, keys)
        every = [*(row for part in moved.values() for row in there(part)), *here]
        once = {(row.instance_key, row.id): row for row in every}
        return sorted(once.values(), key=lambda row: (row.timestamp, row.id))

    def quality(self, keys: Collection[int]) -> dict[int, list[ForwardQuality]]:
        """The judgements of these runs; those taken away are left out."""
        q = quality.c
        query = select(q.instance_key, q.name, q.timestamp, q.payload).where(
            q.instance_key.in_(keys), q.payload.is_not(None)
        )
        found: dict[int, list[ForwardQuality]] = {}
        with self._engine.connect() as connection:
            for key, *row in connection.execute(query.order_by(q.name)):
                found.setdefault(key, []).append(ForwardQuality(*row))
        return found


def _run(row: Row[*tuple[Any, ...]]) -> ForwardRun:
    return ForwardRun(*row)


def _together(here: Iterable[WholeSpan], moved: Iterable[WholeSpan]) -> list[WholeSpan]:
    """By run and id; of a span that is in both that which is here."""
    once = {(row.instance_key, row.id): (row, body) for row, body in chain(moved, here)}
    return [once[place] for place in sorted(once)]


def _whole(row: Row[*tuple[Any, ...]]) -> WholeSpan:
    return SpanRow(*row[:_WIDTH]), BodyRow(*row[_WIDTH:])
