"""What is copied from one database to another, and when two rows are the same."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, LargeBinary, Table, Text, true

from holdfast.server.stores.all_tables import all_tables
from holdfast.server.stores.copying.identity import COPY_MARK
from holdfast.server.stores.schema.record import server_values

__all__ = ["Checksum", "Copied", "Row", "copied_tables"]

Row = tuple[Any, ...]
"""The values of a row in the order of the table's columns: None, int, float, str or bytes."""

_IMPOSSIBLE: Final = re.compile("[\x00\ud800-\udfff]")
_BITS: Final = 128
_encode: Final = msgspec.msgpack.Encoder().encode


class Copied:
    """One table to be copied."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.name = str(table.name)
        self.columns = tuple(column for column in table.columns if column.computed is None)
        names = [column.name for column in self.columns]
        self.key_columns = tuple(table.primary_key.columns)
        self._key_places = tuple(names.index(column.name) for column in self.key_columns)
        self._texts = tuple(
            place for place, column in enumerate(self.columns) if isinstance(column.type, Text)
        )
        self._large = tuple(
            place for place, column in enumerate(self.columns) if isinstance(column.type, LargeBinary)
        )

    @property
    def where(self) -> ColumnElement[bool]:
        """Which rows: the mark of the copy itself is no part of the record."""
        return server_values.c.name != COPY_MARK if self.table is server_values else true()

    @property
    def fetch(self) -> int:
        """How many rows are read at a time: what they hold lies in memory."""
        return 200 if self._large else 5_000

    def key(self, row: Row) -> Row:
        """Its primary key. Keys are ordered as Python orders them: numbers by size, text by code point."""
        return tuple(row[place] for place in self._key_places)

    def size(self, row: Row) -> int:
        """About how many bytes it holds."""
        return 100 + sum(len(row[place]) for place in self._large if row[place] is not None)

    def without_impossible_text(self, row: Row) -> Row:
        """With U+FFFD for each character that PostgreSQL does not take in a text."""
        for place in self._texts:
            value = row[place]
            if value is None or (value.isascii() and "\0" not in value):
                continue
            possible = _IMPOSSIBLE.sub("\N{REPLACEMENT CHARACTER}", value)
            if possible != value:
                row = (*row[:place], possible, *row[place + 1 :])
        return row


def copied_tables() -> list[Copied]:
    """All tables, those first that others refer to."""
    return [Copied(table) for table in all_tables.sorted_tables]


class Checksum:
    """Of a set of rows, whatever their order: the sum of what each row's values hash to, and their number."""

    def __init__(self) -> None:
        self.rows = 0
        self._sum = 0

    def add(self, row: Row) -> None:
        self.rows += 1
        self._sum += int.from_bytes(blake2b(_encode(row), digest_size=_BITS // 8).digest(), "big")

    def __str__(self) -> str:
        return format(self._sum % (1 << _BITS), f"0{_BITS // 4}x")
