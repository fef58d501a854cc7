"""The rows of a record that is copied. What of it lies in a span store takes its place among the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from heapq import merge
from itertools import islice
from typing import Final

from msgspec.structs import astuple
from sqlalchemy import Connection

from holdfast.errors import CopyRefusedError
from holdfast.server.stores.base import Store
from holdfast.server.stores.clickhouse.reads import MovedPart
from holdfast.server.stores.copy_tables import Copied, Row
from holdfast.server.stores.copy_walk import count_rows, walk
from holdfast.server.stores.moving_state import anything_moved
from holdfast.server.stores.schema import events, span_bodies, spans
from holdfast.server.stores.schema_columnar import (
    moved_runs,
    recalled_spans,
    span_batches,
    span_erasures,
    span_mover,
)

__all__ = ["SourceRows"]

_RUNS_AT_ONCE: Final = 200
_BODIES_AT_ONCE: Final = 200
_EVERY: Final = 2**62
_ABOUT_THE_SPAN_STORE: Final = frozenset(
    {moved_runs.name, recalled_spans.name, span_batches.name, span_erasures.name, span_mover.name}
)


class SourceRows:
    """Read over `connection`, in the one transaction it is in.

    With `keep_moved` the rows are those of the database alone, those among them that say what lies in the span
    store. Without it spans, bodies and events have those from the span store among them, and nothing is said of a
    span store. Raises `CopyRefusedError` where spans lie in a span store that `store` does not have.
    """

    def __init__(self, store: Store, connection: Connection, *, keep_moved: bool) -> None:
        self._store = store
        self._connection = connection
        self._moved = not keep_moved and anything_moved(connection)
        if self._moved and store.moved_list(connection) is None:
            raise CopyRefusedError(
                connection.engine.url.render_as_string(hide_password=True),
                "has spans in ClickHouse",
                "`--from-spans ADDRESS` copies them too; `--keep-spans` leaves them there, for the target",
            )

    @property
    def dialect(self) -> str:
        return self._connection.dialect.name

    def count(self, copied: Copied) -> int:
        """How many rows of a table lie in the database."""
        return count_rows(self._connection, copied)

    def rows(self, copied: Copied) -> Iterator[Row]:
        """Every row of a table in the order of the keys."""
        if not self._moved:
            return walk(self._connection, copied)
        if copied.name in _ABOUT_THE_SPAN_STORE:
            return iter(())
        part = _PARTS.get(copied.name)
        here = walk(self._connection, copied)
        return here if part is None else _together(here, self._from_span_store(part), copied.key)

    def keys(self, copied: Copied) -> Iterator[Row]:
        """The keys of `rows`."""
        if self._moved:
            return map(copied.key, self.rows(copied))
        return walk(self._connection, copied, keys_only=True)

    def _from_span_store(self, part: Callable[[MovedPart], Iterator[Row]]) -> Iterator[Row]:
        keys = (key for (key,) in walk(self._connection, Copied(moved_runs), keys_only=True))
        while some := list(islice(keys, _RUNS_AT_ONCE)):
            parts = self._store.moved_parts(self._connection, some)
            for key in some:
                yield from part(parts[key])


def _together(here: Iterator[Row], there: Iterator[Row], key: Callable[[Row], Row]) -> Iterator[Row]:
    """Both in one order. What is in both is newer in the database."""
    last: Row | None = None
    for row in merge(here, there, key=key):  # of equal ones those from here come first
        at = key(row)
        if at != last:
            last = at
            yield row


def _spans(part: MovedPart) -> Iterator[Row]:
    return iter(sorted(map(astuple, part.first_spans(_EVERY)), key=lambda row: row[1]))


def _bodies(part: MovedPart) -> Iterator[Row]:
    keys = [span.body_key for span in part.first_spans(_EVERY)]
    for at in range(0, len(keys), _BODIES_AT_ONCE):
        found = part.bodies(keys[at : at + _BODIES_AT_ONCE])
        yield from (astuple(found[key]) for key in keys[at : at + _BODIES_AT_ONCE])


def _events(part: MovedPart) -> Iterator[Row]:
    return iter(sorted(map(astuple, part.events(None)), key=lambda row: row[1]))


_PARTS: Final[Mapping[str, Callable[[MovedPart], Iterator[Row]]]] = {
    spans.name: _spans,
    span_bodies.name: _bodies,
    events.name: _events,
}
