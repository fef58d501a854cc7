"""How long the runs of an account, or of one agent, are kept."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import Connection, Row, delete, insert, select

from holdfast.server.stores.schema.record import agents
from holdfast.server.stores.schema.retention import retention

__all__ = ["KeepRow", "drop_keep", "kept", "kept_everywhere", "set_keep"]

_r = retention.c
_WITH_NAMES = select(retention, agents.c.name).join_from(
    retention, agents, agents.c.id == _r.agent_id, isouter=True
)


class KeepRow(Struct, frozen=True, kw_only=True):
    """`agent_id` None: of every agent that has no rule of its own. `keep` is in nanoseconds after a run's end,
    None for ever."""

    account_id: str
    agent_id: str | None = None
    agent_name: str | None = None
    keep: int | None
    updated_at: int


def kept(connection: Connection, account_id: str) -> list[KeepRow]:
    """The rules of an account, that for all agents first."""
    wanted = _WITH_NAMES.where(_r.account_id == account_id).order_by(_r.agent_id)
    return [_row(row) for row in connection.execute(wanted)]


def kept_everywhere(connection: Connection) -> list[KeepRow]:
    """The rules of all accounts."""
    wanted = _WITH_NAMES.order_by(_r.account_id, _r.agent_id)
    return [_row(row) for row in connection.execute(wanted)]


def set_keep(connection: Connection, row: KeepRow) -> None:
    """In place of the rule that was there."""
    drop_keep(connection, row.account_id, row.agent_id)
    connection.execute(
        insert(retention).values(
            account_id=row.account_id, agent_id=row.agent_id or "", keep=row.keep, updated_at=row.updated_at
        )
    )


def drop_keep(connection: Connection, account_id: str, agent_id: str | None) -> bool:
    """Whether there was a rule."""
    place = (_r.account_id == account_id, _r.agent_id == (agent_id or ""))
    return connection.execute(delete(retention).where(*place)).rowcount > 0


def _row(row: Row[tuple[str, str, int | None, int, str | None]]) -> KeepRow:
    return KeepRow(
        account_id=row.account_id,
        agent_id=row.agent_id or None,
        agent_name=row.name,
        keep=row.keep,
        updated_at=row.updated_at,
    )
