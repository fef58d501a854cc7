"""What is managed besides runs, as asked for: the `details` of creating and changing it.

Where changing is allowed, a field that is left out stays as it is and null clears it.
"""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from holdfast.wire.operations import AgentVersion, SchemaVersion
from holdfast.wire.vocabulary import TokenKind, TokenScope

__all__ = [
    "AccountChange",
    "AgentChange",
    "AgentCreate",
    "AgentVersionCreate",
    "DeploymentChange",
    "DeploymentCreate",
    "EnvironmentChange",
    "EnvironmentCreate",
    "IdsWanted",
    "InstanceChange",
    "SchemaVersionCreate",
    "TestSpans",
    "TokenCreate",
]


class AccountChange(Struct, frozen=True, kw_only=True):
    name: str


class AgentCreate(Struct, frozen=True, kw_only=True):
    """`id` is a PFID of the account's partition (`POST /api/v1/pfid/generate`); one is made where it is
    left out. `external_identifier` is unique in the account."""

    name: str
    id: str | None = None
    description: str | None = None
    external_identifier: str | None = None
    owner_person_id: str | None = None
    team_id: str | None = None
    risk_profile_id: str | None = None


class AgentChange(Struct, frozen=True, kw_only=True):
    name: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    owner_person_id: str | UnsetType | None = UNSET
    team_id: str | UnsetType | None = UNSET
    risk_profile_id: str | UnsetType | None = UNSET


class EnvironmentCreate(Struct, frozen=True, kw_only=True):
    """`account_id`, where given, must be the token's own."""

    name: str
    id: str | None = None
    account_id: str | None = None


class EnvironmentChange(Struct, frozen=True, kw_only=True):
    name: str


class DeploymentCreate(Struct, frozen=True, kw_only=True):
    agent_id: str
    environment_id: str
    id: str | None = None
    current_version_id: str | None = None


class DeploymentChange(Struct, frozen=True, kw_only=True):
    """`current_version_id` null unpins."""

    current_version_id: str | UnsetType | None = UNSET


class AgentVersionCreate(AgentVersion, frozen=True, kw_only=True):
    """The same content again is the same version."""

    agent_id: str


class SchemaVersionCreate(SchemaVersion, frozen=True, kw_only=True):
    """The same content again is the same version, whatever its identifier."""

    agent_id: str


class TokenCreate(Struct, frozen=True, kw_only=True):
    """`agent_deployment_id`, or `agent_id` and `environment_id`, bind it. Without `scopes` a token of an
    account may do everything, one of a deployment may record. `expires_at` is ISO 8601."""

    name: str = ""
    token_scope: TokenKind | None = None
    scopes: list[TokenScope] | None = None
    agent_deployment_id: str | None = None
    agent_id: str | None = None
    environment_id: str | None = None
    account_id: str | None = None
    expires_at: str | None = None


class IdsWanted(Struct, frozen=True, kw_only=True):
    """1 to 1,000 of them."""

    count: int = 1
    account_id: str | None = None


class TestSpans(Struct, frozen=True, kw_only=True):
    """1 to 100 finished spans of the run's own types."""

    __test__ = False  # the name is not that of a test

    agent_instance_id: str
    count: int = 1
    parent_span_id: str | None = None


class InstanceChange(Struct, frozen=True, kw_only=True):
    """The one unnamed judgement that older clients know; null takes it away."""

    quality_payload: dict[str, object] | None
