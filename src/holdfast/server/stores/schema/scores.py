"""The table of what people and programs say of runs."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, Table, Text

from holdfast.server.stores.schema.record import metadata

__all__ = ["scores"]

_Big: Final = BigInteger().with_variant(Integer, "sqlite")

scores: Final = Table(
    "scores",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("instance_key", _Big, ForeignKey("instances.key"), nullable=False),
    Column("span_id", Text),
    Column("name", Text, nullable=False),
    Column("value", Float(53), nullable=False),
    Column("comment", Text),
    Column("author", Text),
    Column("source", Text, nullable=False),  # a `ScoreSource`
    Column("inserted_at", _Big, nullable=False),
    Column("updated_at", _Big, nullable=False),
    Index(None, "instance_key"),
    Index(None, "account_id", "name", "inserted_at"),
    sqlite_with_rowid=False,
)
