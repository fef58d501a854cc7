"""Adding to the hourly sums in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from holdfast.server.stores.durations import add_durations
from holdfast.server.stores.rows import RollupDelta

__all__ = ["add_to_rollups"]


def add_to_rollups(driver: sqlite3.Connection, deltas: Sequence[RollupDelta]) -> None:
    for delta in deltas:
        if delta.version_id:
            _add(driver, delta, "version_rollups", "version_id", delta.version_id)
        else:
            _add(driver, delta, "rollups", "agent_id", delta.agent_id)


def _add(driver: sqlite3.Connection, delta: RollupDelta, table: str, whose: str, owner: str) -> None:
    where = (delta.account_id, owner, delta.hour)
    key = f"account_id = ? AND {whose} = ? AND hour = ?"
    row = driver.execute(f"SELECT durations FROM {table} WHERE {key}", where).fetchone()  # noqa: S608 - our own names
    if row is None:
        driver.execute(
            f"INSERT INTO {table} (account_id, {whose}, hour, durations) VALUES (?, ?, ?, ?)",  # noqa: S608 - our own names
            (*where, b"{}"),
        )
    durations = add_durations(row[0] if row else b"{}", delta.durations)
    added = "".join(f", {name} = {name} + ?" for name in delta.counts)
    driver.execute(
        f"UPDATE {table} SET durations = ?{added} WHERE {key}",  # noqa: S608 - our own names
        (durations, *delta.counts.values(), *where),
    )
