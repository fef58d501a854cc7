"""Agent versions and schema versions, as they are managed. Made once by content, they never change."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw

from holdfast._clock import iso_utc
from holdfast.server.services.auth import Principal
from holdfast.server.services.listing import listed
from holdfast.server.services.managing.changes import Changes, not_found
from holdfast.server.services.reading import invalid
from holdfast.server.services.recording.registration import encoded_schemas, encoded_version
from holdfast.server.stores import catalogue
from holdfast.server.stores import versions as rows
from holdfast.server.stores.agents import find_agent_row
from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.reads.api import Window
from holdfast.wire.details import EMPTY_OBJECT
from holdfast.wire.envelopes import Listed, Shown
from holdfast.wire.management import AgentVersionDetails, SchemaVersionDetails
from holdfast.wire.operations import AgentVersion, SchemaVersion
from holdfast.wire.requests import AgentVersionCreate, SchemaVersionCreate

__all__ = ["Versions", "version_details"]

_schemas: Final = msgspec.json.Decoder(SchemaVersion).decode
_reasons: Final = msgspec.json.Decoder(dict[str, str]).decode


class Versions:
    """Blocking; keep it off the event loop. What the token does not reach looks unknown."""

    def __init__(self, store: Store, changes: Changes) -> None:
        self._store = store
        self._changes = changes

    def version(self, who: Principal, version_id: str) -> Shown[AgentVersionDetails]:
        """Raises `ApiError` 404."""
        with self._store.reader.connect() as connection:
            row = rows.find_version(connection, who.reach, version_id)
        return Shown(details=_version(who.account_id, row, version_id))

    def versions(self, who: Principal, agent_id: str | None, window: Window) -> Listed[AgentVersionDetails]:
        with self._store.reader.connect() as connection:
            found, total = rows.list_versions(connection, who.reach, agent_id, window)
        return listed([version_details(who.account_id, row) for row in found], total, window)

    def create_version(self, who: Principal, key: str | None, given: AgentVersionCreate) -> bytes:
        """Raises `ApiError` 422 for an agent that the token does not reach."""

        def add(transaction: WriteTransaction, now: int) -> Shown[AgentVersionDetails]:
            connection = transaction.connection
            if find_agent_row(connection, who.reach, agent_id=given.agent_id) is None:
                raise invalid("agent_id", "is unknown")
            content = encoded_version(
                AgentVersion(
                    name=given.name,
                    external_identifier=given.external_identifier,
                    description=given.description,
                    runtime_environment=given.runtime_environment,
                )
            )
            version_id = catalogue.ensure_version(connection, given.agent_id, content, now)
            row = rows.find_version(connection, who.reach, version_id)
            return Shown(details=_version(who.account_id, row, version_id))

        return self._changes.once(who, f"agent_versions/create {given.agent_id}", key, add)

    def schema_version(self, who: Principal, version_id: str) -> Shown[SchemaVersionDetails]:
        """Raises `ApiError` 404."""
        with self._store.reader.connect() as connection:
            row = rows.find_schema_version(connection, who.reach, version_id)
        return Shown(details=_schema_version(who.account_id, row, version_id))

    def schema_versions(
        self, who: Principal, agent_id: str | None, window: Window
    ) -> Listed[SchemaVersionDetails]:
        with self._store.reader.connect() as connection:
            found, total = rows.list_schema_versions(connection, who.reach, agent_id, window)
        return listed([_schema_version(who.account_id, row, row.id) for row in found], total, window)

    def create_schema_version(self, who: Principal, key: str | None, given: SchemaVersionCreate) -> bytes:
        """Raises `ApiError` 422 for an agent that the token does not reach, and for no types at all."""

        def add(transaction: WriteTransaction, now: int) -> Shown[SchemaVersionDetails]:
            connection = transaction.connection
            if find_agent_row(connection, who.reach, agent_id=given.agent_id) is None:
                raise invalid("agent_id", "is unknown")
            content = encoded_schemas(given)
            if content is None:
                raise invalid("span_type_schemas", "must not be empty")
            version_id = catalogue.ensure_schema_version(connection, given.agent_id, content, now)
            row = rows.find_schema_version(connection, who.reach, version_id)
            return Shown(details=_schema_version(who.account_id, row, version_id))

        return self._changes.once(who, f"agent_schema_versions/create {given.agent_id}", key, add)


def _version(account_id: str, row: rows.VersionRow | None, version_id: str) -> AgentVersionDetails:
    if row is None:
        raise not_found("agent version", version_id)
    return version_details(account_id, row)


def version_details(account_id: str, row: rows.VersionRow) -> AgentVersionDetails:
    return AgentVersionDetails(
        id=row.id,
        account_id=account_id,
        agent_id=row.agent_id,
        name=row.name,
        external_identifier=row.external_identifier,
        description=row.description,
        runtime_environment=EMPTY_OBJECT if row.runtime_environment is None else Raw(row.runtime_environment),
        inserted_at=iso_utc(row.inserted_at),
        updated_at=iso_utc(row.inserted_at),
    )


def _schema_version(
    account_id: str, row: rows.SchemaVersionRow | None, version_id: str
) -> SchemaVersionDetails:
    if row is None:
        raise not_found("agent schema version", version_id)
    content = _schemas(row.content)
    return SchemaVersionDetails(
        id=row.id,
        account_id=account_id,
        agent_id=row.agent_id,
        external_identifier=row.external_identifier,
        span_type_schemas={entry.name: entry for entry in content.span_type_schemas or ()},
        quality_schemas={entry.name: entry for entry in content.quality_schemas or ()},
        unusable=_reasons(row.unusable) if row.unusable else {},
        inserted_at=iso_utc(row.inserted_at),
        updated_at=iso_utc(row.inserted_at),
    )
