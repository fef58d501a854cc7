"""Adding to the hourly sums in PostgreSQL, where other servers add to the same rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import psycopg

from holdfast.server.stores.durations import add_durations
from holdfast.server.stores.rows import RollupDelta
from holdfast.server.stores.schema.record import rollups

__all__ = ["add_to_rollups"]

_KEY: Final = ("account_id", "agent_id", "hour")
_COUNTS: Final = [column.name for column in rollups.columns if column.name not in (*_KEY, "durations")]
_ADDED: Final = ", ".join(f"{name} = {name} + %s" for name in _COUNTS)
_Key = tuple[str, str, int]


def add_to_rollups(cursor: psycopg.Cursor[Any], deltas: Sequence[RollupDelta]) -> None:
    """One row after the other in the order of their keys: two transactions wait for each other one way
    only. The rows stay locked until the end of the transaction."""
    _add(cursor, "rollups", "agent_id", [one for one in deltas if not one.version_id])
    _add(cursor, "version_rollups", "version_id", [one for one in deltas if one.version_id])


def _add(
    cursor: psycopg.Cursor[Any],
    table: str,
    whose: str,
    deltas: Sequence[RollupDelta],
) -> None:
    counts: dict[_Key, Counter[str]] = {}
    durations: dict[_Key, Counter[int]] = {}
    for delta in deltas:
        key = (delta.account_id, delta.version_id or delta.agent_id, delta.hour)
        counts.setdefault(key, Counter()).update(delta.counts)
        durations.setdefault(key, Counter()).update(delta.durations)
    same = f"account_id = %s AND {whose} = %s AND hour = %s"
    lock = f"SELECT durations FROM {table} WHERE {same} FOR NO KEY UPDATE".encode()  # noqa: S608 - our own names
    make = (
        f"INSERT INTO {table} (account_id, {whose}, hour, durations) VALUES (%s, %s, %s, '{{}}') "  # noqa: S608 - our own names
        "ON CONFLICT DO NOTHING"
    ).encode()
    add = f"UPDATE {table} SET durations = %s, {_ADDED} WHERE {same}".encode()  # noqa: S608 - our own names
    for key in sorted(counts):
        row = cursor.execute(lock, key).fetchone()
        if row is None:
            cursor.execute(make, key)
            row = cursor.execute(lock, key).fetchone()
            assert row is not None
        sketch = add_durations(row[0], durations[key])
        cursor.execute(add, (sketch, *(counts[key][name] for name in _COUNTS), *key))
