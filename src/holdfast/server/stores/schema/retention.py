"""The tables of forgetting: how long runs are kept, what was erased, and what is still to be taken out."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, text

from holdfast.server.stores.schema.record import metadata

__all__ = ["erasing", "receipts", "retention", "tombstones"]

_Big: Final = BigInteger().with_variant(Integer, "sqlite")

retention: Final = Table(
    "retention",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.id"), primary_key=True),
    Column("agent_id", Text, primary_key=True),  # '': the account's default
    Column("keep", _Big),  # nanoseconds after a run's end; NULL: for ever
    Column("updated_at", _Big, nullable=False),
    sqlite_with_rowid=False,
)

receipts: Final = Table(
    "receipts",
    metadata,
    # One row for each erasure: who asked for what, and how many rows went. Nothing of what was in them.
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("cause", Text, nullable=False),  # an `ErasureCause`
    Column("state", Text, nullable=False),  # an `ErasureState`
    Column("asked_by", Text, nullable=False),
    Column("selection", LargeBinary, nullable=False),  # a `Selection`
    Column("inserted_at", _Big, nullable=False),
    Column("finished_at", _Big),
    Column("cursor", _Big, nullable=False, server_default=text("0")),  # the last run that was looked at
    Column("counts", LargeBinary, nullable=False),  # JSON object {table: rows taken out}
    Column("note", Text),
    Index(None, "account_id", "inserted_at", "id"),
    Index(
        "ix_receipts_running",
        "inserted_at",
        sqlite_where=text("state = 'running'"),
        postgresql_where=text("state = 'running'"),
    ),
)

tombstones: Final = Table(
    "tombstones",
    metadata,
    # What arrives later for an erased run must not bring it back. Only a digest of its id is kept.
    Column("account_id", Text, primary_key=True),
    Column("id_hash", LargeBinary, primary_key=True),
    Column("receipt_id", Text, nullable=False),
    Column("erased_at", _Big, nullable=False),
    Column("dropped", _Big, nullable=False, server_default=text("0")),  # operations that came too late
    Index(None, "erased_at"),
    Index(None, "receipt_id"),
    sqlite_with_rowid=False,
)

erasing: Final = Table(
    "erasing",
    metadata,
    # Runs that nobody sees any more, whose rows are still being taken out. Their row in `instances` is blank.
    Column("instance_key", _Big, ForeignKey("instances.key"), primary_key=True, autoincrement=False),
    Column("receipt_id", Text, nullable=False),
    Index(None, "receipt_id", "instance_key"),
    sqlite_with_rowid=False,
)
