"""The tables of the span store, made from those of the catalogue: every column of a span, its body and an event.

Sorted by account, run and id, so that one run is one range; in parts by month, so that old ones go as files.
A row that is written again replaces the one with the lower `version`: the number of its batch.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import Column, LargeBinary, Text

from holdfast.errors import StoreError
from holdfast.server.stores.clickhouse.connection import ClickHouse
from holdfast.server.stores.schema.record import events, span_bodies, spans

__all__ = ["BODY_COLUMNS", "EVENTS", "EVENT_COLUMNS", "FILING", "SPANS", "SPAN_COLUMNS", "prepare_tables"]

SPANS: Final = "holdfast_spans"
EVENTS: Final = "holdfast_events"
_RECORD: Final = "holdfast_record"

FILING: Final = ("account_id", "agent_id", "environment_id", "filed_at", "version")
"""What is added to the columns of the catalogue: whose the run is, under what time it is filed, the batch."""
SPAN_COLUMNS: Final = tuple(column.name for column in spans.columns)
BODY_COLUMNS: Final = tuple(column.name for column in span_bodies.columns if column.name != "key")
EVENT_COLUMNS: Final = tuple(column.name for column in events.columns)

_FEW_VALUES: Final = frozenset(
    {"schema_name", "status", "error_type", "provider", "model", "cost_source", "level"}
)
_FILING_TYPES: Final = (
    "account_id LowCardinality(String)",
    "agent_id LowCardinality(Nullable(String))",
    "environment_id LowCardinality(Nullable(String))",
    "filed_at Int64 CODEC(Delta(8), ZSTD(1))",
    "version Int64 CODEC(Delta(8), ZSTD(1))",
)
_INDEXES: Final = {
    SPANS: (
        "INDEX ix_id id TYPE bloom_filter(0.01) GRANULARITY 1",
        "INDEX ix_started started_at TYPE minmax GRANULARITY 1",
        "INDEX ix_version version TYPE minmax GRANULARITY 1",
    ),
    EVENTS: ("INDEX ix_version version TYPE minmax GRANULARITY 1",),
}
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS {name} ({columns})
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(fromUnixTimestamp64Nano(filed_at, 'UTC'))
ORDER BY (account_id, instance_key, id)
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1
"""


def _definition(column: Column[object]) -> str:
    if isinstance(column.type, LargeBinary):
        return f"{column.name} Nullable(String) CODEC(ZSTD(3))"
    kind, codec = ("String", "ZSTD(1)") if isinstance(column.type, Text) else ("Int64", "Delta(8), ZSTD(1)")
    if column.nullable:
        kind = f"Nullable({kind})"
    if column.name in _FEW_VALUES:
        return f"{column.name} LowCardinality({kind})"
    return f"{column.name} {kind} CODEC({codec})"


_SPAN_DEFINITIONS: Final = [
    *map(_definition, spans.columns),
    *(_definition(column) for column in span_bodies.columns if column.name != "key"),
]
_DEFINITIONS: Final = {SPANS: _SPAN_DEFINITIONS, EVENTS: [*map(_definition, events.columns)]}


def prepare_tables(database: ClickHouse, record_id: str) -> None:
    """Make what is missing, tables and columns. Raises `StoreError` where the tables belong to another record:
    numbers of runs mean something only within one."""
    for name, definitions in _DEFINITIONS.items():
        columns = [*_FILING_TYPES, *definitions]
        database.run(_TABLE.format(name=name, columns=", ".join([*columns, *_INDEXES[name]])))
        _add_missing(database, name, columns)
    database.run(f"CREATE TABLE IF NOT EXISTS {_RECORD} (id String) ENGINE = MergeTree ORDER BY tuple()")
    owners = {row[0] for row in database.rows(f"SELECT id FROM {_RECORD}", {})}  # noqa: S608 - our own name
    if not owners:
        database.insert(_RECORD, {"id": [record_id]})
    elif owners != {record_id}:
        raise StoreError(database.name, "holds the spans of another record; give each record one of its own")


def _add_missing(database: ClickHouse, table: str, columns: Sequence[str]) -> None:
    there: Collection[str] = {
        row[0]
        for row in database.rows(
            "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {t:String}",
            {"t": table},
        )
    }
    for column in columns:
        if column.partition(" ")[0] not in there:
            database.run(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column}")
