"""Accounts, environments and deployments: read within a reach, made, changed, deleted."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from holdfast.server.stores.paging import read_page
from holdfast.server.stores.reach import Reach, deployments_within, environments_within
from holdfast.server.stores.reads.api import Window
from holdfast.server.stores.schema.record import accounts, deployments, environments, tokens

__all__ = [
    "AccountRow",
    "DeploymentRow",
    "EnvironmentRow",
    "add_account",
    "add_deployment",
    "add_environment",
    "all_accounts",
    "delete_deployment",
    "delete_environment",
    "deployment_of",
    "find_account",
    "find_deployment",
    "find_environment_row",
    "id_exists",
    "is_environment_used",
    "list_deployments",
    "list_environments",
    "name_account",
    "name_environment",
    "named_account",
    "named_environment",
    "pin_version",
]


class AccountRow(Struct, frozen=True, kw_only=True):
    """A row of `accounts`."""

    id: str
    name: str
    inserted_at: int
    updated_at: int


class EnvironmentRow(Struct, frozen=True, kw_only=True):
    """A row of `environments`."""

    id: str
    account_id: str
    name: str
    inserted_at: int
    updated_at: int


class DeploymentRow(Struct, frozen=True, kw_only=True):
    """A row of `deployments`."""

    id: str
    agent_id: str
    environment_id: str
    current_version_id: str | None = None
    inserted_at: int
    updated_at: int


def find_account(connection: Connection, account_id: str) -> AccountRow | None:
    row = connection.execute(select(accounts).where(accounts.c.id == account_id)).mappings().first()
    return None if row is None else AccountRow(**row)


def named_account(connection: Connection, wanted: str) -> AccountRow | None:
    """The account with this id or name; the oldest of several."""
    query = select(accounts).where((accounts.c.id == wanted) | (accounts.c.name == wanted))
    order = (accounts.c.id == wanted).desc(), accounts.c.inserted_at
    row = connection.execute(query.order_by(*order)).mappings().first()
    return None if row is None else AccountRow(**row)


def all_accounts(connection: Connection) -> list[AccountRow]:
    """The oldest first."""
    found = connection.execute(select(accounts).order_by(accounts.c.inserted_at, accounts.c.id)).mappings()
    return [AccountRow(**row) for row in found]


def add_account(connection: Connection, row: AccountRow) -> None:
    connection.execute(insert(accounts).values(asdict(row)))


def name_account(connection: Connection, account_id: str, name: str, now: int) -> None:
    connection.execute(update(accounts).where(accounts.c.id == account_id).values(name=name, updated_at=now))


def find_environment_row(connection: Connection, reach: Reach, environment_id: str) -> EnvironmentRow | None:
    wanted = select(environments).where(environments_within(reach), environments.c.id == environment_id)
    row = connection.execute(wanted).mappings().first()
    return None if row is None else EnvironmentRow(**row)


def named_environment(connection: Connection, account_id: str, name: str) -> str | None:
    """The id of the account's environment with exactly this name."""
    wanted = select(environments.c.id).where(
        environments.c.account_id == account_id, environments.c.name == name
    )
    found = connection.execute(wanted).scalar()
    return None if found is None else str(found)


def list_environments(
    connection: Connection, reach: Reach, window: Window
) -> tuple[list[EnvironmentRow], int]:
    rows, total = read_page(connection, environments, [environments_within(reach)], window)
    return [EnvironmentRow(**row) for row in rows], total


def add_environment(connection: Connection, row: EnvironmentRow) -> None:
    connection.execute(insert(environments).values(asdict(row)))


def name_environment(connection: Connection, environment_id: str, name: str, now: int) -> None:
    connection.execute(
        update(environments).where(environments.c.id == environment_id).values(name=name, updated_at=now)
    )


def is_environment_used(connection: Connection, environment_id: str) -> bool:
    """Whether an agent is deployed there, or a token is bound to it."""
    for table in (deployments, tokens):
        if connection.execute(select(table.c.id).where(table.c.environment_id == environment_id)).first():
            return True
    return False


def delete_environment(connection: Connection, environment_id: str) -> None:
    """It must not be used."""
    connection.execute(delete(environments).where(environments.c.id == environment_id))


def find_deployment(connection: Connection, reach: Reach, deployment_id: str) -> DeploymentRow | None:
    return _deployment(connection, deployments_within(reach), deployments.c.id == deployment_id)


def deployment_of(connection: Connection, agent_id: str, environment_id: str) -> DeploymentRow | None:
    """The agent's deployment in the environment."""
    return _deployment(
        connection, deployments.c.agent_id == agent_id, deployments.c.environment_id == environment_id
    )


def _deployment(connection: Connection, *where: ColumnElement[bool]) -> DeploymentRow | None:
    row = connection.execute(select(deployments).where(*where)).mappings().first()
    return None if row is None else DeploymentRow(**row)


def list_deployments(
    connection: Connection, reach: Reach, agent_id: str | None, window: Window
) -> tuple[list[DeploymentRow], int]:
    where = [deployments_within(reach)]
    if agent_id is not None:
        where.append(deployments.c.agent_id == agent_id)
    rows, total = read_page(connection, deployments, where, window)
    return [DeploymentRow(**row) for row in rows], total


def add_deployment(connection: Connection, row: DeploymentRow) -> None:
    connection.execute(insert(deployments).values(asdict(row)))


def pin_version(connection: Connection, deployment_id: str, version_id: str | None, now: int) -> None:
    connection.execute(
        update(deployments)
        .where(deployments.c.id == deployment_id)
        .values(current_version_id=version_id, updated_at=now)
    )


def delete_deployment(connection: Connection, row: DeploymentRow) -> None:
    """With the tokens that are bound to it. Its runs keep its id."""
    connection.execute(
        delete(tokens).where(tokens.c.agent_id == row.agent_id, tokens.c.environment_id == row.environment_id)
    )
    connection.execute(delete(deployments).where(deployments.c.id == row.id))


def id_exists(connection: Connection, row_id: str) -> bool:
    """Whether any environment or deployment has this id."""
    return any(
        connection.execute(select(table.c.id).where(table.c.id == row_id)).first()
        for table in (environments, deployments)
    )
