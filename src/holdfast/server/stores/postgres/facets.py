"""Writing to the facet tables of PostgreSQL, where other servers add to the same sums.

Rows that others may add to are written in the order of their keys: two transactions wait for each other one
way only.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import psycopg
from msgspec.structs import astuple
from sqlalchemy import BigInteger, Table

from holdfast.server.stores.rows_facets import FacetRollupRow, FacetRow, FailedRow, FailureGroupRow
from holdfast.server.stores.schema.facets import (
    FACET_COUNTS,
    facet_rollups,
    failed,
    failure_groups,
    run_facets,
)

__all__ = ["PostgresFacets"]


def _from_arrays(table: Table, key: int, change: str, after: str = "") -> bytes:
    """An insert of many rows, each column given as an array; `key`: so many columns identify a row."""
    names = [column.name for column in table.columns]
    arrays = ", ".join(
        "%s::bigint[]" if isinstance(column.type, BigInteger) else "%s::text[]" for column in table.columns
    )
    keys = ", ".join(column.name for column in table.primary_key)
    order = ", ".join(str(at + 1) for at in range(key))
    return (
        f"INSERT INTO {table.name} AS o ({', '.join(names)}) SELECT * FROM unnest({arrays}) ORDER BY {order} "  # noqa: S608 - our own names
        f"ON CONFLICT ({keys}) DO UPDATE SET {change}{after}"
    ).encode()


_COUNTED: Final = ", ".join(f"{name} = o.{name} + excluded.{name}" for name in FACET_COUNTS)
_ADD: Final = _from_arrays(
    run_facets, 3, _COUNTED, " RETURNING o.instance_key, o.kind, o.name, o.calls + o.errors"
)
_ADD_ROLLUPS: Final = _from_arrays(facet_rollups, 5, f"runs = o.runs + excluded.runs, {_COUNTED}")
_SET_FAILED: Final = _from_arrays(
    failed,
    2,
    "parent_span_id = excluded.parent_span_id, error = excluded.error, fingerprint = excluded.fingerprint",
)
_ADD_GROUPS: Final = _from_arrays(
    failure_groups,
    2,
    "first_seen = least(o.first_seen, excluded.first_seen), "
    "last_seen = greatest(o.last_seen, excluded.last_seen)",
)
_OF_RUNS: Final = (
    f"SELECT {', '.join(column.name for column in run_facets.columns)} FROM run_facets "  # noqa: S608 - our own names
    "WHERE instance_key = ANY(%s)"
).encode()
_FAILED: Final = (
    "FROM unnest(%s::bigint[], %s::text[]) AS w (k, i) "
    "JOIN failed f ON f.instance_key = w.k AND f.span_id = w.i"
)
_SELECT_FAILED: Final = (
    f"SELECT f.instance_key, f.span_id, f.parent_span_id, f.error, f.fingerprint {_FAILED}"
).encode()
_COUNTED_FAILURES: Final = (
    f"SELECT f.instance_key, f.span_id, f.fingerprint {_FAILED} WHERE CASE WHEN f.span_id <> '' "  # noqa: S608 - our own names
    "THEN NOT EXISTS (SELECT 1 FROM failed c WHERE c.instance_key = f.instance_key AND c.error = f.error "
    "AND c.parent_span_id = f.span_id AND c.span_id <> f.span_id) "
    "WHEN f.error <> '' THEN NOT EXISTS (SELECT 1 FROM failed c WHERE c.instance_key = f.instance_key "
    "AND c.error = f.error AND c.span_id <> '') "
    "ELSE NOT EXISTS (SELECT 1 FROM failed c WHERE c.instance_key = f.instance_key AND c.span_id <> '') END"
).encode()
_DROP: Final = (
    "DELETE FROM run_facets f USING unnest(%s::bigint[], %s::text[], %s::text[]) AS w (k, t, n) "
    "WHERE f.instance_key = w.k AND f.kind = w.t AND f.name = w.n"
)
_DROP_FAILED: Final = (
    "DELETE FROM failed f USING unnest(%s::bigint[], %s::text[]) AS w (k, i) "
    "WHERE f.instance_key = w.k AND f.span_id = w.i"
)
_DROP_ROLLUPS: Final = (
    "DELETE FROM facet_rollups f "
    "USING unnest(%s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[]) AS w (a, k, h, g, n) "
    "WHERE f.account_id = w.a AND f.kind = w.k AND f.hour = w.h AND f.agent_id = w.g AND f.name = w.n "
    "AND f.runs <= 0"
)
_Rows = Sequence[FacetRow] | Sequence[FacetRollupRow] | Sequence[FailedRow] | Sequence[FailureGroupRow]


class PostgresFacets:
    """A `FacetWriter`."""

    def __init__(self, cursor: psycopg.Cursor[Any]) -> None:
        self._cursor = cursor

    def of_runs(self, instance_keys: Collection[int]) -> list[FacetRow]:
        found = self._cursor.execute(_OF_RUNS, (list(instance_keys),)).fetchall()
        return [FacetRow(*row) for row in found]

    def add(self, rows: Sequence[FacetRow]) -> dict[tuple[int, str, str], int]:
        if not rows:
            return {}
        found = self._cursor.execute(_ADD, _columns(rows)).fetchall()
        return {(row[0], row[1], row[2]): int(row[3]) for row in found}

    def drop(self, keys: Collection[tuple[int, str, str]]) -> None:
        if keys:
            self._cursor.execute(_DROP, [list(column) for column in zip(*keys, strict=True)])

    def set_begun(self, instance_key: int, begun_at: int) -> None:
        self._cursor.execute(
            "UPDATE run_facets SET begun_at = %s WHERE instance_key = %s", (begun_at, instance_key)
        )

    def add_to_rollups(self, rows: Sequence[FacetRollupRow]) -> None:
        if not rows:
            return
        self._cursor.execute(_ADD_ROLLUPS, _columns(rows))
        shrunk = [astuple(row)[:5] for row in rows if row.runs < 0]
        if shrunk:
            self._cursor.execute(_DROP_ROLLUPS, [list(column) for column in zip(*shrunk, strict=True)])

    def failed(self, keys: Collection[tuple[int, str]]) -> dict[tuple[int, str], FailedRow]:
        found = self._cursor.execute(_SELECT_FAILED, _pairs(keys)).fetchall()
        return {(row[0], row[1]): FailedRow(*row) for row in found}

    def counted_failures(self, keys: Collection[tuple[int, str]]) -> list[tuple[int, str, str]]:
        return self._cursor.execute(_COUNTED_FAILURES, _pairs(keys)).fetchall()

    def set_failed(self, rows: Sequence[FailedRow], gone: Collection[tuple[int, str]]) -> None:
        if rows:
            self._cursor.execute(_SET_FAILED, _columns(rows))
        if gone:
            self._cursor.execute(_DROP_FAILED, _pairs(gone))

    def add_groups(self, rows: Sequence[FailureGroupRow]) -> None:
        if rows:
            self._cursor.execute(_ADD_GROUPS, _columns(rows))


def _columns(rows: _Rows) -> list[list[Any]]:
    return [list(column) for column in zip(*map(astuple, rows), strict=True)]


def _pairs(keys: Collection[tuple[int, str]]) -> tuple[list[int], list[str]]:
    return [key for key, _ in keys], [span_id for _, span_id in keys]
