"""What is managed besides runs: accounts, agents, environments, deployments, versions, tokens. As answered."""

from __future__ import annotations

from typing import Literal

from msgspec import Raw, Struct

from holdfast.wire.operations import QualitySchema, SpanTypeSchema
from holdfast.wire.vocabulary import AgentStatus, TokenKind, TokenScope, TokenStatus

__all__ = [
    "AccountDetails",
    "AgentActions",
    "AgentContext",
    "AgentContextAnswer",
    "AgentDetails",
    "AgentVersionDetails",
    "ContextBody",
    "Count",
    "DeploymentDetails",
    "EnvironmentDetails",
    "GeneratedIds",
    "Ids",
    "InstanceCounts",
    "RiskProfileDetails",
    "SchemaVersionDetails",
    "SpanLine",
    "TokenDetails",
    "TokenMade",
]


class AccountDetails(Struct, frozen=True, kw_only=True):
    """`partition` is that of the account's PFIDs."""

    id: str
    name: str
    partition: int
    inserted_at: str
    updated_at: str
    type: Literal["account"] = "account"


class InstanceCounts(Struct, frozen=True, kw_only=True):
    """Runs of an agent. `finished` is the sum of complete, failed, cancelled and terminated."""

    total: int
    pending: int
    active: int
    complete: int
    failed: int
    cancelled: int
    terminated: int
    finished: int


class AgentActions(Struct, frozen=True, kw_only=True):
    """What the agent's state allows now. Only an agent without runs can be deleted."""

    update: bool
    retire: bool
    reinstate: bool
    delete: bool


class AgentDetails(Struct, frozen=True, kw_only=True):
    id: str
    account_id: str
    name: str
    status: AgentStatus
    description: str | None
    external_identifier: str | None
    owner_person_id: str | None
    team_id: str | None
    risk_profile_id: str | None
    instance_counts: InstanceCounts
    available_actions: AgentActions
    inserted_at: str
    updated_at: str
    type: Literal["agent"] = "agent"


class EnvironmentDetails(Struct, frozen=True, kw_only=True):
    id: str
    account_id: str
    name: str
    inserted_at: str
    updated_at: str
    type: Literal["environment"] = "environment"


class DeploymentDetails(Struct, frozen=True, kw_only=True):
    """An agent in an environment. `current_version_id` is null until a version is pinned."""

    id: str
    account_id: str
    agent_id: str
    environment_id: str
    current_version_id: str | None
    inserted_at: str
    updated_at: str
    type: Literal["agent_deployment"] = "agent_deployment"


class AgentVersionDetails(Struct, frozen=True, kw_only=True):
    """Never changes once made."""

    id: str
    account_id: str
    agent_id: str
    name: str | None
    external_identifier: str | None
    description: str | None
    runtime_environment: Raw
    inserted_at: str
    updated_at: str
    type: Literal["agent_version"] = "agent_version"


class SchemaVersionDetails(Struct, frozen=True, kw_only=True):
    """Never changes once made. `unusable` says of which schema or template what is wrong with it."""

    id: str
    account_id: str
    agent_id: str
    external_identifier: str | None
    span_type_schemas: dict[str, SpanTypeSchema]
    quality_schemas: dict[str, QualitySchema]
    unusable: dict[str, str]
    inserted_at: str
    updated_at: str
    type: Literal["agent_schema_version"] = "agent_schema_version"


class TokenDetails(Struct, frozen=True, kw_only=True):
    """A token without its secret; `hint` is how the secret begins."""

    id: str
    account_id: str
    name: str
    hint: str
    token_scope: TokenKind
    scopes: list[TokenScope]
    status: TokenStatus
    agent_id: str | None
    environment_id: str | None
    agent_deployment_id: str | None
    expires_at: str | None
    last_used_at: str | None
    inserted_at: str
    updated_at: str
    type: Literal["api_token"] = "api_token"


class TokenMade(Struct, frozen=True, kw_only=True):
    """`token` is the secret. It is shown here and never again; a repeat with the same idempotency key shows
    it for ten minutes, afterwards null."""

    details: TokenDetails
    token: str | None
    status: Literal["success"] = "success"


class RiskProfileDetails(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    description: str
    type: Literal["risk_profile"] = "risk_profile"


class Count(Struct, frozen=True, kw_only=True):
    count: int
    status: Literal["success"] = "success"


class Ids(Struct, frozen=True, kw_only=True):
    pfids: list[str]


class GeneratedIds(Struct, frozen=True, kw_only=True):
    details: Ids
    status: Literal["success"] = "success"


class SpanLine(Struct, frozen=True, kw_only=True):
    """A span in a few words."""

    id: str
    parent_span_id: str | None
    schema_name: str | None
    name: str | None
    status: str
    summary: str | None
    error_type: str | None


class ContextBody(Struct, frozen=True, kw_only=True):
    """What one needs to know to make sense of a run. `spans` are its first thousand in the order they came;
    `spans_left_out` counts the others."""

    agent: AgentDetails | None
    agent_instance: Raw
    agent_version: AgentVersionDetails | None
    span_types: list[SpanTypeSchema]
    spans: list[SpanLine]
    spans_left_out: int


class AgentContext(Struct, frozen=True, kw_only=True):
    body: ContextBody


class AgentContextAnswer(Struct, frozen=True, kw_only=True):
    agent_context: AgentContext
    status: Literal["success"] = "success"
