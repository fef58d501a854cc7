"""What each run used (models, tools, failures, events), and hourly sums of it; counted for the runs there are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from holdfast.server.stores.facet_fill import fill_facets

revision = "0003"
down_revision = "0002"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_COUNTS = ("calls", "errors", "input_tokens", "output_tokens", "cost_nano", "cost_unknown", "duration_ns")


def _counts(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, _BIG, server_default=sa.text("0"), nullable=False) for name in names]


def upgrade() -> None:
    _make_tables()
    _add_columns()
    fill_facets(op.get_bind())


def _make_tables() -> None:
    op.create_table(
        "run_facets",
        sa.Column("instance_key", _BIG, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("begun_at", _BIG, nullable=False),
        *_counts(*_COUNTS),
        sa.ForeignKeyConstraint(["instance_key"], ["instances.key"], name="fk_run_facets_instance_key"),
        sa.PrimaryKeyConstraint("instance_key", "kind", "name", name="pk_run_facets"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_run_facets_begun", "run_facets", ["account_id", "kind", "name", "begun_at", "instance_key"]
    )
    op.create_table(
        "facet_rollups",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("hour", _BIG, autoincrement=False, nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        *_counts("runs", *_COUNTS),
        sa.PrimaryKeyConstraint("account_id", "kind", "hour", "agent_id", "name", name="pk_facet_rollups"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "failed",
        sa.Column("instance_key", _BIG, autoincrement=False, nullable=False),
        sa.Column("span_id", sa.Text(), nullable=False),
        sa.Column("parent_span_id", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["instance_key"], ["instances.key"], name="fk_failed_instance_key"),
        sa.PrimaryKeyConstraint("instance_key", "span_id", name="pk_failed"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_failed_error", "failed", ["instance_key", "error", "parent_span_id"])
    op.create_table(
        "failure_groups",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("error_type", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("first_seen", _BIG, nullable=False),
        sa.Column("last_seen", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "fingerprint", name="pk_failure_groups"),
        sqlite_with_rowid=False,
    )


def _add_columns() -> None:
    op.add_column("spans", sa.Column("tool", sa.Text(), nullable=True))
    op.add_column("instances", sa.Column("duration", _BIG, nullable=True))
    op.execute(
        "UPDATE instances SET duration = CASE WHEN finished_at > started_at THEN finished_at - started_at "
        "ELSE 0 END WHERE finished_at IS NOT NULL AND started_at IS NOT NULL"
    )
    op.create_index("ix_instances_cost", "instances", ["account_id", "cost_nano", "key"])
    op.create_index("ix_instances_duration", "instances", ["account_id", "duration", "key"])
