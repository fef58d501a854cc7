"""The hourly sums again, by version: of an agent, and of the schemas it declares."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, Text, text

from holdfast.server.stores.schema.record import metadata, rollups

__all__ = ["ROLLUP_COUNTS", "version_rollups"]

ROLLUP_COUNTS: Final = tuple(
    column.name
    for column in rollups.columns
    if column.name not in ("account_id", "agent_id", "hour", "durations")
)
_Big: Final = BigInteger().with_variant(Integer, "sqlite")

version_rollups: Final = Table(
    "version_rollups",
    metadata,
    # As `rollups`, of the runs of one version: a row of `agent_versions` or of `schema_versions`. A run counts
    # for both of its versions; one that named none counts here nowhere.
    Column("account_id", Text, primary_key=True),
    Column("version_id", Text, primary_key=True),
    Column("hour", _Big, primary_key=True, autoincrement=False),
    *(Column(name, _Big, nullable=False, server_default=text("0")) for name in ROLLUP_COUNTS),
    Column("durations", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
