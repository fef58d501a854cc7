"""Writing to the facet tables of SQLite, on the driver itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from typing import Any, Final

import msgspec
from msgspec.structs import astuple
from sqlalchemy import Table

from holdfast.server.stores.rows_facets import FacetRollupRow, FacetRow, FailedRow, FailureGroupRow
from holdfast.server.stores.schema.facets import (
    FACET_COUNTS,
    facet_rollups,
    failed,
    failure_groups,
    run_facets,
)

__all__ = ["SqliteFacets"]

_as_json: Final = msgspec.json.Encoder().encode
_CHUNK: Final = 32
_COUNTED: Final = ", ".join(f"{name} = {name} + excluded.{name}" for name in FACET_COUNTS)


def _insert(table: Table, after: str) -> tuple[str, str, str]:
    names = [column.name for column in table.columns]
    head = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES "  # noqa: S608 - our own names
    return head, "(" + ", ".join("?" * len(names)) + ")", after


_ADD: Final = _insert(
    run_facets,
    f" ON CONFLICT (instance_key, kind, name) DO UPDATE SET {_COUNTED}"
    " RETURNING instance_key, kind, name, calls + errors",
)
_ADD_ROLLUPS: Final = _insert(
    facet_rollups,
    " ON CONFLICT (account_id, kind, hour, agent_id, name)"
    f" DO UPDATE SET runs = runs + excluded.runs, {_COUNTED}",
)
_SET_FAILED: Final = _insert(
    failed,
    " ON CONFLICT (instance_key, span_id) DO UPDATE SET parent_span_id = excluded.parent_span_id,"
    " error = excluded.error, fingerprint = excluded.fingerprint",
)
_ADD_GROUPS: Final = _insert(
    failure_groups,
    " ON CONFLICT (account_id, fingerprint) DO UPDATE SET"
    " first_seen = min(first_seen, excluded.first_seen), last_seen = max(last_seen, excluded.last_seen)",
)
_OF_RUNS: Final = (
    f"SELECT {', '.join('f.' + column.name for column in run_facets.columns)} FROM json_each(?) j "  # noqa: S608 - our own names
    "CROSS JOIN run_facets f ON f.instance_key = j.value"
)
_DROP: Final = "DELETE FROM run_facets WHERE instance_key = ? AND kind = ? AND name = ?"
_SET_BEGUN: Final = "UPDATE run_facets SET begun_at = ? WHERE instance_key = ?"
_DROP_ROLLUP: Final = (
    "DELETE FROM facet_rollups "
    "WHERE account_id = ? AND kind = ? AND hour = ? AND agent_id = ? AND name = ? AND runs <= 0"
)
_FAILED: Final = (
    "FROM json_each(?) j CROSS JOIN failed f "
    "ON f.instance_key = json_extract(j.value, '$[0]') AND f.span_id = json_extract(j.value, '$[1]')"
)
_SELECT_FAILED: Final = (
    f"SELECT f.instance_key, f.span_id, f.parent_span_id, f.error, f.fingerprint {_FAILED}"
)
_COUNTED_FAILURES: Final = (
    f"SELECT f.instance_key, f.span_id, f.fingerprint {_FAILED} WHERE CASE WHEN f.span_id <> '' "  # noqa: S608 - our own names
    "THEN NOT EXISTS (SELECT 1 FROM failed c WHERE c.instance_key = f.instance_key AND c.error = f.error "
    "AND c.parent_span_id = f.span_id AND c.span_id <> f.span_id) "
    "WHEN f.error <> '' THEN NOT EXISTS (SELECT 1 FROM failed c WHERE c.instance_key = f.instance_key "
    "AND c.error = f.error AND c.span_id <> '') "
    "ELSE NOT EXISTS (SELECT 1 FROM failed c WHERE c.instance_key = f.instance_key AND c.span_id > '') END"
)
_DROP_FAILED: Final = "DELETE FROM failed WHERE instance_key = ? AND span_id = ?"


class SqliteFacets:
    """A `FacetWriter`."""

    def __init__(self, driver: sqlite3.Connection) -> None:
        self._driver = driver

    def of_runs(self, instance_keys: Collection[int]) -> list[FacetRow]:
        found = self._driver.execute(_OF_RUNS, (_as_json(list(instance_keys)).decode(),))
        return [FacetRow(*row) for row in found.fetchall()]

    def add(self, rows: Sequence[FacetRow]) -> dict[tuple[int, str, str], int]:
        return {(row[0], row[1], row[2]): int(row[3]) for row in self._in_chunks(_ADD, rows)}

    def drop(self, keys: Collection[tuple[int, str, str]]) -> None:
        self._driver.executemany(_DROP, keys)

    def set_begun(self, instance_key: int, begun_at: int) -> None:
        self._driver.execute(_SET_BEGUN, (begun_at, instance_key))

    def add_to_rollups(self, rows: Sequence[FacetRollupRow]) -> None:
        for _ in self._in_chunks(_ADD_ROLLUPS, rows):
            pass
        shrunk = [astuple(row)[:5] for row in rows if row.runs < 0]
        self._driver.executemany(_DROP_ROLLUP, shrunk)

    def failed(self, keys: Collection[tuple[int, str]]) -> dict[tuple[int, str], FailedRow]:
        found = self._driver.execute(_SELECT_FAILED, (_as_json(list(keys)).decode(),))
        return {(row[0], row[1]): FailedRow(*row) for row in found.fetchall()}

    def counted_failures(self, keys: Collection[tuple[int, str]]) -> list[tuple[int, str, str]]:
        return self._driver.execute(_COUNTED_FAILURES, (_as_json(list(keys)).decode(),)).fetchall()

    def set_failed(self, rows: Sequence[FailedRow], gone: Collection[tuple[int, str]]) -> None:
        for _ in self._in_chunks(_SET_FAILED, rows):
            pass
        self._driver.executemany(_DROP_FAILED, gone)

    def add_groups(self, rows: Sequence[FailureGroupRow]) -> None:
        for _ in self._in_chunks(_ADD_GROUPS, rows):
            pass

    def _in_chunks(
        self,
        statement: tuple[str, str, str],
        rows: Sequence[FacetRow | FacetRollupRow | FailedRow | FailureGroupRow],
    ) -> Iterator[tuple[Any, ...]]:
        head, one, after = statement
        for at in range(0, len(rows), _CHUNK):
            part = [astuple(row) for row in rows[at : at + _CHUNK]]
            whole = f"{head}{', '.join([one] * len(part))}{after}"
            yield from self._driver.execute(whole, tuple(chain.from_iterable(part))).fetchall()
