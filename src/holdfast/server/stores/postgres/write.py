"""Writing to PostgreSQL: many rows at once by COPY, on the driver itself.

New spans are copied into their tables. Rows that may exist are copied into a scratch table of the connection
and taken over from there by one statement.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import psycopg
from msgspec.structs import astuple
from sqlalchemy import BigInteger, Connection, Integer, LargeBinary, Table

from holdfast.errors import StoreConflictError
from holdfast.server.stores.postgres.facets import PostgresFacets
from holdfast.server.stores.postgres.rollups import add_to_rollups
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

__all__ = ["SCRATCH_TABLES", "PostgresTransaction"]


_KINDS: Final = ((BigInteger, "int8"), (Integer, "int4"), (LargeBinary, "bytea"))


def _sql(text: str) -> bytes:
    """A statement put together from our own tables' names: the driver's types take no other text."""
    return text.encode()


def _names(table: Table, *, but: Collection[str] = ()) -> list[str]:
    return [column.name for column in table.columns if column.name not in but]


def _columns(table: Table, alias: str = "") -> str:
    return ", ".join(f'{alias}"{name}"' for name in _names(table))


def _types(table: Table) -> list[str]:
    """What COPY in its binary form must know of each column."""
    return [
        next((name for kind, name in _KINDS if isinstance(column.type, kind)), "text")
        for column in table.columns
    ]


def _copy(table: Table, *, scratch: bool) -> tuple[bytes, list[str]]:
    name = f"new_{table.name}" if scratch else table.name
    return _sql(f"COPY {name} ({_columns(table)}) FROM STDIN (FORMAT BINARY)"), _types(table)


def _take_over(table: Table, key: Collection[str], change: str = "{name} = n.{name}") -> bytes:
    kept = (*key, "violations", "summary") if table is schema.spans else key
    changes = ", ".join(change.format(name=f'"{name}"') for name in _names(table, but=kept))
    same = " AND ".join(f'o."{name}" = n."{name}"' for name in key)
    return _sql(f"UPDATE {table.name} o SET {changes} FROM new_{table.name} n WHERE {same}")  # noqa: S608 - our own names


def _replace(table: Table, key: Collection[str]) -> bytes:
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in _names(table, but=key))
    return _sql(
        f"INSERT INTO {table.name} ({_columns(table)}) SELECT {_columns(table)} FROM new_{table.name} "  # noqa: S608 - our own names
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"
    )


_SCRATCH: Final = (
    schema.instances,
    schema.spans,
    schema.span_bodies,
    schema.events,
    schema.quality,
    schema.check_queue,
)
SCRATCH_TABLES: Final = tuple(
    _sql(f"CREATE TEMPORARY TABLE new_{table.name} (LIKE {table.name}) ON COMMIT DELETE ROWS")
    for table in _SCRATCH
)
"""Of each connection that writes. They are emptied by the database at the end of every transaction."""

_COPY_SPANS: Final = _copy(schema.spans, scratch=False)
_COPY_BODIES: Final = _copy(schema.span_bodies, scratch=False)
_COPY_SCRATCH: Final = {table.name: _copy(table, scratch=True) for table in _SCRATCH}

_TAKE_INSTANCES: Final = _take_over(schema.instances, ("key",))
_TAKE_SPANS: Final = _take_over(schema.spans, ("instance_key", "id"))
_TAKE_BODIES: Final = _take_over(schema.span_bodies, ("key",), "{name} = coalesce(n.{name}, o.{name})")
_REPLACE_QUALITY: Final = _replace(schema.quality, ("instance_key", "name"))
_REPLACE_CHECKS: Final = _replace(schema.check_queue, ("instance_key", "subject"))
_TAKE_EVENTS: Final = _sql(
    f"INSERT INTO events ({_columns(schema.events)}) SELECT {_columns(schema.events)} FROM new_events "  # noqa: S608 - our own names
    "ON CONFLICT DO NOTHING RETURNING instance_key, id"
)
_QUEUE_ALL: Final = _sql(
    "INSERT INTO check_queue (instance_key, subject, ticket) "
    "SELECT instance_key, 'span/' || id, %s FROM spans WHERE instance_key = %s "
    "ON CONFLICT (instance_key, subject) DO UPDATE SET ticket = excluded.ticket"
)
_NEW_INSTANCE: Final = _names(schema.instances, but=("key",))
_INSERT_INSTANCE: Final = _sql(
    f"INSERT INTO instances ({', '.join(_NEW_INSTANCE)}) VALUES ({', '.join(['%s'] * len(_NEW_INSTANCE))}) "  # noqa: S608 - our own names
    "ON CONFLICT (account_id, id) DO NOTHING RETURNING key"
)
_SELECT_INSTANCES: Final = f"SELECT {_columns(schema.instances)} FROM instances "  # noqa: S608 - our own names
_LOCK_IN_ORDER: Final = " ORDER BY key FOR NO KEY UPDATE"
_INSTANCES_BY_ID: Final = _sql(_SELECT_INSTANCES + "WHERE account_id = %s AND id = ANY(%s)" + _LOCK_IN_ORDER)
_INSTANCES_BY_KEY: Final = _sql(_SELECT_INSTANCES + "WHERE key = ANY(%s)" + _LOCK_IN_ORDER)
_SILENT: Final = _sql(
    _SELECT_INSTANCES
    # word for word the condition of the index on it
    + "WHERE updated_at < %s AND (status IN ('pending', 'active') OR spans_active > 0 OR spans_pending > 0) "
    # what another server works on just now is not silent
    "ORDER BY updated_at LIMIT %s FOR NO KEY UPDATE SKIP LOCKED"
)
_SELECT_SPANS: Final = _sql(
    f"SELECT {_columns(schema.spans, 's.')} FROM unnest(%s::bigint[], %s::text[]) AS w (k, i) "  # noqa: S608 - our own names
    "JOIN spans s ON s.instance_key = w.k AND s.id = w.i"
)
_OPEN_SPANS: Final = _sql(
    f"SELECT {_columns(schema.spans)} FROM spans "  # noqa: S608 - our own names
    "WHERE instance_key = %s AND status IN ('pending', 'active')"
)
_FIND_SPAN: Final = _sql(
    "SELECT s.instance_key FROM spans s JOIN instances i ON i.key = s.instance_key "
    "WHERE s.id = %s AND i.account_id = %s ORDER BY s.instance_key DESC LIMIT 1"
)
_SELECT_BODY: Final = _sql(f"SELECT {_columns(schema.span_bodies)} FROM span_bodies WHERE key = %s")  # noqa: S608 - our own names
_SELECT_QUALITY: Final = _sql(f"SELECT {_columns(schema.quality)} FROM quality WHERE instance_key = %s")  # noqa: S608 - our own names
_SELECT_RESPONSE: Final = _sql(
    "SELECT response FROM idempotency WHERE account_id = %s AND action = %s AND key = %s"
)
_INSERT_RESPONSE: Final = _sql(
    "INSERT INTO idempotency VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)


class PostgresTransaction:
    """A `WriteTransaction`. `driver` is the same connection as `connection`, without its wrapping; `runs_changed`
    has the keys of the runs that were made or written back."""

    def __init__(self, connection: Connection, driver: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.runs_changed: set[int] = set()
        self._cursor = driver.cursor(binary=True)
        self._facets = PostgresFacets(self._cursor)
        self._answered: set[tuple[str, str, str]] = set()
        self._scratch_used: set[str] = set()

    @property
    def connection(self) -> Connection:
        return self._connection

    @property
    def facets(self) -> PostgresFacets:
        return self._facets

    def instances(self, account_id: str, ids: Collection[str]) -> dict[str, InstanceRow]:
        if not ids:
            return {}
        return {row.id: row for row in self._instances(_INSTANCES_BY_ID, account_id, list(ids))}

    def instances_by_key(self, keys: Collection[int]) -> dict[int, InstanceRow]:
        if not keys:
            return {}
        return {row.key: row for row in self._instances(_INSTANCES_BY_KEY, list(keys))}

    def silent_instances(self, before: int, limit: int) -> list[InstanceRow]:
        return self._instances(_SILENT, before, limit)

    def add_instance(self, row: InstanceRow) -> int:
        made = self._cursor.execute(_INSERT_INSTANCE, astuple(row)[1:]).fetchone()
        if made is None:
            raise StoreConflictError("instances", f"run {row.id} was made by another transaction just now")
        self.runs_changed.add(int(made[0]))
        return int(made[0])

    def update_instances(self, rows: Iterable[InstanceRow]) -> None:
        changes = [astuple(row) for row in rows]
        self._through_scratch(schema.instances, changes, _TAKE_INSTANCES)
        self.runs_changed.update(change[0] for change in changes)

    def spans(self, keys: Collection[tuple[int, str]]) -> dict[tuple[int, str], SpanRow]:
        if not keys:
            return {}
        runs, ids = [key for key, _ in keys], [span_id for _, span_id in keys]
        found = {(row[0], row[1]): SpanRow(*row) for row in self._rows(_SELECT_SPANS, runs, ids)}
        return {key: found[key] for key in keys if key in found}

    def body(self, key: int) -> BodyRow:
        return BodyRow(*self._rows(_SELECT_BODY, key)[0])

    def open_spans(self, instance_key: int) -> list[SpanRow]:
        return [SpanRow(*row) for row in self._rows(_OPEN_SPANS, instance_key)]

    def find_span(self, account_id: str, span_id: str) -> int | None:
        found = self._rows(_FIND_SPAN, span_id, account_id)
        return int(found[0][0]) if found else None

    def add_spans(self, rows: Sequence[SpanRow], bodies: Sequence[BodyRow]) -> None:
        if rows:
            self._copy(_COPY_SPANS, map(astuple, rows))
            self._copy(_COPY_BODIES, map(astuple, bodies))

    def update_spans(self, rows: Sequence[SpanRow]) -> None:
        self._through_scratch(schema.spans, [astuple(row) for row in rows], _TAKE_SPANS)

    def change_bodies(self, changes: Sequence[BodyChange]) -> None:
        wanted = [values for change in changes if any((values := astuple(change))[1:])]
        self._through_scratch(schema.span_bodies, wanted, _TAKE_BODIES)

    def add_events(self, rows: Sequence[EventRow]) -> list[tuple[int, str]]:
        first: dict[tuple[int, str], EventRow] = {}
        for row in rows:
            first.setdefault((row.instance_key, row.id), row)
        self._through_scratch(schema.events, [astuple(row) for row in first.values()], _TAKE_EVENTS)
        return [(int(key), str(name)) for key, name in self._cursor.fetchall()] if first else []

    def quality(self, instance_key: int) -> list[QualityRow]:
        return [QualityRow(*row) for row in self._rows(_SELECT_QUALITY, instance_key)]

    def set_quality(self, rows: Sequence[QualityRow]) -> None:
        last = {(row.instance_key, row.name): astuple(row) for row in rows}
        self._through_scratch(schema.quality, list(last.values()), _REPLACE_QUALITY)

    def queue_checks(self, rows: Iterable[CheckRow]) -> None:
        last = {(row.instance_key, row.subject): astuple(row) for row in rows}
        self._through_scratch(schema.check_queue, list(last.values()), _REPLACE_CHECKS)

    def queue_all_checks(self, instance_key: int, ticket: int) -> None:
        self._cursor.execute(_QUEUE_ALL, (ticket, instance_key))

    def add_to_rollups(self, deltas: Sequence[RollupDelta]) -> None:
        if deltas:
            add_to_rollups(self._cursor, deltas)

    def stored_response(self, account_id: str, action: str, key: str) -> bytes | None:
        found = self._rows(_SELECT_RESPONSE, account_id, action, key)
        return bytes(found[0][0]) if found else None

    def store_response(
        self, account_id: str, action: str, key: str, response: bytes, now: int, run: int | None = None
    ) -> None:
        self._cursor.execute(_INSERT_RESPONSE, (account_id, action, key, response, now, run))
        if not self._cursor.rowcount and (account_id, action, key) not in self._answered:
            raise StoreConflictError("idempotency", f"{action} was answered by another transaction just now")
        self._answered.add((account_id, action, key))

    def drop_responses(self, before: int) -> None:
        self._cursor.execute("DELETE FROM idempotency WHERE inserted_at < %s", (before,))

    def _rows(self, statement: bytes, *values: Any) -> list[tuple[Any, ...]]:
        return self._cursor.execute(statement, values).fetchall()

    def _instances(self, statement: bytes, *values: Any) -> list[InstanceRow]:
        names = InstanceRow.__struct_fields__
        return [InstanceRow(**dict(zip(names, row, strict=True))) for row in self._rows(statement, *values)]

    def _copy(self, target: tuple[bytes, list[str]], rows: Iterable[tuple[Any, ...]]) -> None:
        statement, types = target
        with self._cursor.copy(statement) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    def _through_scratch(self, table: Table, rows: list[tuple[Any, ...]], then: bytes) -> None:
        """`then` takes the rows over."""
        if not rows:
            return
        if table.name in self._scratch_used:
            self._cursor.execute(_sql(f"DELETE FROM new_{table.name}"))  # noqa: S608 - our own names
        self._scratch_used.add(table.name)
        self._copy(_COPY_SCRATCH[table.name], rows)
        self._cursor.execute(then)
