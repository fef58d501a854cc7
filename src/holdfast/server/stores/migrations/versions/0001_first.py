"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, _BIG, server_default=sa.text("0"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("inserted_at", _BIG, nullable=False),
        sa.Column("updated_at", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
    )
    op.create_table(
        "idempotency",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.Column("inserted_at", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "action", "key", name="pk_idempotency"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_idempotency_inserted_at", "idempotency", ["inserted_at"], unique=False)
    op.create_table(
        "rollups",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("hour", _BIG, autoincrement=False, nullable=False),
        _count("runs_pending"),
        _count("runs_active"),
        _count("runs_complete"),
        _count("runs_failed"),
        _count("runs_cancelled"),
        _count("runs_terminated"),
        _count("spans_total"),
        _count("spans_failed"),
        _count("llm_calls"),
        _count("tool_calls"),
        _count("errors"),
        _count("input_tokens"),
        _count("output_tokens"),
        _count("cache_read_tokens"),
        _count("cache_write_tokens"),
        _count("reasoning_tokens"),
        _count("cost_nano"),
        _count("cost_unknown"),
        _count("violations"),
        sa.Column("durations", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "agent_id", "hour", name="pk_rollups"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_rollups_account_id_hour", "rollups", ["account_id", "hour"], unique=False)
    op.create_table(
        "server_values",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_server_values"),
    )
    op.create_table(
        "span_bodies",
        sa.Column("key", _BIG, autoincrement=False, nullable=False),
        sa.Column("payload", sa.LargeBinary()),
        sa.Column("result_payload", sa.LargeBinary()),
        sa.Column("attributes", sa.LargeBinary()),
        sa.Column("finish_attributes", sa.LargeBinary()),
        sa.Column("error", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("key", name="pk_span_bodies"),
    )
    op.create_table(
        "agents",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("external_identifier", sa.Text()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("inserted_at", _BIG, nullable=False),
        sa.Column("updated_at", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_agents_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_agents"),
        sa.UniqueConstraint(
            "account_id", "external_identifier", name="uq_agents_account_id_external_identifier"
        ),
    )
    op.create_index("ix_agents_account_id_name", "agents", ["account_id", "name"], unique=False)
    op.create_table(
        "environments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("inserted_at", _BIG, nullable=False),
        sa.Column("updated_at", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_environments_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_environments"),
        sa.UniqueConstraint("account_id", "name", name="uq_environments_account_id_name"),
    )
    op.create_table(
        "login_codes",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("expires_at", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_login_codes_account_id"),
        sa.PrimaryKeyConstraint("hash", name="pk_login_codes"),
    )
    op.create_table(
        "web_sessions",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("inserted_at", _BIG, nullable=False),
        sa.Column("expires_at", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_web_sessions_account_id"),
        sa.PrimaryKeyConstraint("hash", name="pk_web_sessions"),
    )
    op.create_table(
        "agent_versions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("external_identifier", sa.Text()),
        sa.Column("description", sa.Text()),
        sa.Column("runtime_environment", sa.LargeBinary()),
        sa.Column("inserted_at", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_agent_versions_agent_id"),
        sa.PrimaryKeyConstraint("id", name="pk_agent_versions"),
        sa.UniqueConstraint("agent_id", "content_hash", name="uq_agent_versions_agent_id_content_hash"),
    )
    op.create_table(
        "instances",
        sa.Column("key", _BIG, nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text()),
        sa.Column("environment_id", sa.Text()),
        sa.Column("agent_version_id", sa.Text()),
        sa.Column("schema_version_id", sa.Text()),
        sa.Column("deployment_id", sa.Text()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("external_identifier", sa.Text()),
        sa.Column("parent", sa.Text()),
        sa.Column("sdk", sa.Text()),
        sa.Column("attributes", sa.LargeBinary()),
        sa.Column("finish_attributes", sa.LargeBinary()),
        sa.Column("error_type", sa.Text()),
        sa.Column("error", sa.LargeBinary()),
        sa.Column("termination_reason", sa.Text()),
        sa.Column("registered_at", _BIG),
        sa.Column("started_at", _BIG),
        sa.Column("finished_at", _BIG),
        sa.Column("begun_at", _BIG, nullable=False),
        sa.Column("inserted_at", _BIG, nullable=False),
        sa.Column("updated_at", _BIG, nullable=False),
        sa.Column("closed_by_server", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("root_span_id", sa.Text()),
        sa.Column("root_name", sa.Text()),
        sa.Column("root_started_at", _BIG),
        _count("spans_total"),
        _count("spans_pending"),
        _count("spans_active"),
        _count("spans_complete"),
        _count("spans_failed"),
        _count("spans_cancelled"),
        _count("llm_calls"),
        _count("tool_calls"),
        _count("errors"),
        _count("input_tokens"),
        _count("output_tokens"),
        _count("cache_read_tokens"),
        _count("cache_write_tokens"),
        _count("reasoning_tokens"),
        _count("cost_nano"),
        _count("cost_reported"),
        _count("cost_computed"),
        _count("cost_estimated"),
        _count("cost_unknown"),
        _count("events"),
        _count("violations"),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_instances_agent_id"),
        sa.PrimaryKeyConstraint("key", name="pk_instances"),
        sa.UniqueConstraint("account_id", "id", name="uq_instances_account_id_id"),
    )
    op.create_index(
        "ix_instances_agent_begun", "instances", ["account_id", "agent_id", "begun_at", "key"], unique=False
    )
    op.create_index("ix_instances_begun", "instances", ["account_id", "begun_at", "key"], unique=False)
    op.create_index(
        "ix_instances_open",
        "instances",
        ["updated_at"],
        unique=False,
        sqlite_where=sa.text("status IN ('pending', 'active') OR spans_active > 0 OR spans_pending > 0"),
        postgresql_where=sa.text("status IN ('pending', 'active') OR spans_active > 0 OR spans_pending > 0"),
    )
    op.create_index(
        "ix_instances_status_begun", "instances", ["account_id", "status", "begun_at", "key"], unique=False
    )
    op.create_table(
        "schema_versions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("external_identifier", sa.Text()),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("unusable", sa.LargeBinary()),
        sa.Column("inserted_at", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_schema_versions_agent_id"),
        sa.PrimaryKeyConstraint("id", name="pk_schema_versions"),
        sa.UniqueConstraint("agent_id", "content_hash", name="uq_schema_versions_agent_id_content_hash"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text()),
        sa.Column("environment_id", sa.Text()),
        sa.Column("expires_at", _BIG),
        sa.Column("last_used_at", _BIG),
        sa.Column("inserted_at", _BIG, nullable=False),
        sa.Column("updated_at", _BIG, nullable=False),
        sa.CheckConstraint("status IN ('active', 'suspended', 'revoked')", name="tokens_status"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_tokens_account_id"),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_tokens_agent_id"),
        sa.ForeignKeyConstraint(["environment_id"], ["environments.id"], name="fk_tokens_environment_id"),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("hash", name="uq_tokens_hash"),
    )
    op.create_table(
        "check_queue",
        sa.Column("instance_key", _BIG, autoincrement=False, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("ticket", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["instance_key"], ["instances.key"], name="fk_check_queue_instance_key"),
        sa.PrimaryKeyConstraint("instance_key", "subject", name="pk_check_queue"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_check_queue_ticket", "check_queue", ["ticket"], unique=False)
    op.create_table(
        "deployments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("environment_id", sa.Text(), nullable=False),
        sa.Column("current_version_id", sa.Text()),
        sa.Column("inserted_at", _BIG, nullable=False),
        sa.Column("updated_at", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_deployments_agent_id"),
        sa.ForeignKeyConstraint(
            ["current_version_id"], ["agent_versions.id"], name="fk_deployments_current_version_id"
        ),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environments.id"], name="fk_deployments_environment_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_deployments"),
        sa.UniqueConstraint("agent_id", "environment_id", name="uq_deployments_agent_id_environment_id"),
    )
    op.create_table(
        "events",
        sa.Column("instance_key", _BIG, autoincrement=False, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("span_id", sa.Text()),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("timestamp", _BIG, nullable=False),
        sa.Column("inserted_at", _BIG, nullable=False),
        sa.Column("payload", sa.LargeBinary()),
        sa.ForeignKeyConstraint(["instance_key"], ["instances.key"], name="fk_events_instance_key"),
        sa.PrimaryKeyConstraint("instance_key", "id", name="pk_events"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_events_instance_key_timestamp_id", "events", ["instance_key", "timestamp", "id"], unique=False
    )
    op.create_table(
        "quality",
        sa.Column("instance_key", _BIG, autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("timestamp", _BIG, nullable=False),
        sa.Column("payload", sa.LargeBinary()),
        sa.Column("summary", sa.Text()),
        sa.Column("violations", sa.Integer()),
        sa.ForeignKeyConstraint(["instance_key"], ["instances.key"], name="fk_quality_instance_key"),
        sa.PrimaryKeyConstraint("instance_key", "name", name="pk_quality"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "spans",
        sa.Column("instance_key", _BIG, autoincrement=False, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("body_key", _BIG, nullable=False),
        sa.Column("parent_span_id", sa.Text()),
        sa.Column("schema_name", sa.Text()),
        sa.Column("name", sa.Text()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", _BIG),
        sa.Column("finished_at", _BIG),
        sa.Column("inserted_at", _BIG, nullable=False),
        sa.Column("updated_at", _BIG, nullable=False),
        sa.Column("flags", sa.Integer(), nullable=False),
        sa.Column("error_type", sa.Text()),
        sa.Column("provider", sa.Text()),
        sa.Column("model", sa.Text()),
        sa.Column("input_tokens", _BIG),
        sa.Column("output_tokens", _BIG),
        sa.Column("cache_read_tokens", _BIG),
        sa.Column("cache_write_tokens", _BIG),
        sa.Column("reasoning_tokens", _BIG),
        sa.Column("cost_nano", _BIG),
        sa.Column("cost_source", sa.Text()),
        sa.Column("violations", sa.Integer()),
        sa.Column("summary", sa.Text()),
        sa.ForeignKeyConstraint(["instance_key"], ["instances.key"], name="fk_spans_instance_key"),
        sa.PrimaryKeyConstraint("instance_key", "id", name="pk_spans"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_spans_id", "spans", ["id"], unique=False)
    op.create_table(
        "violations",
        sa.Column("instance_key", _BIG, autoincrement=False, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["instance_key"], ["instances.key"], name="fk_violations_instance_key"),
        sa.PrimaryKeyConstraint("instance_key", "subject", name="pk_violations"),
        sqlite_with_rowid=False,
    )
