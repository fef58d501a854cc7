"""How an instance, a span and an event look in an answer. Clients rely on the fields that are never null."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Raw, Struct, UnsetType

from holdfast.wire.vocabulary import RiskLevel

__all__ = [
    "EMPTY_OBJECT",
    "SINGLE_QUALITY",
    "UNKNOWN_ID",
    "DroppedDetails",
    "EventDetails",
    "InstanceDetails",
    "SpanCounts",
    "SpanDetails",
    "Violation",
]

UNKNOWN_ID = "unknown"
"""Stands for the agent, version, environment or deployment of a run whose registration has not arrived."""

SINGLE_QUALITY = "quality"
"""The name under which the one unnamed judgement that older clients know is kept among the named ones."""

EMPTY_OBJECT = Raw(b"{}")


class SpanCounts(Struct, frozen=True, kw_only=True):
    """`finished` is the sum of complete, failed and cancelled."""

    total: int
    pending: int
    active: int
    complete: int
    failed: int
    cancelled: int
    finished: int


class InstanceDetails(Struct, frozen=True, kw_only=True):
    """An instance (a run). Times are ISO 8601 in UTC; costs are in USD, null where nothing is known."""

    id: str
    account_id: str
    agent_id: str
    agent_version_id: str
    environment_id: str
    agent_deployment_id: str
    status: str
    purpose: str
    inserted_at: str
    updated_at: str
    started_at: str | None
    finished_at: str | None
    termination_reason: str | None
    external_identifier: str | None
    span_counts: SpanCounts
    quality_payloads: dict[str, Raw]
    quality_summaries: dict[str, str]
    quality_payload: Raw
    """The record named `quality` once more: what older clients read."""
    quality_summary: str | None
    name: str | None = None
    parent: str | None = None
    registered: bool = True
    error_type: str | None = None
    attributes: Raw
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    violations: int = 0
    type: Literal["agent_instance"] = "agent_instance"


class SpanDetails(Struct, frozen=True, kw_only=True):
    """A span. `payload` is always an object: any other JSON value stands under the key `value`."""

    id: str
    account_id: str
    agent_id: str
    agent_instance_id: str
    parent_span_id: str | None
    schema_name: str
    schema_title: str
    name: str | None
    status: str
    payload: Raw
    result_payload: Raw
    attributes: Raw
    error: Raw
    summary: str | None
    started_at: str | None
    finished_at: str | None
    inserted_at: str
    updated_at: str
    violations: int | None = None
    purpose: str | UnsetType = UNSET
    risk_level: RiskLevel | None = None
    risk_score: float | None = None
    sensitive_encoding: bool = False
    type: Literal["agent_span"] = "agent_span"


class EventDetails(Struct, frozen=True, kw_only=True):
    """A fact at an instant."""

    id: str
    agent_instance_id: str
    agent_span_id: str | None
    name: str
    level: str
    timestamp: str
    inserted_at: str
    payload: Raw
    type: Literal["agent_event"] = "agent_event"


class DroppedDetails(Struct, frozen=True, kw_only=True):
    """What is answered to an operation whose run has been erased: it was taken, and left nothing."""

    id: str
    agent_instance_id: str
    type: Literal["agent_instance", "agent_span", "agent_event"]
    notice: Literal["erased"] = "erased"


class Violation(Struct, frozen=True, kw_only=True):
    """Where a payload does not fit its schema. `part` is payload or result, `path` a JSON pointer."""

    part: str
    path: str
    message: str
