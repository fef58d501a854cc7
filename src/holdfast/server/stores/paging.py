"""Pages of lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, func, select

from holdfast.server.stores.reads.api import Window

__all__ = ["read_page"]


def read_page(
    connection: Connection,
    table: Table,
    where: Sequence[ColumnElement[bool]],
    window: Window,
) -> tuple[list[RowMapping], int]:
    """One page of the rows of a table with the columns `id` and `inserted_at`, and how many there are.

    In the order of `inserted_at` (then `id`) where the window asks for one that the table does not have.
    """
    orders: Mapping[str, ColumnElement[Any]] = {
        name: table.c[name] for name in ("id", "updated_at", "name") if name in table.c
    }
    column = orders.get(window.field, table.c.inserted_at)
    order = (column.desc(), table.c.id.desc()) if window.descending else (column, table.c.id)
    wanted = select(table).where(*where).order_by(*order).offset(window.offset).limit(window.size)
    rows = list(connection.execute(wanted).mappings())
    return rows, connection.execute(select(func.count()).select_from(table).where(*where)).scalar_one()
