"""The tables, as SQLAlchemy Core metadata. The migrations build the same; a test compares the two.

Times are `int` nanoseconds since 1970, UTC. Money is `int` nano-dollars (1e-9 USD): sums of integers do not
depend on the order in which spans arrive. JSON that came from outside is kept as the bytes that came
(`LargeBinary`), NULL where it was `null` or missing. Statuses and other closed vocabularies are the text of
the enums in `holdfast.wire.vocabulary`.

A span is two rows: `spans` holds what lists, trees and totals need (about 200 bytes, clustered by run), and
`span_bodies` what only the reader of one span needs (payloads, attributes, error with its stack).
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

__all__ = [
    "BODY_KEY_BITS",
    "SPAN_AGGREGATE",
    "SPAN_CLOSED_BY_SERVER",
    "SPAN_CREATED",
    "SPAN_PAYLOAD_FROM_FINISH",
    "accounts",
    "agent_versions",
    "agents",
    "check_queue",
    "deployments",
    "environments",
    "events",
    "idempotency",
    "instances",
    "login_codes",
    "metadata",
    "quality",
    "rollups",
    "schema_versions",
    "server_values",
    "span_bodies",
    "spans",
    "tokens",
    "violations",
    "web_sessions",
]

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)

BODY_KEY_BITS: Final = 28
"""`spans.body_key` is `instance_key << BODY_KEY_BITS | ordinal of the span in its run`: no counter to share
between server processes, and the bodies of one run lie together. Room for 268 million spans a run."""

# bits of `spans.flags`
SPAN_CREATED: Final = 1
"""The span's start has arrived; without it only its finish is known so far."""
SPAN_PAYLOAD_FROM_FINISH: Final = 2
"""The payload came with the finish and replaces what the start says, whichever arrives first."""
SPAN_CLOSED_BY_SERVER: Final = 4
"""The server ended it (termination, long silence); the agent's own finish still replaces this."""
SPAN_AGGREGATE: Final = 8
"""Its tokens and cost repeat those of spans inside it (an agent's own span): totals leave them out."""

# An `INTEGER PRIMARY KEY` is SQLite's row number itself; elsewhere it must be the 64-bit type.
_Big: Final = BigInteger().with_variant(Integer, "sqlite")


def _count(name: str) -> Column[int]:
    return Column(name, _Big, nullable=False, server_default=text("0"))


accounts: Final = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("inserted_at", _Big, nullable=False),
    Column("updated_at", _Big, nullable=False),
)

environments: Final = Table(
    "environments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("inserted_at", _Big, nullable=False),
    Column("updated_at", _Big, nullable=False),
    UniqueConstraint("account_id", "name"),
)

agents: Final = Table(
    "agents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("external_identifier", Text),
    Column("status", Text, nullable=False),
    Column("inserted_at", _Big, nullable=False),
    Column("updated_at", _Big, nullable=False),
    Column("owner_person_id", Text),
    Column("team_id", Text),
    Column("risk_profile_id", Text),
    UniqueConstraint("account_id", "external_identifier"),
    Index(None, "account_id", "name"),
)

agent_versions: Final = Table(
    "agent_versions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("agent_id", Text, ForeignKey("agents.id"), nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("name", Text),
    Column("external_identifier", Text),
    Column("description", Text),
    Column("runtime_environment", LargeBinary),
    Column("inserted_at", _Big, nullable=False),
    UniqueConstraint("agent_id", "content_hash"),
)

schema_versions: Final = Table(
    "schema_versions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("agent_id", Text, ForeignKey("agents.id"), nullable=False),
    Column("content_hash", Text, nullable=False),
    # The first identifier this content arrived under; later ones name the same content.
    Column("external_identifier", Text),
    Column("content", LargeBinary, nullable=False),  # a `SchemaVersion`, all forms merged into the lists
    # JSON object {"<span type> params|result|template|...": reason}: what of it cannot be used
    Column("unusable", LargeBinary),
    Column("inserted_at", _Big, nullable=False),
    UniqueConstraint("agent_id", "content_hash"),
)

deployments: Final = Table(
    "deployments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("agent_id", Text, ForeignKey("agents.id"), nullable=False),
    Column("environment_id", Text, ForeignKey("environments.id"), nullable=False),
    Column("current_version_id", Text, ForeignKey("agent_versions.id")),
    Column("inserted_at", _Big, nullable=False),
    Column("updated_at", _Big, nullable=False),
    UniqueConstraint("agent_id", "environment_id"),
)

instances: Final = Table(
    "instances",
    metadata,
    Column("key", _Big, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("id", Text, nullable=False),
    # NULL until the registration has arrived: an operation for an unknown run makes its row.
    Column("agent_id", Text, ForeignKey("agents.id")),
    Column("environment_id", Text),
    Column("agent_version_id", Text),
    Column("schema_version_id", Text),
    Column("deployment_id", Text),
    Column("status", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("name", Text),
    Column("external_identifier", Text),
    Column("parent", Text),  # `run id` or `run id/span id` of the caller
    Column("sdk", Text),
    Column("attributes", LargeBinary),
    Column("finish_attributes", LargeBinary),  # added to `attributes`, these winning
    Column("error_type", Text),
    Column("error", LargeBinary),  # a `RecordedError`
    Column("termination_reason", Text),
    Column("registered_at", _Big),
    Column("started_at", _Big),
    Column("finished_at", _Big),
    Column("duration", _Big),  # from start to end, once both are known; never negative
    # `started_at`, else `registered_at`, else `inserted_at`: the order of lists and the hour of the rollup
    Column("begun_at", _Big, nullable=False),
    Column("inserted_at", _Big, nullable=False),  # receipt of the first operation
    Column("updated_at", _Big, nullable=False),  # receipt of the last that changed something
    # 1: the server ended it after long silence; the agent's own finish still replaces this
    Column("closed_by_server", Integer, nullable=False, server_default=text("0")),
    # the span without a parent that began first
    Column("root_span_id", Text),
    Column("root_name", Text),
    Column("root_started_at", _Big),
    # totals, kept in the transaction that changes the spans
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
    # how many spans' cost came from where; `cost_nano` is the sum over all but the unknown
    _count("cost_reported"),
    _count("cost_computed"),
    _count("cost_estimated"),
    _count("cost_unknown"),
    _count("events"),
    _count("violations"),
    UniqueConstraint("account_id", "id"),
    Index("ix_instances_begun", "account_id", "begun_at", "key"),
    Index("ix_instances_agent_begun", "account_id", "agent_id", "begun_at", "key"),
    Index("ix_instances_status_begun", "account_id", "status", "begun_at", "key"),
    Index("ix_instances_cost", "account_id", "cost_nano", "key"),
    Index("ix_instances_duration", "account_id", "duration", "key"),
    Index(
        "ix_instances_open",
        "updated_at",
        sqlite_where=text("status IN ('pending', 'active') OR spans_active > 0 OR spans_pending > 0"),
        postgresql_where=text("status IN ('pending', 'active') OR spans_active > 0 OR spans_pending > 0"),
    ),
)

spans: Final = Table(
    "spans",
    metadata,
    Column("instance_key", _Big, ForeignKey("instances.key"), primary_key=True, autoincrement=False),
    Column("id", Text, primary_key=True),
    Column("body_key", _Big, nullable=False),
    Column("parent_span_id", Text),
    Column("schema_name", Text),  # NULL until the start has arrived
    Column("name", Text),
    Column("status", Text, nullable=False),
    Column("started_at", _Big),
    Column("finished_at", _Big),
    Column("inserted_at", _Big, nullable=False),
    Column("updated_at", _Big, nullable=False),
    Column("flags", Integer, nullable=False),
    Column("tool", Text),  # the name of the tool that was called, where the attributes say it
    Column("error_type", Text),
    Column("provider", Text),
    Column("model", Text),
    Column("input_tokens", _Big),
    Column("output_tokens", _Big),
    Column("cache_read_tokens", _Big),
    Column("cache_write_tokens", _Big),
    Column("reasoning_tokens", _Big),
    Column("cost_nano", _Big),
    Column("cost_source", Text),
    # filled in after the commit, by the check stage
    Column("violations", Integer),
    Column("summary", Text),
    Index(None, "id"),
    sqlite_with_rowid=False,
)

span_bodies: Final = Table(
    "span_bodies",
    metadata,
    Column("key", _Big, primary_key=True, autoincrement=False),
    Column("payload", LargeBinary),
    Column("result_payload", LargeBinary),
    Column("attributes", LargeBinary),
    Column("finish_attributes", LargeBinary),  # added to `attributes`, these winning
    Column("error", LargeBinary),  # a `RecordedError`
)

events: Final = Table(
    "events",
    metadata,
    Column("instance_key", _Big, ForeignKey("instances.key"), primary_key=True, autoincrement=False),
    Column("id", Text, primary_key=True),
    Column("span_id", Text),
    Column("name", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("timestamp", _Big, nullable=False),
    Column("inserted_at", _Big, nullable=False),
    Column("payload", LargeBinary),
    Index(None, "instance_key", "timestamp", "id"),
    sqlite_with_rowid=False,
)

quality: Final = Table(
    "quality",
    metadata,
    Column("instance_key", _Big, ForeignKey("instances.key"), primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    Column("timestamp", _Big, nullable=False),
    # NULL: taken away. The row stays, so that an older record that arrives later does not come back.
    Column("payload", LargeBinary),
    Column("summary", Text),
    Column("violations", Integer),
    sqlite_with_rowid=False,
)

violations: Final = Table(
    "violations",
    metadata,
    Column("instance_key", _Big, ForeignKey("instances.key"), primary_key=True, autoincrement=False),
    Column("subject", Text, primary_key=True),  # `span/<id>` or `quality/<name>`
    Column("details", LargeBinary, nullable=False),  # [{"part": "payload", "path": "/a/0", "message": …}, …]
    sqlite_with_rowid=False,
)

check_queue: Final = Table(
    "check_queue",
    metadata,
    # What is still to be checked against its schema and summarised. `ticket` grows with every change of
    # the subject: work that was done on an older state does not take the newer entry away.
    Column("instance_key", _Big, ForeignKey("instances.key"), primary_key=True, autoincrement=False),
    Column("subject", Text, primary_key=True),
    Column("ticket", _Big, nullable=False),
    Index(None, "ticket"),
    sqlite_with_rowid=False,
)

rollups: Final = Table(
    "rollups",
    metadata,
    # Sums over the runs of one agent that began in one hour: everything of a run counts in the hour it
    # began. Exactly the sum over their rows in `instances`, whatever the order of arrival.
    Column("account_id", Text, primary_key=True),
    Column("agent_id", Text, primary_key=True),  # '' while unknown
    Column("hour", _Big, primary_key=True, autoincrement=False),  # hours since 1970
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
    # JSON object {bucket: runs}: bucket b holds finished runs of 1.1**b to 1.1**(b+1) milliseconds
    Column("durations", LargeBinary, nullable=False),
    Index(None, "account_id", "hour"),
    sqlite_with_rowid=False,
)

idempotency: Final = Table(
    "idempotency",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("action", Text, primary_key=True),  # what was done to what
    Column("key", Text, primary_key=True),
    Column("response", LargeBinary, nullable=False),
    Column("inserted_at", _Big, nullable=False),
    Column("instance_key", _Big),  # the run that the answer tells of, where it is one
    Index(None, "inserted_at"),
    Index(None, "instance_key"),
    sqlite_with_rowid=False,
)

tokens: Final = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),  # hex SHA-256 of the token
    Column("hint", Text, nullable=False),  # its first characters, to know it by
    Column("scopes", Text, nullable=False),  # `TokenScope` values, comma separated
    Column("status", Text, nullable=False),
    Column("agent_id", Text, ForeignKey("agents.id")),
    Column("environment_id", Text, ForeignKey("environments.id")),
    Column("expires_at", _Big),
    Column("last_used_at", _Big),
    Column("inserted_at", _Big, nullable=False),
    Column("updated_at", _Big, nullable=False),
    CheckConstraint("status IN ('active', 'suspended', 'revoked')", name="tokens_status"),
)

login_codes: Final = Table(
    "login_codes",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("expires_at", _Big, nullable=False),
)

web_sessions: Final = Table(
    "web_sessions",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("inserted_at", _Big, nullable=False),
    Column("expires_at", _Big, nullable=False),
)

server_values: Final = Table(
    "server_values",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
