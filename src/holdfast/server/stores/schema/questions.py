"""The table of what runs ask of people."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, text

from holdfast.server.stores.schema.record import metadata

__all__ = ["questions"]

_Big: Final = BigInteger().with_variant(Integer, "sqlite")
_WAITING: Final = text("answer IS NOT NULL AND closed_at IS NULL")

questions: Final = Table(
    "questions",
    metadata,
    # What the events `input.requested`, `input.provided` and `input.closed` say together, in any order, and the
    # answer on its way to the run.
    Column("instance_key", _Big, ForeignKey("instances.key"), primary_key=True, autoincrement=False),
    Column("id", Text, primary_key=True),
    Column("span_id", Text),
    Column("prompt", Text),
    Column("asked_at", _Big),  # NULL: only its end has arrived
    Column("closed_at", _Big),
    Column("answer", Text),
    Column("answered_by", Text),
    Column("answered_at", _Big),
    Index("ix_questions_waiting", "instance_key", sqlite_where=_WAITING, postgresql_where=_WAITING),
    sqlite_with_rowid=False,
)
