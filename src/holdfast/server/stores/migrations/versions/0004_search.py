"""What the search index has still to take in. What was recorded before is taken in by the index itself."""

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
