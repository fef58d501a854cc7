"""Agent instances, as they are sent and as they come back."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

__all__ = [
    "AgentInstance",
    "AgentInstanceSpanCounts",
    "AgentSchemaVersionForRegister",
    "AgentVersionForRegister",
    "FinishInstanceRequest",
    "RegisterAgentInstanceRequest",
    "SpanTypeSchemaForCreate",
    "TimestampRequest",
]


class SpanTypeSchemaForCreate(BaseModel):
    name: str
    params_schema: dict[str, Any]
    result_schema: dict[str, Any] | None = None
    title: str | None = None
    description: str | None = None
    template: str | None = None
    data_risk: dict[str, Any] | None = None


class AgentInstanceSpanCounts(BaseModel):
    total: int
    pending: int
    active: int
    complete: int
    failed: int
    cancelled: int
    finished: int


class AgentVersionForRegister(BaseModel):
    name: str | None = None
    external_identifier: str | None = None
    description: str | None = None


class AgentSchemaVersionForRegister(BaseModel):
    external_identifier: str | None = None
    span_schemas: dict[str, dict[str, Any]] | None = None
    span_result_schemas: dict[str, dict[str, Any]] | None = None
    span_type_schemas: list[SpanTypeSchemaForCreate] | None = None
    quality_schemas: list[dict[str, Any]] | None = None


class RegisterAgentInstanceRequest(BaseModel):
    """`agent_id` may be left out with a token that is bound to one agent."""

    agent_id: str | None = None
    agent_version: AgentVersionForRegister
    agent_schema_version: AgentSchemaVersionForRegister | None = None
    id: str | None = None
    idempotency_key: str | None = None
    update_current_version: bool | None = None
    purpose: Literal["live", "smoke_test", "eval"] | None = None
    environment_id: str | None = None
    external_identifier: str | None = None


class TimestampRequest(BaseModel):
    timestamp: str | None = None
    idempotency_key: str | None = None


class FinishInstanceRequest(BaseModel):
    status: Literal["complete", "failed", "cancelled"] | None = None
    timestamp: str | None = None
    idempotency_key: str | None = None


class AgentInstance(BaseModel):
    """`terminated` is the server's stop; the release this name comes from did not know it and refused it."""

    type: Literal["agent_instance"]
    id: str
    account_id: str
    agent_id: str
    agent_version_id: str
    environment_id: str
    status: Literal["pending", "active", "complete", "failed", "cancelled", "terminated"]
    inserted_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    span_counts: AgentInstanceSpanCounts | None = None
    termination_reason: str | None = None
    external_identifier: str | None = None
    purpose: str | None = None
    quality_payloads: dict[str, Any] | None = None
    quality_summaries: dict[str, str] | None = None
