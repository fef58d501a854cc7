"""Writing rows that were read from another database: as they are, many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Connection,
    Float,
    Integer,
    LargeBinary,
    bindparam,
    delete,
    func,
    select,
    text,
    update,
)
from sqlalchemy.types import TypeEngine

from holdfast.server.stores.copying.tables import Copied, Row

if TYPE_CHECKING:
    import psycopg

__all__ = ["delete_rows", "insert_rows", "settle", "update_rows"]

_COPY_TYPES: Final = ((BigInteger, "int8"), (Integer, "int4"), (Float, "float8"), (LargeBinary, "bytea"))
"""What COPY in its binary form must know; all else is text."""


def insert_rows(connection: Connection, copied: Copied, rows: Sequence[Row]) -> None:
    """Rows that are not there yet."""
    names = ", ".join(f'"{column.name}"' for column in copied.columns)
    if connection.dialect.name != "postgresql":
        places = ", ".join("?" * len(copied.columns))
        statement = f"INSERT INTO {copied.name} ({names}) VALUES ({places})"  # noqa: S608 - our own names
        connection.exec_driver_sql(statement, list(rows))
        return
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    types = [_copy_type(column.type) for column in copied.columns]
    statement = f"COPY {copied.name} ({names}) FROM STDIN (FORMAT BINARY)"
    with driver.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def _copy_type(kind: TypeEngine[Any]) -> str:
    return next((name for known, name in _COPY_TYPES if isinstance(kind, known)), "text")


def update_rows(connection: Connection, copied: Copied, rows: Sequence[Row]) -> None:
    """Rows of which the key is there; one statement for all."""
    keys = {column.name for column in copied.key_columns}
    names = [f"new_{column.name}" for column in copied.columns]
    same = [column == bindparam(f"new_{column.name}") for column in copied.key_columns]
    values: dict[str, BindParameter[Any]] = {
        column.name: bindparam(f"new_{column.name}") for column in copied.columns if column.name not in keys
    }
    connection.execute(
        update(copied.table).where(*same).values(values), [dict(zip(names, row, strict=True)) for row in rows]
    )


def delete_rows(connection: Connection, copied: Copied, keys: Sequence[Row]) -> None:
    same = [column == bindparam(f"old_{column.name}") for column in copied.key_columns]
    names = [f"old_{column.name}" for column in copied.key_columns]
    connection.execute(
        delete(copied.table).where(*same), [dict(zip(names, key, strict=True)) for key in keys]
    )


def settle(connection: Connection, tables: Sequence[Copied]) -> None:
    """What PostgreSQL does not do by itself: number on from the highest key, and know how much there is.

    Repeating it changes nothing.
    """
    if connection.dialect.name != "postgresql":
        return
    for copied in tables:
        column = copied.table.autoincrement_column
        if column is not None and isinstance(column.type, BigInteger):
            sequence = func.pg_get_serial_sequence(copied.name, column.name)
            highest = select(func.coalesce(func.max(column), 0)).scalar_subquery()
            # the third argument: whether that number has been given out
            connection.execute(select(func.setval(sequence, func.greatest(highest, 1), highest > 0)))
    connection.execute(text("ANALYZE"))
