"""Settled spans may lie in ClickHouse."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_SETTLED = "status NOT IN ('pending', 'active') AND spans_active = 0 AND spans_pending = 0"


def upgrade() -> None:
    op.create_index(
        "ix_instances_settled",
        "instances",
        ["updated_at", "key"],
        unique=False,
        sqlite_where=sa.text(_SETTLED),
        postgresql_where=sa.text(_SETTLED),
    )
    op.create_table(
        "moved_runs",
        sa.Column("instance_key", _BIG, autoincrement=False, nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("filed_at", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("instance_key", name="pk_moved_runs"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "recalled_spans",
        sa.Column("instance_key", _BIG, autoincrement=False, nullable=False),
        sa.Column("span_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("instance_key", "span_id", name="pk_recalled_spans"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "span_batches",
        sa.Column("batch", _BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("batch", name="pk_span_batches"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "span_erasures",
        sa.Column("instance_key", _BIG, autoincrement=False, nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("instance_key", name="pk_span_erasures"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "span_mover",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", _BIG, nullable=False),
        sa.Column("batch", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_span_mover"),
        sqlite_with_rowid=False,
    )
