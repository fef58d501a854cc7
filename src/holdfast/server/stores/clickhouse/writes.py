"""Writing to the span store: batches of what is moved, and taking runs out of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from msgspec import Struct

from holdfast.server.stores.clickhouse.connection import ClickHouse
from holdfast.server.stores.clickhouse.tables import (
    BODY_COLUMNS,
    EVENT_COLUMNS,
    EVENTS,
    FILING,
    SPAN_COLUMNS,
    SPANS,
)

__all__ = ["MovedWrites", "SpanStoreSize"]

_SPAN_ROW: Final = (*FILING, *SPAN_COLUMNS, *BODY_COLUMNS)
_EVENT_ROW: Final = (*FILING, *EVENT_COLUMNS)
_RUNS_AT_ONCE: Final = 2_000
_END: Final = "toDateTime(least(intDiv({received}, 1000000000) + {seconds}, 4294967295))"
"""Their type for this ends in 2106, and begins anew behind that."""


class SpanStoreSize(Struct, frozen=True, kw_only=True):
    """`spans` counts those that were written more than once, and those just being removed, as often as they
    still lie there. `bytes` are those on disk, compressed."""

    spans: int
    events: int
    bytes: int


class MovedWrites:
    """All methods raise `SpanStoreUnavailableError` where the span store does not answer; all of them may be
    done again then, to the same effect."""

    def __init__(self, database: ClickHouse) -> None:
        self._database = database

    def add(self, spans: Sequence[tuple[Any, ...]], events: Sequence[tuple[Any, ...]]) -> None:
        """Append rows: the fields of `tables.FILING`, then those of a span and its body, or of an event."""
        for table, names, rows in ((SPANS, _SPAN_ROW, spans), (EVENTS, _EVENT_ROW, events)):
            if rows:
                self._database.insert(table, dict(zip(names, zip(*rows, strict=True), strict=True)))

    def drop_batches(self, batches: Collection[int]) -> None:
        """Take away what was written of these batches."""
        for table in (SPANS, EVENTS):
            self._database.run(
                f"DELETE FROM {table} WHERE version IN {{batches:Array(Int64)}}",  # noqa: S608 - our own names
                {"batches": list(batches)},
            )

    def erase(self, runs: Collection[tuple[str, int]]) -> None:
        """Take away runs, given by account and key. They cannot be read any more when this returns, but lie in
        the files until `purge`."""
        by_account: dict[str, list[int]] = {}
        for account_id, key in runs:
            by_account.setdefault(account_id, []).append(key)
        for table in (SPANS, EVENTS):
            for account_id, keys in by_account.items():
                for at in range(0, len(keys), _RUNS_AT_ONCE):
                    self._database.run(
                        f"DELETE FROM {table} WHERE account_id = {{account:String}} "  # noqa: S608 - our own names
                        "AND instance_key IN {runs:Array(Int64)}",
                        {"account": account_id, "runs": keys[at : at + _RUNS_AT_ONCE]},
                    )

    def purge(self) -> None:
        """Have the files that hold erased rows written again without them, in the background."""
        for table in (SPANS, EVENTS):
            self._database.run(f"ALTER TABLE {table} APPLY DELETED MASK")

    def keep_for(self, days: int | None) -> None:
        """Let the span store drop files by itself in which everything was received longer ago than that many
        days; None: nothing."""
        for table, received in ((SPANS, "updated_at"), (EVENTS, "inserted_at")):
            if days is not None:
                end = _END.format(received=received, seconds=days * 86_400)
                self._database.run(f"ALTER TABLE {table} MODIFY TTL {end}")
            elif self._has_ttl(table):
                self._database.run(f"ALTER TABLE {table} REMOVE TTL")

    def newest(self) -> int:
        """The number of the last batch of which anything is there; 0 where there is nothing."""
        query = " UNION ALL ".join(f"SELECT max(version) AS v FROM {table}" for table in (SPANS, EVENTS))  # noqa: S608 - our own names
        ((newest,),) = self._database.rows(f"SELECT max(v) FROM ({query})", {})  # noqa: S608 - our own names
        return int(newest)

    def size(self) -> SpanStoreSize:
        found = self._database.rows(
            "SELECT table, sum(rows), sum(bytes_on_disk) FROM system.parts "
            "WHERE active AND database = currentDatabase() AND table IN {tables:Array(String)} GROUP BY table",
            {"tables": [SPANS, EVENTS]},
        )
        rows = {table: count for table, count, _ in found}
        return SpanStoreSize(
            spans=rows.get(SPANS, 0), events=rows.get(EVENTS, 0), bytes=sum(size for _, _, size in found)
        )

    def dropping(self) -> int:
        """How many of the tables drop rows by their age."""
        return sum(map(self._has_ttl, (SPANS, EVENTS)))

    def _has_ttl(self, table: str) -> bool:
        ((text,),) = self._database.rows(
            "SELECT create_table_query FROM system.tables WHERE database = currentDatabase() "
            "AND name = {t:String}",
            {"t": table},
        )
        return " TTL " in text
