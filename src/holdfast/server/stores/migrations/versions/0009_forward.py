"""How far runs have been forwarded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "forward_positions",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("changed_at", _BIG, nullable=False),
        sa.Column("key", _BIG, nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("until", _BIG, nullable=False),
        sa.Column("runs", _BIG, server_default=sa.text("0"), nullable=False),
        sa.Column("spans", _BIG, server_default=sa.text("0"), nullable=False),
        sa.Column("refused", _BIG, server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "destination", name="pk_forward_positions"),
        sqlite_with_rowid=False,
    )
