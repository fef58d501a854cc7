"""Walking through a table in the order of its primary key, and through two such walks side by side."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Text, collate, func, select, tuple_

from holdfast.server.stores.copying.tables import Copied, Row

__all__ = ["count_rows", "differences", "missing", "walk"]


def walk(
    connection: Connection, copied: Copied, *, keys_only: bool = False, one_moment: bool = True
) -> Generator[Row]:
    """Every row, or of each only the key, in the order of the keys.

    With `one_moment` all belong to the transaction that the connection is in. Without it SQLite's are read bit
    by bit, each in a transaction of its own: the walk does not hold up what others write meanwhile.
    """
    columns = copied.key_columns if keys_only else copied.columns
    bytewise = "C" if connection.dialect.name == "postgresql" else "BINARY"
    # the order of the code points, which is that of the bytes in UTF-8, and not some language's
    order = [
        collate(column, bytewise) if isinstance(column.type, Text) else column
        for column in copied.key_columns
    ]
    query = select(*columns).where(copied.where).order_by(*order)
    if connection.dialect.name == "postgresql":
        with connection.execute(query, execution_options={"yield_per": copied.fetch}) as found:
            yield from map(tuple, found)
        return
    key_of: Callable[[Row], Row] = tuple if keys_only else copied.key
    rest = query
    while True:
        rows: Sequence[Any] = connection.execute(rest.limit(copied.fetch)).all()
        if not one_moment:
            connection.rollback()
        yield from map(tuple, rows)
        if len(rows) < copied.fetch:
            return
        rest = query.where(tuple_(*copied.key_columns) > key_of(tuple(rows[-1])))


def count_rows(connection: Connection, copied: Copied) -> int:
    return int(
        connection.execute(select(func.count()).select_from(copied.table).where(copied.where)).scalar_one()
    )


def differences(
    source: Iterable[Row], target: Iterable[Row], key: Callable[[Row], Row]
) -> Iterator[tuple[Row | None, Row | None]]:
    """The rows that are in one of two walks only, and those of one key that are not equal, as (source, target)."""
    theirs = iter(target)
    other = next(theirs, None)
    for row in source:
        if other is None:
            yield row, None
            continue
        at = key(row)
        while other is not None and key(other) < at:
            yield None, other
            other = next(theirs, None)
        if other is None or key(other) != at:
            yield row, None
            continue
        if other != row:
            yield row, other
        other = next(theirs, None)
    while other is not None:
        yield None, other
        other = next(theirs, None)


def missing(keys: Iterable[Row], others: Iterable[Row]) -> Iterator[Row]:
    """Those of the first walk that are not in the second, which is gone through no farther than need be."""
    there = iter(others)
    other = next(there, None)
    for key in keys:
        while other is not None and other < key:
            other = next(there, None)
        if other != key:
            yield key
