"""Adding to the hourly sums in PostgreSQL, where other servers add to the same rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import psycopg

from holdfast.server.stores.durations import add_durations
from holdfast.server.stores.rows import RollupDelta
from holdfast.server.stores.schema import rollups

__all__ = ["add_to_rollups"]

_KEY: Final = ("account_id", "agent_id", "hour")
_COUNTS: Final = [column.name for column in rollups.columns if column.name not in (*_KEY, "durations")]
_MAKE: Final = (
    "INSERT INTO rollups (account_id, agent_id, hour, durations) VALUES (%s, %s, %s, '{}') "
    "ON CONFLICT DO NOTHING"
)
_LOCK: Final = (
    "SELECT durations FROM rollups WHERE account_id = %s AND agent_id = %s AND hour = %s FOR NO KEY UPDATE"
)
_ADDED: Final = ", ".join(f"{name} = {name} + %s" for name in _COUNTS)
_ADD: Final = (
    f"UPDATE rollups SET durations = %s, {_ADDED} WHERE account_id = %s AND agent_id = %s AND hour = %s"  # noqa: S608 - our own names
).encode()


def add_to_rollups(cursor: psycopg.Cursor[Any], deltas: Sequence[RollupDelta]) -> None:
    """One row after the other in the order of their keys: two transactions wait for each other one way
    only. The rows stay locked until the end of the transaction."""
    counts: dict[tuple[str, str, int], Counter[str]] = {}
    durations: dict[tuple[str, str, int], Counter[int]] = {}
    for delta in deltas:
        key = (delta.account_id, delta.agent_id, delta.hour)
        counts.setdefault(key, Counter()).update(delta.counts)
        durations.setdefault(key, Counter()).update(delta.durations)
    for key in sorted(counts):
        row = cursor.execute(_LOCK, key).fetchone()
        if row is None:
            cursor.execute(_MAKE, key)
            row = cursor.execute(_LOCK, key).fetchone()
            assert row is not None
        sketch = add_durations(row[0], durations[key])
        cursor.execute(_ADD, (sketch, *(counts[key][name] for name in _COUNTS), *key))
