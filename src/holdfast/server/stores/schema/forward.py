"""The table that says how far runs have been forwarded, and to where."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, Table, Text, text

from holdfast.server.stores.schema.record import metadata

__all__ = ["forward_positions"]

_Big: Final = BigInteger().with_variant(Integer, "sqlite")

forward_positions: Final = Table(
    "forward_positions",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("destination", Text, primary_key=True),  # the receiver's address, and which runs go there
    # `instances.updated_at` and `key` of the last run that has arrived: the order in which runs go
    Column("changed_at", _Big, nullable=False),
    Column("key", _Big, nullable=False),
    # which process forwards, and until when it may believe so without asking again
    Column("holder", Text),
    Column("until", _Big, nullable=False),
    Column("runs", _Big, nullable=False, server_default=text("0")),
    Column("spans", _Big, nullable=False, server_default=text("0")),
    Column("refused", _Big, nullable=False, server_default=text("0")),  # spans that the receiver did not want
    sqlite_with_rowid=False,
)
