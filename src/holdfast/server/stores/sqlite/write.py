"""Writing to SQLite: the statements of the ingest path, on the driver itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import Any, Final

import msgspec
from msgspec.structs import astuple
from sqlalchemy import Connection, Table

from holdfast.server.stores.rows import (
    BodyChange,
    BodyRow,
    CheckRow,
    EventRow,
    InstanceRow,
    QualityRow,
    RollupDelta,
    SpanRow,
)
from holdfast.server.stores.schema import record as schema
from holdfast.server.stores.sqlite.facets import SqliteFacets
from holdfast.server.stores.sqlite.rollups import add_to_rollups

__all__ = ["SqliteTransaction"]

_as_json: Final = msgspec.json.Encoder().encode

_CHUNK: Final = 32
"""Rows in one statement. The driver gives the interpreter lock away and takes it back around every
execution: one for many rows leaves the lock to the threads that decode meanwhile."""


def _names(table: Table, *, but: Collection[str] = ()) -> list[str]:
    return [column.name for column in table.columns if column.name not in but]


def _insert(table: Table, *, but: Collection[str] = (), verb: str = "INSERT") -> str:
    return f"{verb} INTO {table.name} ({', '.join(_names(table, but=but))}) VALUES "


def _tuple(width: int) -> str:
    return "(" + ", ".join("?" * width) + ")"


def _set(columns: Iterable[str]) -> str:
    return ", ".join(f"{name} = ?" for name in columns)


_SPAN_KEPT: Final = ("instance_key", "id", "violations", "summary")
_SPAN_SET: Final = _names(schema.spans, but=_SPAN_KEPT)
_BODY_SET: Final = _names(schema.span_bodies, but=("key",))
_INSTANCE_SET: Final = _names(schema.instances, but=("key",))

_ALL_SPAN: Final = _names(schema.spans)
_SPAN_WIDTHS: Final = {
    width: (None,) * (len(_ALL_SPAN) - width)
    for width in (
        _ALL_SPAN.index("flags") + 1,
        _ALL_SPAN.index("tool") + 1,
        _ALL_SPAN.index("input_tokens") + 1,
        len(_ALL_SPAN),
    )
}
"""How many columns an insert names, and what must follow in the row. A column costs a quarter of a
microsecond even for NULL, and most spans have nothing in the last dozen."""
_INSERT_SPAN: Final = {width: _insert(schema.spans, but=_ALL_SPAN[width:]) for width in _SPAN_WIDTHS}
_INSERT_BODY: Final = _insert(schema.span_bodies)
_INSERT_INSTANCE: Final = _insert(schema.instances, but=("key",)) + _tuple(len(_INSTANCE_SET))
_INSERT_EVENT: Final = _insert(schema.events) + _tuple(len(schema.events.columns))
_REPLACE_QUALITY: Final = _insert(schema.quality, verb="INSERT OR REPLACE")
_REPLACE_CHECK: Final = _insert(schema.check_queue, verb="INSERT OR REPLACE")
_UPDATE_SPAN: Final = f"UPDATE spans SET {_set(_SPAN_SET)} WHERE instance_key = ? AND id = ?"  # noqa: S608 - our own names
_UPDATE_BODY: Final = (
    "UPDATE span_bodies SET "  # noqa: S608 - our own names
    + ", ".join(f"{name} = coalesce(?, {name})" for name in _BODY_SET)
    + " WHERE key = ?"
)
_UPDATE_INSTANCE: Final = f"UPDATE instances SET {_set(_INSTANCE_SET)} WHERE key = ?"  # noqa: S608 - our own names

_SELECT_INSTANCES: Final = (
    f"SELECT {', '.join('i.' + n for n in _names(schema.instances))} FROM json_each(?1) j "  # noqa: S608 - our own names
    "CROSS JOIN instances i ON i.account_id = ?2 AND i.id = j.value"
)
_SELECT_INSTANCES_BY_KEY: Final = (
    f"SELECT {', '.join('i.' + n for n in _names(schema.instances))} FROM json_each(?1) j "  # noqa: S608 - our own names
    "CROSS JOIN instances i ON i.key = j.value"
)
_SELECT_SILENT: Final = (
    f"SELECT {', '.join(_names(schema.instances))} FROM instances WHERE updated_at < ? "  # noqa: S608 - our own names
    # word for word the condition of the index on it
    "AND (status IN ('pending', 'active') OR spans_active > 0 OR spans_pending > 0) ORDER BY updated_at LIMIT ?"
)
_SPAN_COLUMNS: Final = ", ".join("s." + n for n in _names(schema.spans))
# CROSS JOIN is SQLite's way to fix the order: one point lookup per wanted key.
_SELECT_SPANS: Final = (
    f"SELECT {_SPAN_COLUMNS} FROM json_each(?1) j "  # noqa: S608 - our own names
    "CROSS JOIN spans s ON s.instance_key = ?2 AND s.id = j.value"
)
_SELECT_BODY: Final = f"SELECT {', '.join(_names(schema.span_bodies))} FROM span_bodies WHERE key = ?"  # noqa: S608 - our own names
_SELECT_OPEN_SPANS: Final = (
    f"SELECT {_SPAN_COLUMNS} FROM spans s WHERE instance_key = ? AND status IN ('pending', 'active')"  # noqa: S608 - our own names
)
_FIND_SPAN: Final = (
    "SELECT s.instance_key FROM spans s JOIN instances i ON i.key = s.instance_key "
    "WHERE s.id = ? AND i.account_id = ? ORDER BY s.instance_key DESC LIMIT 1"
)
_SELECT_EVENTS: Final = (
    "SELECT e.id FROM json_each(?1) j CROSS JOIN events e ON e.instance_key = ?2 AND e.id = j.value"
)
_SELECT_QUALITY: Final = f"SELECT {', '.join(_names(schema.quality))} FROM quality WHERE instance_key = ?"  # noqa: S608 - our own names
_QUEUE_ALL: Final = (
    "INSERT OR REPLACE INTO check_queue (instance_key, subject, ticket) "
    "SELECT instance_key, 'span/' || id, ?2 FROM spans WHERE instance_key = ?1"
)
_SELECT_RESPONSE: Final = "SELECT response FROM idempotency WHERE account_id = ? AND action = ? AND key = ?"
_INSERT_RESPONSE: Final = "INSERT OR IGNORE INTO idempotency VALUES (?, ?, ?, ?, ?, ?)"


class SqliteTransaction:
    """A `WriteTransaction`. `driver` is the same connection as `connection`, without its wrapping; `runs_changed`
    has the keys of the runs that were made or written back."""

    def __init__(self, connection: Connection, driver: sqlite3.Connection) -> None:
        self._connection = connection
        self._driver = driver
        self._facets = SqliteFacets(driver)
        self.runs_changed: set[int] = set()

    @property
    def connection(self) -> Connection:
        return self._connection

    @property
    def facets(self) -> SqliteFacets:
        return self._facets

    def instances(self, account_id: str, ids: Collection[str]) -> dict[str, InstanceRow]:
        found = self._driver.execute(_SELECT_INSTANCES, (_as_json(list(ids)).decode(), account_id))
        return {row.id: row for row in map(_instance, found.fetchall())}

    def instances_by_key(self, keys: Collection[int]) -> dict[int, InstanceRow]:
        found = self._driver.execute(_SELECT_INSTANCES_BY_KEY, (_as_json(list(keys)).decode(),))
        return {row.key: row for row in map(_instance, found.fetchall())}

    def silent_instances(self, before: int, limit: int) -> list[InstanceRow]:
        return [_instance(row) for row in self._driver.execute(_SELECT_SILENT, (before, limit)).fetchall()]

    def add_instance(self, row: InstanceRow) -> int:
        key = self._driver.execute(_INSERT_INSTANCE, astuple(row)[1:]).lastrowid
        assert key is not None
        self.runs_changed.add(key)
        return key

    def update_instances(self, rows: Iterable[InstanceRow]) -> None:
        changes = [(*astuple(row)[1:], row.key) for row in rows]
        self._driver.executemany(_UPDATE_INSTANCE, changes)
        self.runs_changed.update(change[-1] for change in changes)

    def spans(self, keys: Collection[tuple[int, str]]) -> dict[tuple[int, str], SpanRow]:
        wanted: dict[int, list[str]] = {}
        for instance_key, span_id in keys:
            wanted.setdefault(instance_key, []).append(span_id)
        found: dict[tuple[int, str], SpanRow] = {}
        for instance_key, ids in wanted.items():
            rows = self._driver.execute(_SELECT_SPANS, (_as_json(ids).decode(), instance_key)).fetchall()
            for row in rows:
                found[instance_key, row[1]] = SpanRow(*row)
        return found

    def body(self, key: int) -> BodyRow:
        return BodyRow(*self._driver.execute(_SELECT_BODY, (key,)).fetchone())

    def open_spans(self, instance_key: int) -> list[SpanRow]:
        return [SpanRow(*row) for row in self._driver.execute(_SELECT_OPEN_SPANS, (instance_key,)).fetchall()]

    def find_span(self, account_id: str, span_id: str) -> int | None:
        row = self._driver.execute(_FIND_SPAN, (span_id, account_id)).fetchone()
        return None if row is None else int(row[0])

    def add_spans(self, rows: Sequence[SpanRow], bodies: Sequence[BodyRow]) -> None:
        by_width: dict[int, list[tuple[Any, ...]]] = {width: [] for width in _SPAN_WIDTHS}
        for row in rows:
            values = astuple(row)
            for width, nothing in _SPAN_WIDTHS.items():
                if values[width:] == nothing:
                    by_width[width].append(values[:width])
                    break
        for width, group in by_width.items():
            self._insert_many(_INSERT_SPAN[width], group)
        self._insert_many(_INSERT_BODY, [astuple(body) for body in bodies])

    def update_spans(self, rows: Sequence[SpanRow]) -> None:
        # the kept columns are the first two and the last two of the table
        self._driver.executemany(
            _UPDATE_SPAN, [(*astuple(row)[2:-2], row.instance_key, row.id) for row in rows]
        )

    def change_bodies(self, changes: Sequence[BodyChange]) -> None:
        self._driver.executemany(_UPDATE_BODY, [(*astuple(change)[1:], change.key) for change in changes])

    def add_events(self, rows: Sequence[EventRow]) -> list[tuple[int, str]]:
        wanted: dict[int, dict[str, EventRow]] = {}
        for row in rows:
            wanted.setdefault(row.instance_key, {}).setdefault(row.id, row)
        added: list[tuple[int, str]] = []
        for instance_key, by_id in wanted.items():
            for (known,) in self._driver.execute(
                _SELECT_EVENTS, (_as_json(list(by_id)).decode(), instance_key)
            ).fetchall():
                del by_id[known]
            self._driver.executemany(_INSERT_EVENT, [astuple(row) for row in by_id.values()])
            added += [(instance_key, event_id) for event_id in by_id]
        return added

    def quality(self, instance_key: int) -> list[QualityRow]:
        return [QualityRow(*row) for row in self._driver.execute(_SELECT_QUALITY, (instance_key,)).fetchall()]

    def set_quality(self, rows: Sequence[QualityRow]) -> None:
        self._insert_many(_REPLACE_QUALITY, [astuple(row) for row in rows])

    def queue_checks(self, rows: Iterable[CheckRow]) -> None:
        self._insert_many(_REPLACE_CHECK, [astuple(row) for row in rows])

    def queue_all_checks(self, instance_key: int, ticket: int) -> None:
        self._driver.execute(_QUEUE_ALL, (instance_key, ticket))

    def add_to_rollups(self, deltas: Sequence[RollupDelta]) -> None:
        add_to_rollups(self._driver, deltas)

    def stored_response(self, account_id: str, action: str, key: str) -> bytes | None:
        row = self._driver.execute(_SELECT_RESPONSE, (account_id, action, key)).fetchone()
        return None if row is None else bytes(row[0])

    def store_response(
        self, account_id: str, action: str, key: str, response: bytes, now: int, run: int | None = None
    ) -> None:
        self._driver.execute(_INSERT_RESPONSE, (account_id, action, key, response, now, run))

    def drop_responses(self, before: int) -> None:
        self._driver.execute("DELETE FROM idempotency WHERE inserted_at < ?", (before,))

    def _insert_many(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        if not rows:
            return
        one = _tuple(len(rows[0]))
        whole = len(rows) - len(rows) % _CHUNK
        if whole:
            many = statement + ", ".join([one] * _CHUNK)
            for at in range(0, whole, _CHUNK):
                self._driver.execute(many, tuple(chain.from_iterable(rows[at : at + _CHUNK])))
        if whole < len(rows):
            self._driver.executemany(statement + one, rows[whole:])


def _instance(row: tuple[Any, ...]) -> InstanceRow:
    return InstanceRow(**dict(zip(InstanceRow.__struct_fields__, row, strict=True)))
