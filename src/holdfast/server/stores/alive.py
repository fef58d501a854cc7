"""Whether the database answers."""

from __future__ import annotations

from sqlalchemy import select

from holdfast.server.stores.base import Store
from holdfast.server.stores.schema.record import server_values

__all__ = ["read_something"]


def read_something(store: Store) -> None:
    """Raises `StoreUnavailableError` where the record cannot be read just now."""
    with store.reader.connect() as connection:
        connection.execute(select(server_values.c.name).limit(1)).first()
