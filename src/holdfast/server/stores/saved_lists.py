"""Lists of runs that were given a name: queries of an account, kept for all its readers."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete, insert, select, update

from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.schema.search import saved_lists

__all__ = ["delete_list", "save_list", "saved_of"]

_l = saved_lists.c


def saved_of(store: Store, account_id: str, limit: int) -> Mapping[str, str]:
    """The queries by name, in the order of the names."""
    query = select(_l.name, _l.query).where(_l.account_id == account_id).order_by(_l.name).limit(limit)
    with store.reader.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


def save_list(transaction: WriteTransaction, account_id: str, name: str, query: str, now: int) -> None:
    """Make or replace the list of that name."""
    place = (_l.account_id == account_id, _l.name == name)
    done = transaction.connection.execute(update(saved_lists).where(*place).values(query=query))
    if not done.rowcount:
        transaction.connection.execute(
            insert(saved_lists).values(account_id=account_id, name=name, query=query, inserted_at=now)
        )


def delete_list(transaction: WriteTransaction, account_id: str, name: str) -> None:
    transaction.connection.execute(delete(saved_lists).where(_l.account_id == account_id, _l.name == name))
