"""Which record a database holds, and whether all of it is there: rows of `server_values`."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, delete, insert, select, update

from holdfast._ids import new_id
from holdfast.errors import StoreError
from holdfast.server.stores.schema.record import server_values

__all__ = ["COPY_DONE", "COPY_MARK", "RECORD", "claim_record", "identify_record", "read_value", "set_value"]

RECORD: Final = "record_id"
"""The record's id, made with it. A copy has the id of what it was copied from."""
COPY_MARK: Final = "copy"
"""There in a copy until a server uses it: `COPY_DONE`, before that the id of the copying that goes on."""
COPY_DONE: Final = "done"


def identify_record(connection: Connection) -> str:
    """The id of the record, made where it has none. Raises `StoreError` for a copy that is not finished."""
    mark = read_value(connection, COPY_MARK)
    if mark not in (None, COPY_DONE):
        where = connection.engine.url.render_as_string(hide_password=True)
        raise StoreError(where, "is a copy that is not finished; run the same `holdfast db copy` again")
    known = read_value(connection, RECORD)
    if known is None:
        known = new_id()
        set_value(connection, RECORD, known)
    return known


def claim_record(connection: Connection) -> None:
    """To be called before a server or a command uses the record: a finished copy becomes a record of its own,
    which is not copied into again. Raises as `identify_record`."""
    identify_record(connection)
    if read_value(connection, COPY_MARK) is not None:
        connection.execute(delete(server_values).where(server_values.c.name == COPY_MARK))


def read_value(connection: Connection, name: str) -> str | None:
    """It stays as it is until the end of a transaction that writes."""
    query = select(server_values.c.value).where(server_values.c.name == name)
    if connection.dialect.name == "postgresql":
        query = query.with_for_update(read=True)
    found = connection.execute(query).scalar()
    return None if found is None else str(found)


def set_value(connection: Connection, name: str, value: str) -> None:
    changed = connection.execute(
        update(server_values).where(server_values.c.name == name).values(value=value)
    )
    if not changed.rowcount:
        connection.execute(insert(server_values).values(name=name, value=value))
