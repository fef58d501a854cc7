"""Writing to the search index in SQLite: its tables, and one transaction on them.

The texts are kept, clipped and compressed, beside FTS5 tables without contents: FTS5 takes a text out only when
it is told it again. An account has full-text tables of its own, each a *part* for some 100,000 documents of runs
that lie together. That bounds what a look at one costs, whatever is asked, and makes it depend on nobody else's
texts; and wiping what was taken out rewrites no more than a part.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from typing import Final

from msgspec import Struct

from holdfast.server.stores.schema.record import BODY_KEY_BITS
from holdfast.server.stores.search.index import Document
from holdfast.server.stores.search.words import index_words

__all__ = ["SCHEMA", "SqliteSearchWriter", "state_value", "unpacked"]

_PART: Final = 100_000
_WORTH_PACKING: Final = 200
_END: Final = 1 << (63 - BODY_KEY_BITS)

SCHEMA: Final = (
    "CREATE TABLE state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    # `text` is compressed where it is a BLOB
    "CREATE TABLE documents (key INTEGER PRIMARY KEY, part INTEGER NOT NULL, subject TEXT NOT NULL, text NOT NULL)",
    # the account's runs from `first` to before `last`; of those it has seen `lowest` to `highest`
    "CREATE TABLE parts (id INTEGER PRIMARY KEY, account_id TEXT NOT NULL, first INTEGER NOT NULL, "
    "last INTEGER NOT NULL, lowest INTEGER NOT NULL, highest INTEGER NOT NULL, documents INTEGER NOT NULL, "
    "untidy INTEGER NOT NULL)",
    "CREATE UNIQUE INDEX parts_in_order ON parts (account_id, first)",
)
_FIND_PART: Final = (
    "SELECT id, first, last, lowest, highest, documents FROM parts "
    "WHERE account_id = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1"
)
_NEW_PART: Final = (
    "INSERT INTO parts (account_id, first, last, lowest, highest, documents, untidy) "
    "VALUES (?, ?, ?, ?, ?, 0, 0)"
)
_GROW_PART: Final = (
    "UPDATE parts SET documents = documents + ?, lowest = min(lowest, ?), highest = max(highest, ?) "
    "WHERE id = ?"
)
_SHRINK_PART: Final = "UPDATE parts SET documents = documents - ?, untidy = 1 WHERE id = ?"
_REMEMBER_HIGHEST: Final = (
    "INSERT INTO state VALUES ('highest', ?1) ON CONFLICT (name) DO UPDATE "
    "SET value = max(CAST(value AS INTEGER), CAST(excluded.value AS INTEGER))"
)


class _Part(Struct, frozen=True):
    id: int
    first: int
    last: int
    lowest: int
    highest: int
    documents: int


class SqliteSearchWriter:
    """A `SearchWriter`, within a transaction of the connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    @property
    def missing_below(self) -> int:
        return int(state_value(self._db, "missing_below") or 0)

    def set_missing_below(self, instance_key: int) -> None:
        self._db.execute("INSERT OR REPLACE INTO state VALUES ('missing_below', ?)", (str(instance_key),))

    def put(self, documents: Sequence[Document]) -> None:
        in_order = sorted(documents, key=lambda document: document.key)
        for (run, account_id), group in groupby(in_order, key=lambda one: (one.instance_key, one.account_id)):
            of_run = list(group)
            known = self._known(document.key for document in of_run)
            part = known[0][1] if known else self._part_for(account_id, run)
            self._take_out(part, known)
            self._db.executemany(
                "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)",
                [(one.key, part, one.subject, _packed(one.text)) for one in of_run],
            )
            self._db.executemany(
                f"INSERT INTO words_{part} (rowid, words) VALUES (?, ?)",  # noqa: S608 - a number of ours
                [(one.key, index_words(one.text)) for one in of_run],
            )
            self._db.execute(_GROW_PART, (len(of_run) - len(known), run, run, part))
        if in_order:
            self._db.execute(_REMEMBER_HIGHEST, (str(in_order[-1].instance_key),))

    def forget(self, instance_keys: Collection[int]) -> int:
        gone = 0
        for run in instance_keys:
            bounds = run << BODY_KEY_BITS, (run + 1) << BODY_KEY_BITS
            known = self._db.execute(
                "SELECT key, part, text FROM documents WHERE key >= ? AND key < ?", bounds
            ).fetchall()
            if known:
                part = known[0][1]  # that of the whole run
                self._take_out(part, known)
                self._db.execute("DELETE FROM documents WHERE key >= ? AND key < ?", bounds)
                self._db.execute(_SHRINK_PART, (len(known), part))
                gone += len(known)
        return gone

    def clear(self) -> None:
        for (part,) in self._db.execute("SELECT id FROM parts").fetchall():
            self._db.execute(f"DROP TABLE words_{part}")
        for table in ("documents", "parts"):
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names

    def _known(self, keys: Iterable[int]) -> list[tuple[int, int, str | bytes]]:
        found = (
            self._db.execute("SELECT key, part, text FROM documents WHERE key = ?", (key,)).fetchone()
            for key in keys
        )
        return [row for row in found if row is not None]

    def _take_out(self, part: int, known: Sequence[tuple[int, int, str | bytes]]) -> None:
        self._db.executemany(
            f"INSERT INTO words_{part} (words_{part}, rowid, words) VALUES ('delete', ?, ?)",  # noqa: S608 - a number of ours
            [(key, index_words(unpacked(text))) for key, _, text in known],
        )

    def _part_for(self, account_id: str, run: int) -> int:
        """The part of a run that is in none yet. One that is full takes no more at its open ends: after its
        newest run, as runs are recorded, and before its oldest, as older ones are taken in backwards."""
        row = self._db.execute(_FIND_PART, (account_id, run)).fetchone()
        if row is None:
            return self._new_part(account_id, 0, _END, run)
        part = _Part(*row)
        if part.documents >= _PART and part.last == _END and run > part.highest:
            self._db.execute("UPDATE parts SET last = ? WHERE id = ?", (run, part.id))
            return self._new_part(account_id, run, _END, run)
        if part.documents >= _PART and part.first == 0 and run < part.lowest:
            self._db.execute("UPDATE parts SET first = ? WHERE id = ?", (part.lowest, part.id))
            return self._new_part(account_id, 0, part.lowest, run)
        return part.id

    def _new_part(self, account_id: str, first: int, last: int, run: int) -> int:
        made = self._db.execute(_NEW_PART, (account_id, first, last, run, run)).lastrowid
        assert made is not None
        self._db.execute(
            f"CREATE VIRTUAL TABLE words_{made} USING fts5(words, content='', columnsize=0, tokenize='ascii')"
        )
        return made


def state_value(connection: sqlite3.Connection, name: str) -> str | None:
    row = connection.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
    return None if row is None else row[0]


def _packed(text: str) -> str | bytes:
    raw = text.encode("utf-8", "replace")
    return zlib.compress(raw, 1) if len(raw) > _WORTH_PACKING else raw.decode()


def unpacked(text: str | bytes) -> str:
    return text if isinstance(text, str) else zlib.decompress(text).decode()
