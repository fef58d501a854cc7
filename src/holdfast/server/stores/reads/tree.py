"""Reading what a look at a whole tree needs beyond the tree: when spans ended, and which have a text in them."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Text, func, or_, select
from sqlalchemy import cast as sql_cast

from holdfast.server.stores.base import Store
from holdfast.server.stores.schema.record import spans

__all__ = ["MOST_FOUND", "TreeReads"]

MOST_FOUND: Final = 10_000
"""Spans that one search names at most."""

_s: Final = spans.c
_SEARCHED: Final = (_s.name, _s.schema_name, _s.tool, _s.model, _s.error_type, _s.summary, _s.id)
_texts: Final = msgspec.json.Decoder(list[str]).decode
_numbers: Final = msgspec.json.Decoder(list[int | None]).decode


class TreeReads:
    """Each method is one read of its own, in the calling thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._engine = store.reader
        self._sqlite = self._engine.dialect.name == "sqlite"

    def ends(self, key: int) -> dict[str, int | None]:
        """When each span of a run ended, in nanoseconds; None while it has not."""
        query = select(self._array(_s.id), self._array(_s.finished_at)).where(_s.instance_key == key)
        with self._engine.connect() as connection:
            ids, ends = connection.execute(query).one()
            moved = self._store.moved_parts(connection, [key]).get(key)
        found = dict(zip(_texts(ids), _numbers(ends), strict=True))
        return found if moved is None else moved.ends() | found

    def found(self, key: int, text: str) -> list[str]:
        """The ids of up to 10,000 spans of a run that have the text, in whatever case, in their name, type, tool,
        model, error type, summary or id; in no order."""
        where = or_(*(column.icontains(text, autoescape=True) for column in _SEARCHED))
        query = select(_s.id).where(_s.instance_key == key, where).limit(MOST_FOUND)
        with self._engine.connect() as connection:
            found = list(connection.execute(query).scalars())
            moved = self._store.moved_parts(connection, [key]).get(key)
        if moved is not None and len(found) < MOST_FOUND:
            found = list(dict.fromkeys([*found, *moved.found(text, MOST_FOUND)]))[:MOST_FOUND]
        return found

    def _array(self, column: ColumnElement[Any]) -> ColumnElement[str]:
        if self._sqlite:
            return func.json_group_array(column)
        return func.coalesce(sql_cast(func.json_agg(column), Text), "[]")
