"""Accounts, for whoever runs the server: each sees nothing of the others."""

from __future__ import annotations

from collections.abc import Callable

from holdfast._ids import new_id
from holdfast.server.services.managing.changes import required_text
from holdfast.server.services.reading import invalid
from holdfast.server.stores import places as rows
from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.catalogue import ensure_agent, ensure_environment
from holdfast.server.stores.retrying import in_transaction
from holdfast.server.stores.turns import take_turn

__all__ = ["Accounts"]


class Accounts:
    """Blocking. There is no route to this: a token knows only its own account."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock

    def create(self, name: str) -> rows.AccountRow:
        """Raises `ApiError` 422 for a name that is empty, or the name or id of another account."""
        now = self._clock()
        row = rows.AccountRow(id=new_id(), name=required_text(name, "name"), inserted_at=now, updated_at=now)

        def add(transaction: WriteTransaction) -> None:
            take_turn(transaction.connection, "accounts")  # names may repeat: no unique key keeps two out
            if rows.named_account(transaction.connection, row.name) is not None:
                raise invalid("name", "is taken")
            rows.add_account(transaction.connection, row)

        in_transaction(self._store, add)
        return row

    def all(self) -> list[rows.AccountRow]:
        """The oldest first."""
        with self._store.reader.connect() as connection:
            return rows.all_accounts(connection)

    def find(self, wanted: str) -> rows.AccountRow | None:
        """By its id or its name."""
        with self._store.reader.connect() as connection:
            return rows.named_account(connection, wanted)

    def agent(self, account_id: str, wanted: str) -> str:
        """The id of the account's agent with this id, external identifier or name, made where there is none."""
        now = self._clock()
        return in_transaction(
            self._store, lambda transaction: ensure_agent(transaction.connection, account_id, wanted, now)
        )

    def environment(self, account_id: str, wanted: str) -> str:
        """The id of the account's environment with this id or name, made where there is none."""
        now = self._clock()
        return in_transaction(
            self._store,
            lambda transaction: ensure_environment(transaction.connection, account_id, wanted, now),
        )
