"""The tables that say which spans and events lie in the span store instead of the catalogue.

A span is in one of three places:

- *hot*: in the catalogue only. So every span begins.
- *moved*: in the span store only, written there as part of a batch that is not in `span_batches` any more.
- *recalled*: hot again because something late changed it, with an older copy left in the span store; such a
  span is in `recalled_spans` until it is moved again.

A row in `span_batches` is a batch whose writing has begun and whose spans have not yet been taken out of the
catalogue: what the span store holds of it does not count.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, text

from holdfast.server.stores.schema.record import instances, metadata

__all__ = ["SETTLED", "moved_runs", "recalled_spans", "span_batches", "span_erasures", "span_mover"]

_Big: Final = BigInteger().with_variant(Integer, "sqlite")

SETTLED: Final = "status NOT IN ('pending', 'active') AND spans_active = 0 AND spans_pending = 0"
"""Runs whose spans may be moved: word for word the condition of the index."""

Index(
    "ix_instances_settled",
    instances.c.updated_at,
    instances.c.key,
    sqlite_where=text(SETTLED),
    postgresql_where=text(SETTLED),
)

moved_runs: Final = Table(
    "moved_runs",
    metadata,
    # Runs of which something lies in the span store.
    Column("instance_key", _Big, primary_key=True, autoincrement=False),
    Column("account_id", Text, nullable=False),
    # The run's `begun_at` when it was first moved: under this its rows lie there, whatever comes later.
    Column("filed_at", _Big, nullable=False),
    sqlite_with_rowid=False,
)

recalled_spans: Final = Table(
    "recalled_spans",
    metadata,
    Column("instance_key", _Big, primary_key=True, autoincrement=False),
    Column("span_id", Text, primary_key=True),
    sqlite_with_rowid=False,
)

span_batches: Final = Table(
    "span_batches",
    metadata,
    Column("batch", _Big, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

span_erasures: Final = Table(
    "span_erasures",
    metadata,
    # Runs that are gone from the catalogue and are still to be removed from the span store.
    Column("instance_key", _Big, primary_key=True, autoincrement=False),
    Column("account_id", Text, nullable=False),
    sqlite_with_rowid=False,
)

span_mover: Final = Table(
    "span_mover",
    metadata,
    # One row: which server moves spans, until when it may believe so without asking again, and the number of
    # the last batch.
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", _Big, nullable=False),
    Column("batch", _Big, nullable=False),
    sqlite_with_rowid=False,
)
