"""Accounts and environments, as they are managed."""

from __future__ import annotations

from holdfast._clock import iso_utc
from holdfast.errors import ApiError
from holdfast.server.services.auth import Principal
from holdfast.server.services.listing import listed
from holdfast.server.services.managing.changes import Changes, chosen_id, not_found, required_text
from holdfast.server.services.reading import invalid
from holdfast.server.stores import places as rows
from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.reads.api import Window
from holdfast.wire.envelopes import Listed, Shown
from holdfast.wire.management import AccountDetails, EnvironmentDetails
from holdfast.wire.pfid import partition_of
from holdfast.wire.requests import AccountChange, EnvironmentChange, EnvironmentCreate
from holdfast.wire.vocabulary import ErrorCode

__all__ = ["Places", "check_account"]


def check_account(who: Principal, account_id: str | None) -> None:
    """Raises `ApiError` 404 where a request names an account other than the token's, there or not."""
    if account_id is not None and account_id != who.account_id:
        raise not_found("account", account_id)


class Places:
    """Blocking; keep it off the event loop. What the token does not reach looks unknown."""

    def __init__(self, store: Store, changes: Changes) -> None:
        self._store = store
        self._changes = changes

    def account(self, who: Principal, account_id: str) -> Shown[AccountDetails]:
        """Raises `ApiError` 404."""
        check_account(who, account_id)
        with self._store.reader.connect() as connection:
            return Shown(details=_account(rows.find_account(connection, account_id), account_id))

    def accounts(self, who: Principal, window: Window) -> Listed[AccountDetails]:
        """The token's own."""
        own = self.account(who, who.account_id).details
        return listed([own][window.offset :], 1, window)

    def rename_account(self, who: Principal, key: str | None, account_id: str, given: AccountChange) -> bytes:
        """Raises `ApiError` 404, and 403 for a bound token."""
        check_account(who, account_id)
        who.need_whole_account()

        def rename(transaction: WriteTransaction, now: int) -> Shown[AccountDetails]:
            connection = transaction.connection
            rows.name_account(connection, account_id, required_text(given.name, "name"), now)
            return Shown(details=_account(rows.find_account(connection, account_id), account_id))

        return self._changes.once(who, f"accounts/update {account_id}", key, rename)

    def environment(self, who: Principal, environment_id: str) -> Shown[EnvironmentDetails]:
        """Raises `ApiError` 404."""
        with self._store.reader.connect() as connection:
            row = rows.find_environment_row(connection, who.reach, environment_id)
        return Shown(details=_environment(row, environment_id))

    def environments(
        self, who: Principal, account_id: str | None, window: Window
    ) -> Listed[EnvironmentDetails]:
        check_account(who, account_id)
        with self._store.reader.connect() as connection:
            found, total = rows.list_environments(connection, who.reach, window)
        return listed([_environment(row, row.id) for row in found], total, window)

    def create_environment(self, who: Principal, key: str | None, given: EnvironmentCreate) -> bytes:
        """Raises `ApiError`: 422 for a name or an id that is taken, 403 for a bound token."""
        check_account(who, given.account_id)
        who.need_whole_account()

        def add(transaction: WriteTransaction, now: int) -> Shown[EnvironmentDetails]:
            connection = transaction.connection
            row = rows.EnvironmentRow(
                id=chosen_id(given.id, who.account_id, now),
                account_id=who.account_id,
                name=required_text(given.name, "name"),
                inserted_at=now,
                updated_at=now,
            )
            if rows.id_exists(connection, row.id):
                raise invalid("id", "is taken")
            if rows.named_environment(connection, who.account_id, row.name) is not None:
                raise invalid("name", "is taken")
            rows.add_environment(connection, row)
            return Shown(details=_environment(row, row.id))

        return self._changes.once(who, "environments/create", key, add)

    def rename_environment(
        self, who: Principal, key: str | None, environment_id: str, given: EnvironmentChange
    ) -> bytes:
        """Raises `ApiError` 404, and 422 for a name that is taken."""
        who.need_whole_environment()

        def rename(transaction: WriteTransaction, now: int) -> Shown[EnvironmentDetails]:
            connection = transaction.connection
            _environment(rows.find_environment_row(connection, who.reach, environment_id), environment_id)
            name = required_text(given.name, "name")
            if rows.named_environment(connection, who.account_id, name) not in (None, environment_id):
                raise invalid("name", "is taken")
            rows.name_environment(connection, environment_id, name, now)
            changed = rows.find_environment_row(connection, who.reach, environment_id)
            return Shown(details=_environment(changed, environment_id))

        return self._changes.once(who, f"environments/update {environment_id}", key, rename)

    def delete_environment(self, who: Principal, key: str | None, environment_id: str) -> bytes:
        """Gives the deleted one. Raises `ApiError` 404, and 409 while agents are deployed there or tokens
        are bound to it."""
        who.need_whole_environment()

        def remove(transaction: WriteTransaction, _now: int) -> Shown[EnvironmentDetails]:
            connection = transaction.connection
            row = rows.find_environment_row(connection, who.reach, environment_id)
            details = _environment(row, environment_id)
            if rows.is_environment_used(connection, environment_id):
                raise ApiError(409, ErrorCode.INVALID_ACTION, "the environment has deployments or tokens")
            rows.delete_environment(connection, environment_id)
            return Shown(details=details)

        return self._changes.once(who, f"environments/delete {environment_id}", key, remove)


def _account(row: rows.AccountRow | None, account_id: str) -> AccountDetails:
    if row is None:
        raise not_found("account", account_id)
    return AccountDetails(
        id=row.id,
        name=row.name,
        partition=partition_of(row.id),
        inserted_at=iso_utc(row.inserted_at),
        updated_at=iso_utc(row.updated_at),
    )


def _environment(row: rows.EnvironmentRow | None, environment_id: str) -> EnvironmentDetails:
    if row is None:
        raise not_found("environment", environment_id)
    return EnvironmentDetails(
        id=row.id,
        account_id=row.account_id,
        name=row.name,
        inserted_at=iso_utc(row.inserted_at),
        updated_at=iso_utc(row.updated_at),
    )
