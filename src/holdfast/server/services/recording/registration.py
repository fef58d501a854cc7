"""What a registration names: agent, version, schema, environment; found or made by content."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from holdfast.errors import ApiError
from holdfast.server.services.auth import Principal
from holdfast.server.services.reading import NAME_LENGTH, TEXT_LENGTH, invalid, text
from holdfast.server.stores import catalogue
from holdfast.server.stores.base import WriteTransaction
from holdfast.server.stores.rows import InstanceRow
from holdfast.wire.details import SINGLE_QUALITY
from holdfast.wire.operations import (
    AgentVersion,
    InstanceRegister,
    QualitySchema,
    SchemaVersion,
    SpanTypeSchema,
)
from holdfast.wire.vocabulary import ErrorCode

__all__ = [
    "DEFAULT_ENVIRONMENT",
    "Registrar",
    "check_registration",
    "encoded_schemas",
    "encoded_version",
    "merged_schemas",
]

DEFAULT_ENVIRONMENT: Final = "default"
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


class Registrar:
    """Registers runs in one transaction. Many are by the same few agents: what the last one of each belongs to
    is not looked up again."""

    def __init__(self, transaction: WriteTransaction, now: int) -> None:
        self._transaction = transaction
        self._now = now
        self._last: dict[object, tuple[object, InstanceRow]] = {}
        self._newest: dict[str | None, InstanceRow] = {}
        """By deployment: an agent may be called by its id and by its name, and has one current version."""

    def settle(self, run: InstanceRow, op: InstanceRegister, who: Principal) -> None:
        """Fill in what the run belongs to. A token that is bound to an agent or an environment decides over
        what the registration says."""
        agent = run.account_id, who.agent_id, who.environment_id, op.agent_id, op.environment_id
        build = op.agent_version, op.agent_schema_version, op.update_current_version
        last = self._last.get(agent)
        if last is None or last[0] != build or self._newest[last[1].deployment_id] is not last[1]:
            _settle(self._transaction, run, op, who, self._now)
            self._last[agent] = build, run
            self._newest[run.deployment_id] = run
            return
        like = last[1]
        run.environment_id, run.agent_id = like.environment_id, like.agent_id
        run.agent_version_id, run.deployment_id = like.agent_version_id, like.deployment_id
        run.schema_version_id = like.schema_version_id


def _settle(
    transaction: WriteTransaction, run: InstanceRow, op: InstanceRegister, who: Principal, now: int
) -> None:
    wanted = _agent_named(op, who)
    connection = transaction.connection
    run.environment_id = who.environment_id or catalogue.ensure_environment(
        connection, run.account_id, _name(op.environment_id) or DEFAULT_ENVIRONMENT, now
    )
    run.agent_id = who.agent_id or catalogue.ensure_agent(connection, run.account_id, wanted, now)
    version = encoded_version(op.agent_version or AgentVersion())
    run.agent_version_id = catalogue.ensure_version(connection, run.agent_id, version, now)
    run.deployment_id = catalogue.ensure_deployment(
        connection,
        run.agent_id,
        run.environment_id,
        run.agent_version_id if op.update_current_version else None,
        now,
    )
    if op.agent_schema_version is not None:
        content = encoded_schemas(op.agent_schema_version)
        if content is not None:
            run.schema_version_id = catalogue.ensure_schema_version(connection, run.agent_id, content, now)


def check_registration(transaction: WriteTransaction, op: InstanceRegister, who: Principal) -> None:
    """Raises `ApiError`: 422 where no agent is named, 403 where another is than the one that the token is
    bound to; the same for environments. The answer does not tell whether that other one exists."""
    _agent_named(op, who)
    connection, account_id = transaction.connection, who.account_id
    agent, environment = _name(op.agent_id), _name(op.environment_id)
    if who.agent_id is not None and agent is not None:
        _must_be(who.agent_id, catalogue.find_agent(connection, account_id, agent), "agent")
    if who.environment_id is not None and environment is not None:
        found = catalogue.find_environment(connection, account_id, environment)
        _must_be(who.environment_id, found, "environment")


def _must_be(bound: str, found: str | None, what: str) -> None:
    if found != bound:
        raise ApiError(403, ErrorCode.FORBIDDEN, f"this token is bound to another {what}")


def _agent_named(op: InstanceRegister, who: Principal) -> str:
    """The agent's id or name. Raises `ApiError` 422 where there is none."""
    wanted = who.agent_id or _name(op.agent_id)
    if not wanted:
        raise invalid("agent_id", "name the agent, or use a token that belongs to one")
    return wanted


def merged_schemas(given: SchemaVersion) -> SchemaVersion:
    """All the forms in which span types may be given, as one list in the order of names.

    A structured entry wins over the flat maps; of two entries of one name the last stays.
    """
    types = {
        name: SpanTypeSchema(
            name=name, params_schema=schema, result_schema=(given.span_result_schemas or {}).get(name)
        )
        for name, schema in (given.span_schemas or {}).items()
    }
    types |= {entry.name: entry for entry in given.span_type_schemas or ()}
    qualities: dict[str, QualitySchema] = {}
    if given.quality_schema is not None:
        qualities[SINGLE_QUALITY] = QualitySchema(name=SINGLE_QUALITY, schema=given.quality_schema)
    qualities |= {entry.name: entry for entry in given.quality_schemas or ()}
    return SchemaVersion(
        span_type_schemas=[types[name] for name in sorted(types)],
        quality_schemas=[qualities[name] for name in sorted(qualities)],
    )


def encoded_schemas(given: SchemaVersion) -> catalogue.SchemaContent | None:
    """What is kept of it; None where there is nothing in it."""
    content = _encode(merged_schemas(given))
    if content == _encode(SchemaVersion(span_type_schemas=[], quality_schemas=[])):
        return None
    return catalogue.SchemaContent(
        content_hash=hashlib.sha256(content).hexdigest(),
        external_identifier=_name(given.external_identifier),
        content=content,
    )


def encoded_version(given: AgentVersion) -> catalogue.VersionContent:
    """What is kept of it."""
    environment = _encode(given.runtime_environment) if given.runtime_environment else None
    return catalogue.VersionContent(
        content_hash=hashlib.sha256(_encode(given)).hexdigest(),
        name=_name(given.name),
        external_identifier=_name(given.external_identifier),
        description=text(given.description, TEXT_LENGTH),
        runtime_environment=environment,
    )


def _name(value: str | None) -> str | None:
    return text(value.strip(), NAME_LENGTH) if value else None
