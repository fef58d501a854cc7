"""The tables of finding runs: what the search index has still to take in, and lists that were given a name.

The index itself is no part of the record: it lies in a place of its own (`sqlite_search`, `postgres_search`) and
can be made anew from the record at any time.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, Table, Text

from holdfast.server.stores.schema.record import metadata

__all__ = ["saved_lists", "search_queue"]

_Big: Final = BigInteger().with_variant(Integer, "sqlite")

search_queue: Final = Table(
    "search_queue",
    metadata,
    # One row for each run that a transaction changed. No foreign key: a row may outlive its run, to have
    # forgotten what the index knows of it.
    Column("key", _Big, primary_key=True),
    Column("instance_key", _Big, nullable=False),
    Column("subjects", LargeBinary, nullable=False),  # a `search_queue.Subjects`
    Column("added_at", _Big, nullable=False),
)

saved_lists: Final = Table(
    "saved_lists",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("query", Text, nullable=False),  # of the address of the run list
    Column("inserted_at", _Big, nullable=False),
    sqlite_with_rowid=False,
)
