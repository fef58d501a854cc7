"""What runs ask of people, and the answers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "questions",
        sa.Column("instance_key", _BIG, autoincrement=False, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("span_id", sa.Text(), nullable=True),
        sa.Column("prompt", sa.Text(), nullable=True),
        sa.Column("asked_at", _BIG, nullable=True),
        sa.Column("closed_at", _BIG, nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("answered_at", _BIG, nullable=True),
        sa.ForeignKeyConstraint(["instance_key"], ["instances.key"], name="fk_questions_instance_key"),
        sa.PrimaryKeyConstraint("instance_key", "id", name="pk_questions"),
        sqlite_with_rowid=False,
    )
    waiting = sa.text("answer IS NOT NULL AND closed_at IS NULL")
    op.create_index(
        "ix_questions_waiting",
        "questions",
        ["instance_key"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
