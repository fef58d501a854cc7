"""Agents: read within a reach, made, changed, deleted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Connection, delete, func, insert, select, update

from holdfast.server.stores.catalogue import find_agent
from holdfast.server.stores.paging import read_page
from holdfast.server.stores.reach import Reach, agents_within, runs_within
from holdfast.server.stores.reads.api import Window
from holdfast.server.stores.schema.record import (
    agent_versions,
    agents,
    deployments,
    instances,
    rollups,
    schema_versions,
    tokens,
)

__all__ = [
    "AgentFilter",
    "AgentRow",
    "RunCounts",
    "add_agent",
    "all_counted",
    "change_agent",
    "counted",
    "delete_agent",
    "find_agent_row",
    "find_named_agent",
    "has_runs",
    "is_taken",
    "list_agents",
    "risk_profiles",
    "runs_failed_since",
]

_STATUSES: Final = ("pending", "active", "complete", "failed", "cancelled", "terminated")


class AgentRow(Struct, frozen=True, kw_only=True):
    """A row of `agents`. `status` is "active" or "retired": the rest of an agent's status is read from its runs."""

    id: str
    account_id: str
    name: str
    description: str | None = None
    external_identifier: str | None = None
    status: str = "active"
    inserted_at: int
    updated_at: int
    owner_person_id: str | None = None
    team_id: str | None = None
    risk_profile_id: str | None = None


class RunCounts(Struct, kw_only=True):
    """Runs of an agent by status, and the hour (since 1970) in which the last of them began."""

    by_status: dict[str, int]
    last_hour: int | None


class AgentFilter(Struct, frozen=True, kw_only=True):
    """Column to value; None as a value asks for rows without one."""

    equal: dict[str, str | None] = {}


def find_agent_row(
    connection: Connection, reach: Reach, *, agent_id: str | None = None, external: str | None = None
) -> AgentRow | None:
    """By its id, or by its external identifier."""
    wanted = select(agents).where(
        agents_within(reach),
        agents.c.id == agent_id if agent_id is not None else agents.c.external_identifier == external,
    )
    row = connection.execute(wanted).mappings().first()
    return None if row is None else AgentRow(**row)


def find_named_agent(connection: Connection, reach: Reach, wanted: str) -> AgentRow | None:
    """By its id, external identifier or name; the oldest of several."""
    agent_id = find_agent(connection, reach.account_id, wanted)
    return None if agent_id is None else find_agent_row(connection, reach, agent_id=agent_id)


def list_agents(
    connection: Connection, reach: Reach, wanted: AgentFilter, window: Window
) -> tuple[list[AgentRow], int]:
    """One page, and how many there are in all."""
    where = [agents_within(reach)]
    where += [agents.c[name].is_not_distinct_from(value) for name, value in wanted.equal.items()]
    rows, total = read_page(connection, agents, where, window)
    return [AgentRow(**row) for row in rows], total


def counted(connection: Connection, reach: Reach, row: AgentRow) -> tuple[AgentRow, RunCounts]:
    """The agent with the counts of its runs within the reach."""
    return all_counted(connection, reach, [row])[0]


def all_counted(
    connection: Connection, reach: Reach, found: Sequence[AgentRow]
) -> list[tuple[AgentRow, RunCounts]]:
    """As `counted`, for several."""
    counts = _count_runs(connection, reach, [row.id for row in found])
    return [(row, counts.get(row.id, RunCounts(by_status={}, last_hour=None))) for row in found]


def _count_runs(connection: Connection, reach: Reach, agent_ids: Collection[str]) -> dict[str, RunCounts]:
    """By agent. From the hourly sums; where the reach is bound to an environment, from the runs themselves."""
    if reach.environment_id is not None:
        return _counted(connection, reach, agent_ids)
    hour = func.max(rollups.c.hour).label("last_hour")
    sums = [func.sum(rollups.c[f"runs_{status}"]).label(status) for status in _STATUSES]
    wanted = (
        select(rollups.c.agent_id, hour, *sums)
        .where(rollups.c.account_id == reach.account_id, rollups.c.agent_id.in_(agent_ids))
        .group_by(rollups.c.agent_id)
    )
    return {
        row["agent_id"]: RunCounts(
            by_status={status: int(row[status]) for status in _STATUSES}, last_hour=row["last_hour"]
        )
        for row in connection.execute(wanted).mappings()
    }


def _counted(connection: Connection, reach: Reach, agent_ids: Collection[str]) -> dict[str, RunCounts]:
    wanted = (
        select(instances.c.agent_id, instances.c.status, func.count(), func.max(instances.c.begun_at))
        .where(runs_within(reach), instances.c.agent_id.in_(agent_ids))
        .group_by(instances.c.agent_id, instances.c.status)
    )
    found: dict[str, RunCounts] = {}
    for agent_id, status, number, last in connection.execute(wanted):
        counts = found.setdefault(agent_id, RunCounts(by_status={}, last_hour=None))
        counts.by_status[status] = number
        counts.last_hour = max(counts.last_hour or 0, last // 3_600_000_000_000)
    return found


def runs_failed_since(connection: Connection, reach: Reach, hour: int) -> int:
    """Runs that began in that hour (since 1970) or later and failed."""
    if reach.environment_id is not None:
        wanted = select(func.count()).where(
            runs_within(reach),
            instances.c.begun_at >= hour * 3_600_000_000_000,
            instances.c.status == "failed",
        )
        return connection.execute(wanted.select_from(instances)).scalar_one()
    where = [rollups.c.account_id == reach.account_id, rollups.c.hour >= hour]
    if reach.agent_id is not None:
        where.append(rollups.c.agent_id == reach.agent_id)
    return int(
        connection.execute(
            select(func.coalesce(func.sum(rollups.c.runs_failed), 0)).where(*where)
        ).scalar_one()
    )


def risk_profiles(connection: Connection, agent_ids: Collection[str]) -> dict[str, str]:
    """By agent, for those that have one."""
    wanted = select(agents.c.id, agents.c.risk_profile_id).where(
        agents.c.id.in_(agent_ids), agents.c.risk_profile_id.is_not(None)
    )
    return {row.id: row.risk_profile_id for row in connection.execute(wanted)}


def has_runs(connection: Connection, agent: AgentRow) -> bool:
    wanted = select(instances.c.key).where(
        instances.c.account_id == agent.account_id, instances.c.agent_id == agent.id
    )
    return connection.execute(wanted.limit(1)).first() is not None


def is_taken(connection: Connection, account_id: str, external_identifier: str) -> bool:
    wanted = select(agents.c.id).where(
        agents.c.account_id == account_id, agents.c.external_identifier == external_identifier
    )
    return connection.execute(wanted).first() is not None


def add_agent(connection: Connection, row: AgentRow) -> None:
    connection.execute(insert(agents).values(asdict(row)))


def change_agent(connection: Connection, agent_id: str, changes: Mapping[str, Any], now: int) -> None:
    connection.execute(update(agents).where(agents.c.id == agent_id).values(**changes, updated_at=now))


def delete_agent(connection: Connection, agent_id: str) -> None:
    """With its versions, deployments and tokens. It must have no runs."""
    for table in (tokens, deployments, agent_versions, schema_versions):
        connection.execute(delete(table).where(table.c.agent_id == agent_id))
    connection.execute(delete(agents).where(agents.c.id == agent_id))
