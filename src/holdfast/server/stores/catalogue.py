"""Agents and what hangs on them: found or made inside the transaction of the registration that names them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, or_, select, update

from holdfast._ids import new_id
from holdfast.server.stores.schema.record import (
    accounts,
    agent_versions,
    agents,
    deployments,
    environments,
    schema_versions,
)
from holdfast.server.stores.turns import take_turn

__all__ = [
    "SchemaContent",
    "VersionContent",
    "ensure_account",
    "ensure_agent",
    "ensure_deployment",
    "ensure_environment",
    "ensure_schema_version",
    "ensure_version",
    "find_agent",
    "find_environment",
    "read_schema_version",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionContent:
    """What makes an agent version: `content_hash` stands for all the rest."""

    content_hash: str
    name: str | None
    external_identifier: str | None
    description: str | None
    runtime_environment: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaContent:
    """What makes a schema version: `content` is an encoded `SchemaVersion`, `content_hash` its digest."""

    content_hash: str
    external_identifier: str | None
    content: bytes


def ensure_account(connection: Connection, account_id: str, now: int) -> None:
    if connection.execute(select(accounts.c.id).where(accounts.c.id == account_id)).first() is None:
        row = {"id": account_id, "name": account_id, "inserted_at": now, "updated_at": now}
        connection.execute(insert(accounts).values(row))


def find_environment(connection: Connection, account_id: str, wanted: str) -> str | None:
    """The id of the account's environment with this id or name."""
    found = connection.execute(
        select(environments.c.id)
        .where(
            environments.c.account_id == account_id,
            or_(environments.c.id == wanted, environments.c.name == wanted),
        )
        .order_by((environments.c.id == wanted).desc())
    ).scalar()
    return None if found is None else str(found)


def ensure_environment(connection: Connection, account_id: str, wanted: str, now: int) -> str:
    """The id of the account's environment with this id or name, made where there is none."""
    found = find_environment(connection, account_id, wanted)
    if found is not None:
        return found
    row = {"id": new_id(), "account_id": account_id, "name": wanted, "inserted_at": now, "updated_at": now}
    connection.execute(insert(environments).values(row))
    return str(row["id"])


def find_agent(connection: Connection, account_id: str, wanted: str) -> str | None:
    """The id of the account's agent with this id, external identifier or name; the oldest of several."""
    found = connection.execute(
        select(agents.c.id)
        .where(
            agents.c.account_id == account_id,
            or_(agents.c.id == wanted, agents.c.external_identifier == wanted, agents.c.name == wanted),
        )
        .order_by((agents.c.id == wanted).desc(), agents.c.inserted_at)
    ).scalar()
    return None if found is None else str(found)


def ensure_agent(connection: Connection, account_id: str, wanted: str, now: int) -> str:
    """The id of the account's agent with this id, external identifier or name, made where there is none."""
    found = find_agent(connection, account_id, wanted)
    if found is None:  # names may repeat, so no unique key keeps two servers from making it twice
        take_turn(connection, f"agents of {account_id}")
        found = find_agent(connection, account_id, wanted)
    if found is not None:
        return found
    row = {
        "id": new_id(),
        "account_id": account_id,
        "name": wanted,
        "status": "active",
        "inserted_at": now,
        "updated_at": now,
    }
    connection.execute(insert(agents).values(row))
    return str(row["id"])


def ensure_version(connection: Connection, agent_id: str, content: VersionContent, now: int) -> str:
    """The id of the agent's version with this content, made where there is none."""
    table = agent_versions
    found = connection.execute(
        select(table.c.id).where(table.c.agent_id == agent_id, table.c.content_hash == content.content_hash)
    ).scalar()
    if found is not None:
        return str(found)
    version_id = new_id()
    connection.execute(
        insert(table).values(
            id=version_id,
            agent_id=agent_id,
            content_hash=content.content_hash,
            name=content.name,
            external_identifier=content.external_identifier,
            description=content.description,
            runtime_environment=content.runtime_environment,
            inserted_at=now,
        )
    )
    return version_id


def ensure_schema_version(connection: Connection, agent_id: str, content: SchemaContent, now: int) -> str:
    """The id of the agent's schema version with this content, made where there is none."""
    table = schema_versions
    found = connection.execute(
        select(table.c.id).where(table.c.agent_id == agent_id, table.c.content_hash == content.content_hash)
    ).scalar()
    if found is not None:
        return str(found)
    version_id = new_id()
    connection.execute(
        insert(table).values(
            id=version_id,
            agent_id=agent_id,
            content_hash=content.content_hash,
            external_identifier=content.external_identifier,
            content=content.content,
            inserted_at=now,
        )
    )
    return version_id


def ensure_deployment(
    connection: Connection, agent_id: str, environment_id: str, version_id: str | None, now: int
) -> str:
    """The id of the agent's deployment in the environment; `version_id`, where given, becomes current."""
    table = deployments
    row = connection.execute(
        select(table.c.id, table.c.current_version_id).where(
            table.c.agent_id == agent_id, table.c.environment_id == environment_id
        )
    ).first()
    if row is None:
        deployment_id = new_id()
        connection.execute(
            insert(table).values(
                id=deployment_id,
                agent_id=agent_id,
                environment_id=environment_id,
                current_version_id=version_id,
                inserted_at=now,
                updated_at=now,
            )
        )
        return deployment_id
    if version_id is not None and row.current_version_id != version_id:
        connection.execute(
            update(table).where(table.c.id == row.id).values(current_version_id=version_id, updated_at=now)
        )
    return str(row.id)


def read_schema_version(connection: Connection, version_id: str) -> bytes | None:
    """The encoded `SchemaVersion`, or None for an unknown id."""
    found = connection.execute(
        select(schema_versions.c.content).where(schema_versions.c.id == version_id)
    ).scalar()
    return None if found is None else bytes(found)
