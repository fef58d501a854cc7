"""Which record an index belongs to, and whether it is of this record's past or future."""

from __future__ import annotations

from typing import Final

from sqlalchemy import func, insert, select

from holdfast._ids import new_id
from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.retrying import in_transaction
from holdfast.server.stores.schema.record import instances, server_values

__all__ = ["newest_run", "record_id"]

_NAME: Final = "record_id"


def record_id(store: Store) -> str:
    """The record's own id, made once. A copy of the record has the same."""
    wanted = select(server_values.c.value).where(server_values.c.name == _NAME)

    def make(transaction: WriteTransaction) -> str:
        known: str | None = transaction.connection.execute(wanted).scalar()
        if known is not None:
            return known
        made = new_id()
        transaction.connection.execute(insert(server_values).values(name=_NAME, value=made))
        return made

    with store.reader.connect() as connection:
        known: str | None = connection.execute(wanted).scalar()
    return in_transaction(store, make) if known is None else known


def newest_run(store: Store) -> int:
    """The highest key of a run, 0 where there is none."""
    with store.reader.connect() as connection:
        newest: int = connection.execute(select(func.coalesce(func.max(instances.c.key), 0))).scalar_one()
    return newest
