"""Agent versions and schema versions: they are made once and never change."""

from __future__ import annotations

from typing import TypeVar

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Table, select

from holdfast.server.stores.paging import read_page
from holdfast.server.stores.reach import Reach, agents_within
from holdfast.server.stores.reads.api import Window
from holdfast.server.stores.schema.record import agent_versions, agents, schema_versions

__all__ = [
    "SchemaVersionRow",
    "VersionRow",
    "find_schema_version",
    "find_version",
    "list_schema_versions",
    "list_versions",
]


class VersionRow(Struct, frozen=True, kw_only=True):
    """A row of `agent_versions`."""

    id: str
    agent_id: str
    content_hash: str
    name: str | None
    external_identifier: str | None
    description: str | None
    runtime_environment: bytes | None
    inserted_at: int


class SchemaVersionRow(Struct, frozen=True, kw_only=True):
    """A row of `schema_versions`."""

    id: str
    agent_id: str
    content_hash: str
    external_identifier: str | None
    content: bytes
    unusable: bytes | None
    inserted_at: int


RowT = TypeVar("RowT", VersionRow, SchemaVersionRow)


def find_version(connection: Connection, reach: Reach, version_id: str) -> VersionRow | None:
    return _find(connection, agent_versions, VersionRow, reach, version_id)


def find_schema_version(connection: Connection, reach: Reach, version_id: str) -> SchemaVersionRow | None:
    return _find(connection, schema_versions, SchemaVersionRow, reach, version_id)


def list_versions(
    connection: Connection, reach: Reach, agent_id: str | None, window: Window
) -> tuple[list[VersionRow], int]:
    return _list(connection, agent_versions, VersionRow, reach, agent_id, window)


def list_schema_versions(
    connection: Connection, reach: Reach, agent_id: str | None, window: Window
) -> tuple[list[SchemaVersionRow], int]:
    return _list(connection, schema_versions, SchemaVersionRow, reach, agent_id, window)


def _find(
    connection: Connection, table: Table, row_type: type[RowT], reach: Reach, version_id: str
) -> RowT | None:
    visible = table.c.agent_id.in_(select(agents.c.id).where(agents_within(reach)))
    row = connection.execute(select(table).where(table.c.id == version_id, visible)).mappings().first()
    return None if row is None else row_type(**row)


def _list(
    connection: Connection,
    table: Table,
    row_type: type[RowT],
    reach: Reach,
    agent_id: str | None,
    window: Window,
) -> tuple[list[RowT], int]:
    where: list[ColumnElement[bool]] = [table.c.agent_id.in_(select(agents.c.id).where(agents_within(reach)))]
    if agent_id is not None:
        where.append(table.c.agent_id == agent_id)
    rows, total = read_page(connection, table, where, window)
    return [row_type(**row) for row in rows], total
