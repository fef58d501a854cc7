"""Reading the names that runs are filtered by."""

from __future__ import annotations

from sqlalchemy import func, select

from holdfast.server.stores.base import Store
from holdfast.server.stores.schema.record import agent_versions, agents, environments

__all__ = ["ChoiceReads"]


class ChoiceReads:
    """Each method is one read of its own, in the calling thread."""

    def __init__(self, store: Store) -> None:
        self._engine = store.reader

    def environments(self, account_id: str, limit: int) -> dict[str, str]:
        """Names by id, in the order of the names."""
        e = environments.c
        query = select(e.id, e.name).where(e.account_id == account_id).order_by(e.name, e.id).limit(limit)
        with self._engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def versions(self, account_id: str, agent_id: str, limit: int) -> dict[str, str]:
        """What the agent's versions are called, by id, the newest first."""
        v = agent_versions.c
        query = (
            select(v.id, func.coalesce(v.external_identifier, v.name, v.id))
            .join(agents, agents.c.id == v.agent_id)
            .where(agents.c.account_id == account_id, v.agent_id == agent_id)
            .order_by(v.inserted_at.desc(), v.id)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}
