"""How long runs are kept, and what was erased."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BATCH = 1_000


def upgrade() -> None:
    _make_tables()
    op.add_column("idempotency", sa.Column("instance_key", _BIG, nullable=True))
    _fill_in_runs()
    op.create_index("ix_idempotency_instance_key", "idempotency", ["instance_key"])


def _make_tables() -> None:
    op.create_table(
        "retention",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("keep", _BIG, nullable=True),
        sa.Column("updated_at", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_retention_account_id"),
        sa.PrimaryKeyConstraint("account_id", "agent_id", name="pk_retention"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "receipts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("selection", sa.LargeBinary(), nullable=False),
        sa.Column("inserted_at", _BIG, nullable=False),
        sa.Column("finished_at", _BIG, nullable=True),
        sa.Column("cursor", _BIG, server_default=sa.text("0"), nullable=False),
        sa.Column("counts", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_receipts"),
    )
    op.create_index("ix_receipts_account_id_inserted_at_id", "receipts", ["account_id", "inserted_at", "id"])
    running = sa.text("state = 'running'")
    op.create_index(
        "ix_receipts_running", "receipts", ["inserted_at"], sqlite_where=running, postgresql_where=running
    )
    op.create_table(
        "tombstones",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("id_hash", sa.LargeBinary(), nullable=False),
        sa.Column("receipt_id", sa.Text(), nullable=False),
        sa.Column("erased_at", _BIG, nullable=False),
        sa.Column("dropped", _BIG, server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "id_hash", name="pk_tombstones"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_tombstones_erased_at", "tombstones", ["erased_at"])
    op.create_index("ix_tombstones_receipt_id", "tombstones", ["receipt_id"])
    op.create_table(
        "erasing",
        sa.Column("instance_key", _BIG, autoincrement=False, nullable=False),
        sa.Column("receipt_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["instance_key"], ["instances.key"], name="fk_erasing_instance_key"),
        sa.PrimaryKeyConstraint("instance_key", name="pk_erasing"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_erasing_receipt_id_instance_key", "erasing", ["receipt_id", "instance_key"])


def _fill_in_runs() -> None:
    """The answers of the last seven days hold payloads: of each, whose run it tells of."""
    connection = op.get_bind()
    table = sa.table(
        "idempotency",
        *map(_column, ("account_id", "action", "key", "response", "instance_key")),
    )
    runs = sa.table("instances", *map(_column, ("key", "account_id", "id")))
    at: tuple[str, str, str] | None = None
    while True:
        place = sa.tuple_(table.c.account_id, table.c.action, table.c.key)
        wanted = sa.select(table.c.account_id, table.c.action, table.c.key, table.c.response)
        if at is not None:
            wanted = wanted.where(place > sa.tuple_(*map(sa.literal, at)))
        rows = connection.execute(wanted.order_by(*place).limit(_BATCH)).all()
        for account, action, key, response in rows:
            at = account, action, key
            run_id = _run_of(action, bytes(response))
            if run_id is None:
                continue
            # a token that is bound to an agent keeps its answers under `<account> agent=…`
            found = connection.execute(
                sa.select(runs.c.key).where(
                    runs.c.account_id.in_([account, account.rpartition(" agent=")[0]]), runs.c.id == run_id
                )
            ).scalar()
            connection.execute(
                sa.update(table)
                .where(table.c.account_id == account, table.c.action == action, table.c.key == key)
                .values(instance_key=found)
            )
        if len(rows) < _BATCH:
            return


def _column(name: str) -> sa.ColumnClause[Any]:
    return sa.column(name)


def _run_of(action: str, response: bytes) -> str | None:
    if not action.startswith(("agent_instances/", "agent_spans/", "agent_events/")):
        return None
    details: dict[str, Any] = json.loads(response).get("details") or {}
    return details.get("agent_instance_id") or details.get("id")
