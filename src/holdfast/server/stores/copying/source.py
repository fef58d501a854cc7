"""The rows of a record that is copied. What of it lies in a span store takes its place among the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import merge
from itertools import islice
from typing import Final

from sqlalchemy import Connection

from holdfast.errors import CopyRefusedError
from holdfast.server.stores.base import Store
from holdfast.server.stores.clickhouse.rows import MovedRows
from holdfast.server.stores.copying.tables import Copied, Row
from holdfast.server.stores.copying.walk import count_rows, walk
from holdfast.server.stores.schema.columnar import (
    moved_runs,
    recalled_spans,
    span_batches,
    span_erasures,
    span_mover,
)
from holdfast.server.stores.schema.record import events, span_bodies, spans
from holdfast.server.stores.tiered.moving_state import anything_moved

__all__ = ["SourceRows"]

_RUNS_AT_ONCE: Final = 500
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
        self._connection = connection
        self._moved: MovedRows | None = None
        if not keep_moved and anything_moved(connection):
            moved = store.moved_list(connection)
            if moved is None:
                raise CopyRefusedError(
                    connection.engine.url.render_as_string(hide_password=True),
                    "has spans in ClickHouse",
                    "`--from-spans ADDRESS` copies them too; `--keep-spans` leaves them there, for the target",
                )
            self._moved = moved.rows()

    @property
    def dialect(self) -> str:
        return self._connection.dialect.name

    def count(self, copied: Copied) -> int:
        """How many rows of a table lie in the database."""
        return count_rows(self._connection, copied)

    def rows(self, copied: Copied) -> Iterator[Row]:
        """Every row of a table in the order of the keys."""
        here = walk(self._connection, copied)
        if self._moved is None:
            return here
        if copied.name in _ABOUT_THE_SPAN_STORE:
            return iter(())
        there = self._from_span_store(copied, self._moved)
        return here if there is None else _together(here, there, copied.key)

    def keys(self, copied: Copied) -> Iterator[Row]:
        """The keys of `rows`."""
        if self._moved is None:
            return walk(self._connection, copied, keys_only=True)
        return map(copied.key, self.rows(copied))

    def _from_span_store(self, copied: Copied, moved: MovedRows) -> Iterator[Row] | None:
        if copied.table is spans:
            return self._of_moved_runs(moved.spans)
        if copied.table is span_bodies:
            return self._of_moved_runs(moved.bodies)
        return self._of_moved_runs(moved.events) if copied.table is events else None

    def _of_moved_runs(self, read: Callable[[set[str], list[int]], Iterator[Row]]) -> Iterator[Row]:
        runs = walk(self._connection, Copied(moved_runs))
        while some := list(islice(runs, _RUNS_AT_ONCE)):
            yield from read({account for _, account, *_ in some}, [key for key, *_ in some])


def _together(here: Iterator[Row], there: Iterator[Row], key: Callable[[Row], Row]) -> Iterator[Row]:
    """Both in one order. What is in both is newer in the database."""
    last: Row | None = None
    for row in merge(here, there, key=key):  # of equal ones those from here come first
        at = key(row)
        if at != last:
            last = at
            yield row
