"""What the search index has still to take in (what was recorded before it finds by itself); saved lists."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "search_queue",
        sa.Column("key", _BIG, nullable=False),
        sa.Column("instance_key", _BIG, nullable=False),
        sa.Column("subjects", sa.LargeBinary(), nullable=False),
        sa.Column("added_at", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_search_queue"),
    )
    op.create_table(
        "saved_lists",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("inserted_at", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_saved_lists_account_id"),
        sa.PrimaryKeyConstraint("account_id", "name", name="pk_saved_lists"),
        sqlite_with_rowid=False,
    )
