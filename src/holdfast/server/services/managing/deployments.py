"""Deployments: an agent in an environment, and which of its versions is current there."""

from __future__ import annotations

from msgspec import UNSET

from holdfast._clock import iso_utc
from holdfast.server.services.auth import Auth, Principal
from holdfast.server.services.listing import listed
from holdfast.server.services.managing.changes import Changes, chosen_id, not_found
from holdfast.server.services.reading import invalid
from holdfast.server.stores import places as rows
from holdfast.server.stores.agents import find_agent_row
from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.reads.api import Window
from holdfast.server.stores.versions import VersionRow, find_version
from holdfast.wire.envelopes import Listed, Shown
from holdfast.wire.management import DeploymentDetails
from holdfast.wire.requests import DeploymentChange, DeploymentCreate

__all__ = ["Deployments"]


class Deployments:
    """Blocking; keep it off the event loop. What the token does not reach looks unknown."""

    def __init__(self, store: Store, auth: Auth, changes: Changes) -> None:
        self._store = store
        self._auth = auth
        self._changes = changes

    def show(self, who: Principal, deployment_id: str) -> Shown[DeploymentDetails]:
        """Raises `ApiError` 404."""
        with self._store.reader.connect() as connection:
            row = _existing(rows.find_deployment(connection, who.reach, deployment_id), deployment_id)
        return Shown(details=_details(who.account_id, row))

    def page(self, who: Principal, agent_id: str | None, window: Window) -> Listed[DeploymentDetails]:
        with self._store.reader.connect() as connection:
            found, total = rows.list_deployments(connection, who.reach, agent_id, window)
        return listed([_details(who.account_id, row) for row in found], total, window)

    def create(self, who: Principal, key: str | None, given: DeploymentCreate) -> bytes:
        """Raises `ApiError`: 422 for an agent, environment or version that the token does not reach, for an
        agent that is deployed there already and for an id that is taken; 403 for a bound token."""
        who.need_whole_account()

        def add(transaction: WriteTransaction, now: int) -> Shown[DeploymentDetails]:
            connection = transaction.connection
            if find_agent_row(connection, who.reach, agent_id=given.agent_id) is None:
                raise invalid("agent_id", "is unknown")
            if rows.find_environment_row(connection, who.reach, given.environment_id) is None:
                raise invalid("environment_id", "is unknown")
            if rows.deployment_of(connection, given.agent_id, given.environment_id) is not None:
                raise invalid("environment_id", "the agent is deployed there already")
            if given.current_version_id is not None:
                found = find_version(connection, who.reach, given.current_version_id)
                _check_version(found, given.agent_id)
            row = rows.DeploymentRow(
                id=chosen_id(given.id, who.account_id, now),
                agent_id=given.agent_id,
                environment_id=given.environment_id,
                current_version_id=given.current_version_id,
                inserted_at=now,
                updated_at=now,
            )
            if rows.id_exists(connection, row.id):
                raise invalid("id", "is taken")
            rows.add_deployment(connection, row)
            return Shown(details=_details(who.account_id, row))

        return self._changes.once(who, "agent_deployments/create", key, add)

    def update(self, who: Principal, key: str | None, deployment_id: str, given: DeploymentChange) -> bytes:
        """Raises `ApiError` 404, and 422 for a version that is not the agent's."""

        def change(transaction: WriteTransaction, now: int) -> Shown[DeploymentDetails]:
            connection = transaction.connection
            row = _existing(rows.find_deployment(connection, who.reach, deployment_id), deployment_id)
            if given.current_version_id is not UNSET:
                if given.current_version_id is not None:
                    found = find_version(connection, who.reach, given.current_version_id)
                    _check_version(found, row.agent_id)
                rows.pin_version(connection, deployment_id, given.current_version_id, now)
                row = _existing(rows.find_deployment(connection, who.reach, deployment_id), deployment_id)
            return Shown(details=_details(who.account_id, row))

        return self._changes.once(who, f"agent_deployments/update {deployment_id}", key, change)

    def delete(self, who: Principal, key: str | None, deployment_id: str) -> bytes:
        """With the tokens bound to it; gives the deleted one. Its runs stay, and the next registration of
        the agent there makes a new deployment. Raises `ApiError` 404."""

        def remove(transaction: WriteTransaction, _now: int) -> Shown[DeploymentDetails]:
            connection = transaction.connection
            row = _existing(rows.find_deployment(connection, who.reach, deployment_id), deployment_id)
            rows.delete_deployment(connection, row)
            return Shown(details=_details(who.account_id, row))

        answer = self._changes.once(who, f"agent_deployments/delete {deployment_id}", key, remove)
        self._auth.forget()
        return answer


def _existing(row: rows.DeploymentRow | None, deployment_id: str) -> rows.DeploymentRow:
    if row is None:
        raise not_found("agent deployment", deployment_id)
    return row


def _check_version(found: VersionRow | None, agent_id: str) -> None:
    if found is None or found.agent_id != agent_id:
        raise invalid("current_version_id", "is not a version of this agent")


def _details(account_id: str, row: rows.DeploymentRow) -> DeploymentDetails:
    return DeploymentDetails(
        id=row.id,
        account_id=account_id,
        agent_id=row.agent_id,
        environment_id=row.environment_id,
        current_version_id=row.current_version_id,
        inserted_at=iso_utc(row.inserted_at),
        updated_at=iso_utc(row.updated_at),
    )
