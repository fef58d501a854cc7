"""What people say of runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "scores",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("instance_key", _BIG, nullable=False),
        sa.Column("span_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(53), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("inserted_at", _BIG, nullable=False),
        sa.Column("updated_at", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["instance_key"], ["instances.key"], name="fk_scores_instance_key"),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_scores"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_scores_instance_key", "scores", ["instance_key"])
    op.create_index("ix_scores_account_id_name_inserted_at", "scores", ["account_id", "name", "inserted_at"])
