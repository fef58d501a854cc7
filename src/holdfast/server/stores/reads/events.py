"""Reading the events of a run in the order of their times, a page at a time."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import select, tuple_

from holdfast.server.stores.base import Store
from holdfast.server.stores.reads.run_views import RunEvent
from holdfast.server.stores.schema.record import events

__all__ = ["EventPlace", "EventReads"]

_MOST_MOVED: Final = 20_000
_e: Final = events.c

EventPlace = tuple[int, str]
"""The time (nanoseconds) and the id of an event: its place in the order."""


class EventReads:
    """Each method is one read of its own, in the calling thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._engine = store.reader

    def page(
        self,
        key: int,
        limit: int,
        *,
        names: Collection[str] | None = None,
        after: EventPlace | None = None,
        until: int | None = None,
    ) -> list[RunEvent]:
        """The first `limit` events of a run behind a place and before a time; of these names only, if given. Of
        events that lie in the span store the first 20,000 of a run are looked at."""
        query = select(_e.id, _e.span_id, _e.name, _e.level, _e.timestamp, _e.payload).where(
            _e.instance_key == key
        )
        if names is not None:
            query = query.where(_e.name.in_(names))
        if after is not None:
            query = query.where(tuple_(_e.timestamp, _e.id) > after)
        if until is not None:
            query = query.where(_e.timestamp < until)
        with self._engine.connect() as connection:
            found = [
                RunEvent(*row) for row in connection.execute(query.order_by(_e.timestamp, _e.id).limit(limit))
            ]
            moved = self._store.moved_parts(connection, [key]).get(key)
        if moved is None:
            return found
        every = {event.id: event for event in found}
        for e in moved.events(_MOST_MOVED):
            wanted = (
                (names is None or e.name in names)
                and (after is None or (e.timestamp, e.id) > after)
                and (until is None or e.timestamp < until)
            )
            if wanted:
                every.setdefault(e.id, RunEvent(e.id, e.span_id, e.name, e.level, e.timestamp, e.payload))
        return sorted(every.values(), key=lambda event: (event.timestamp, event.id))[:limit]
