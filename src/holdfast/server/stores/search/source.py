"""Reading the record for the search index: what of it has words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Row, select

from holdfast.server.stores.base import Store
from holdfast.server.stores.forgetting.belongings import HIDDEN
from holdfast.server.stores.rows import BodyRow, EventRow, SpanRow
from holdfast.server.stores.schema.record import events, instances, quality, span_bodies, spans

__all__ = ["EventTexts", "RunTexts", "SearchSource", "SpanTexts"]

_AT_ONCE: Final = 500
_MOST_EVENTS: Final = 100_000
"""Of one run, when all of it is taken in at once."""


class RunTexts(Struct, frozen=True):
    """A run's own. `quality` are (name, payload, summary) of its judgements."""

    key: int
    account_id: str
    id: str
    name: str | None
    external_identifier: str | None
    error: bytes | None
    termination_reason: str | None
    attributes: bytes | None
    finish_attributes: bytes | None


class SpanTexts(Struct, frozen=True):
    key: int
    id: str
    name: str | None
    error: bytes | None
    result_payload: bytes | None
    payload: bytes | None
    attributes: bytes | None
    finish_attributes: bytes | None


class EventTexts(Struct, frozen=True):
    id: str
    name: str
    payload: bytes | None


_i: Final = instances.c
_s: Final = spans.c
_b: Final = span_bodies.c
_e: Final = events.c
_RUN: Final = tuple(_i[name] for name in RunTexts.__struct_fields__)
_SPAN: Final = (
    _s.body_key,
    _s.id,
    _s.name,
    _b.error,
    _b.result_payload,
    _b.payload,
    _b.attributes,
    _b.finish_attributes,
)
_SPANS: Final = spans.join(span_bodies, _b.key == _s.body_key)
_SEEN: Final = _i.account_id != HIDDEN
_EVENT: Final = (_e.id, _e.name, _e.payload)


class SearchSource:
    """Each method is one read of its own, in the calling thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def runs(self, keys: Collection[int]) -> dict[int, RunTexts]:
        """Those that exist, by key."""
        return {run.key: run for run in self._runs(select(*_RUN).where(_i.key.in_(keys), _SEEN))}

    def runs_below(self, key: int, limit: int) -> list[RunTexts]:
        """The newest with a lower key."""
        return self._runs(select(*_RUN).where(_i.key < key, _SEEN).order_by(_i.key.desc()).limit(limit))

    def quality(self, keys: Collection[int]) -> dict[int, list[tuple[str, bytes | None, str | None]]]:
        """(name, payload, summary) of the judgements of runs."""
        q, found = quality.c, dict[int, list[tuple[str, bytes | None, str | None]]]()
        query = select(q.instance_key, q.name, q.payload, q.summary).where(q.instance_key.in_(keys))
        with self._store.reader.connect() as connection:
            for key, *row in connection.execute(query.where(q.payload.is_not(None)).order_by(q.name)):
                found.setdefault(key, []).append((row[0], row[1], row[2]))
        return found

    def spans(self, key: int, ids: Sequence[str]) -> Iterator[SpanTexts]:
        """Those of the run with these ids that exist."""
        with self._store.reader.connect() as connection:
            for at in range(0, len(ids), _AT_ONCE):
                part = ids[at : at + _AT_ONCE]
                query = select(*_SPAN).select_from(_SPANS).where(_s.instance_key == key, _s.id.in_(part))
                here = [_span(row) for row in connection.execute(query)]
                yield from here
                missing = set(part) - {span.id for span in here}
                for moved in self._store.moved_parts(connection, [key] if missing else []).values():
                    yield from (_moved(*pair) for pair in moved.whole(missing).values())

    def every_span(self, key: int) -> Iterator[SpanTexts]:
        """All of a run, those in the span store among them."""
        after, here = "", set[str]()
        query = select(*_SPAN).select_from(_SPANS).where(_s.instance_key == key)
        with self._store.reader.connect() as connection:
            while rows := connection.execute(
                query.where(_s.id > after).order_by(_s.id).limit(_AT_ONCE)
            ).all():
                yield from map(_span, rows)
                here.update(row.id for row in rows)
                after = rows[-1].id
            for moved in self._store.moved_parts(connection, [key]).values():
                for pairs in moved.every_whole():
                    yield from (_moved(*pair) for pair in pairs if pair[0].id not in here)

    def events(self, key: int, ids: Sequence[str]) -> Iterator[EventTexts]:
        """Those of the run with these ids that exist."""
        with self._store.reader.connect() as connection:
            for at in range(0, len(ids), _AT_ONCE):
                part = ids[at : at + _AT_ONCE]
                query = select(*_EVENT).where(_e.instance_key == key, _e.id.in_(part))
                here = [_event(row) for row in connection.execute(query)]
                yield from here
                missing = set(part) - {event.id for event in here}
                for moved in self._store.moved_parts(connection, [key] if missing else []).values():
                    yield from map(_moved_event, moved.events_with(missing))

    def every_event(self, key: int) -> Iterator[EventTexts]:
        """All of a run in the order of their times, which is a place for each."""
        query = select(*_EVENT, _e.timestamp).where(_e.instance_key == key).order_by(_e.timestamp, _e.id)
        with self._store.reader.connect() as connection:
            here = {
                (row.timestamp, row.id): EventTexts(row.id, row.name, row.payload)
                for row in connection.execute(query.limit(_MOST_EVENTS))
            }
            moved = self._store.moved_parts(connection, [key]).get(key)
        if moved is not None:
            there = {(row.timestamp, row.id): _moved_event(row) for row in moved.events(_MOST_EVENTS)}
            here = dict(sorted((there | here).items()))
        yield from here.values()

    def _runs(self, query: Any) -> list[RunTexts]:
        with self._store.reader.connect() as connection:
            return [RunTexts(*row) for row in connection.execute(query)]


def _span(row: Row[*tuple[Any, ...]]) -> SpanTexts:
    return SpanTexts(*row)


def _event(row: Row[*tuple[Any, ...]]) -> EventTexts:
    return EventTexts(*row)


def _moved_event(event: EventRow) -> EventTexts:
    return EventTexts(event.id, event.name, event.payload)


def _moved(span: SpanRow, body: BodyRow) -> SpanTexts:
    return SpanTexts(
        span.body_key,
        span.id,
        span.name,
        body.error,
        body.result_payload,
        body.payload,
        body.attributes,
        body.finish_attributes,
    )
