"""Hourly sums by version; counted for the runs there are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from holdfast.server.stores.version_fill import fill_version_sums

revision = "0010"
down_revision = "0009"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_COUNTS = (
    *(f"runs_{status}" for status in ("pending", "active", "complete", "failed", "cancelled", "terminated")),
    "spans_total",
    "spans_failed",
    "llm_calls",
    "tool_calls",
    "errors",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_nano",
    "cost_unknown",
    "violations",
)


def upgrade() -> None:
    op.create_table(
        "version_rollups",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.Column("hour", _BIG, autoincrement=False, nullable=False),
        *(sa.Column(name, _BIG, server_default=sa.text("0"), nullable=False) for name in _COUNTS),
        sa.Column("durations", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "version_id", "hour", name="pk_version_rollups"),
        sqlite_with_rowid=False,
    )
    fill_version_sums(op.get_bind())
