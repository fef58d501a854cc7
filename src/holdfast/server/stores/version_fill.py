"""Counting the sums by version of a record that was written before there were any; once, inside the migration."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from sqlalchemy import Connection, insert, or_, select

from holdfast.server.stores.durations import add_durations, bucket_of
from holdfast.server.stores.schema.record import instances
from holdfast.server.stores.schema.versions import ROLLUP_COUNTS, version_rollups

__all__ = ["fill_version_sums"]

_BATCH: Final = 5_000
_HOUR_NS: Final = 3_600_000_000_000
_i: Final = instances.c
_OWN: Final = [name for name in ROLLUP_COUNTS if not name.startswith("runs_")]


def fill_version_sums(connection: Connection) -> None:
    """For an empty table, in the caller's transaction. The sums of all hours are in memory until the end."""
    sums: dict[tuple[str, str, int], Counter[str]] = {}
    durations: dict[tuple[str, str, int], Counter[int]] = {}
    wanted = select(
        _i.key,
        _i.account_id,
        _i.agent_version_id,
        _i.schema_version_id,
        _i.begun_at,
        _i.status,
        _i.duration,
        *(_i[name] for name in _OWN),
    )
    wanted = wanted.where(or_(_i.agent_version_id.is_not(None), _i.schema_version_id.is_not(None)))
    last = -1
    while rows := list(
        connection.execute(wanted.where(_i.key > last).order_by(_i.key).limit(_BATCH)).mappings()
    ):
        for row in rows:
            for version_id in filter(None, (row["agent_version_id"], row["schema_version_id"])):
                place = (row["account_id"], version_id, row["begun_at"] // _HOUR_NS)
                counts = sums.setdefault(place, Counter())
                counts[f"runs_{row['status']}"] += 1
                counts.update({name: row[name] for name in _OWN})
                if row["duration"] is not None:
                    durations.setdefault(place, Counter())[bucket_of(row["duration"])] += 1
        last = rows[-1]["key"]
    made: list[dict[str, Any]] = [
        {
            "account_id": place[0],
            "version_id": place[1],
            "hour": place[2],
            **{name: counts[name] for name in ROLLUP_COUNTS},
            "durations": add_durations(b"{}", durations.get(place, {})),
        }
        for place, counts in sums.items()
    ]
    for at in range(0, len(made), _BATCH):
        connection.execute(insert(version_rollups), made[at : at + _BATCH])
