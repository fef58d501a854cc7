"""The operations: one item of `POST /api/v1/bulk` each, and one record of the spool, in the very same bytes.

Names and shapes are those of the HTTP API that the ecosystem's clients speak. What Holdfast adds is optional
for every other client: `name`, `attributes`, `error`, `sdk` and the `agent_events/create` item; times may be
`int` nanoseconds since 1970 as well as ISO 8601; `agent_instance_id` in a span's finish (so that a finish can
be applied before its start arrives).

Every operation takes effect once however often it is delivered: an instance and a span are known by their
ids, an event by its own, a quality record by its name and time. None needs another to have arrived before.

Payloads are `msgspec.Raw`: the JSON bytes as the writer made them, `null` where there are none. The server
keeps those bytes; it never decodes and encodes them again.
"""

from __future__ import annotations

from typing import Final

from msgspec import UNSET, Raw, Struct, UnsetType

from holdfast.wire.vocabulary import EventLevel, InstanceStatus, Purpose, SpanStatus

__all__ = [
    "NO_JSON",
    "AgentVersion",
    "EventCreate",
    "InstanceFinish",
    "InstanceRegister",
    "InstanceStart",
    "InstanceTerminate",
    "Operation",
    "QualityRecord",
    "QualitySchema",
    "RecordedError",
    "SchemaVersion",
    "SpanCreate",
    "SpanFinish",
    "SpanTypeSchema",
]

NO_JSON: Final = Raw(b"null")

Time = int | str
"""Nanoseconds since 1970, or ISO 8601."""


class AgentVersion(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which build of an agent ran. The server makes a version once per agent and content."""

    name: str | None = None
    external_identifier: str | None = None
    description: str | None = None
    runtime_environment: dict[str, str | list[str]] | None = None


class SpanTypeSchema(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One span type: JSON Schemas of its payload and result, and a Liquid template for its summary."""

    name: str
    params_schema: dict[str, object]
    result_schema: dict[str, object] | None = None
    title: str | None = None
    description: str | None = None
    template: str | None = None
    result_template: str | None = None
    data_risk: dict[str, object] | None = None


class QualitySchema(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One quality record type of an agent: the JSON Schema of its payload and a template for its summary."""

    name: str
    schema: dict[str, object]
    title: str | None = None
    description: str | None = None
    template: str | None = None
    data_risk: dict[str, object] | None = None


class SchemaVersion(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The span types of an agent. Two versions of the same content are one, whatever their identifiers."""

    external_identifier: str | None = None
    span_schemas: dict[str, dict[str, object]] | None = None
    span_result_schemas: dict[str, dict[str, object]] | None = None
    span_type_schemas: list[SpanTypeSchema] | None = None
    quality_schemas: list[QualitySchema] | None = None
    quality_schema: dict[str, object] | None = None
    """The schema of the one unnamed judgement that older writers know."""


class RecordedError(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a span or a run failed. `type` is the exception's qualified name, `stack` its formatted traceback.

    `category` is a `FailureCategory` value where the writer classified the failure.
    """

    type: str
    message: str = ""
    stack: str | None = None
    category: str | None = None


class _Item(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="_type"):
    idempotency_key: str


class InstanceRegister(_Item, frozen=True, kw_only=True, omit_defaults=True, tag="agent_instances/register"):
    """A run is announced. `agent_id` may be an id or a name: an unknown one makes the agent."""

    id: str | None = None
    agent_id: str | None = None
    environment_id: str | None = None
    agent_version: AgentVersion | None = None
    agent_schema_version: SchemaVersion | None = None
    update_current_version: bool = True
    purpose: Purpose = Purpose.LIVE
    external_identifier: str | None = None
    name: str | None = None
    parent: str | None = None
    """`run id` or `run id/span id` of the work that called this run, in whatever process that was."""
    attributes: Raw = NO_JSON
    sdk: str | None = None
    timestamp: Time | None = None
    """When the run was announced; the arrival where it is missing."""


class InstanceStart(_Item, frozen=True, kw_only=True, omit_defaults=True, tag="agent_instances/start"):
    agent_instance_id: str
    timestamp: Time | None = None


class InstanceFinish(_Item, frozen=True, kw_only=True, omit_defaults=True, tag="agent_instances/finish"):
    """The run ended. `complete`, `failed` or `cancelled`; the first end to arrive stays."""

    agent_instance_id: str
    status: InstanceStatus | None = None
    timestamp: Time | None = None
    error: RecordedError | None = None
    attributes: Raw = NO_JSON


class InstanceTerminate(
    _Item, frozen=True, kw_only=True, omit_defaults=True, tag="agent_instances/terminate"
):
    """The server's stop: the run is asked to end at its next step."""

    agent_instance_id: str
    reason: str
    timestamp: Time | None = None


class QualityRecord(
    _Item, frozen=True, kw_only=True, omit_defaults=True, tag="agent_instances/record_quality"
):
    """One named judgement of a run. `payload` null takes it away. The latest `timestamp` stays."""

    agent_instance_id: str
    name: str
    payload: Raw = NO_JSON
    timestamp: Time | None = None


class SpanCreate(_Item, frozen=True, kw_only=True, omit_defaults=True, tag="agent_spans/create"):
    """A piece of work began (or, with a final `status`, is told whole)."""

    agent_instance_id: str
    id: str | None = None
    parent_span_id: str | None = None
    schema_name: str = "agent:step"
    name: str | None = None
    status: SpanStatus = SpanStatus.ACTIVE
    started_at: Time | None = None
    finished_at: Time | None = None
    payload: Raw = NO_JSON
    result_payload: Raw = NO_JSON
    attributes: Raw = NO_JSON
    error: RecordedError | None = None


class SpanFinish(_Item, frozen=True, kw_only=True, omit_defaults=True, tag="agent_spans/finish"):
    """A piece of work ended. `status` is `complete` where missing; the first end to arrive stays.

    `payload`, where it is given, replaces what the start said. `attributes` are added to the start's, the
    finish's value winning.
    """

    agent_span_id: str
    agent_instance_id: str | None = None
    status: SpanStatus | None = None
    timestamp: Time | None = None
    payload: Raw | UnsetType = UNSET
    result_payload: Raw = NO_JSON
    attributes: Raw = NO_JSON
    error: RecordedError | None = None


class EventCreate(_Item, frozen=True, kw_only=True, omit_defaults=True, tag="agent_events/create"):
    """A fact at an instant, of a run or of one span in it."""

    agent_instance_id: str
    id: str
    name: str
    timestamp: Time
    agent_span_id: str | None = None
    level: EventLevel = EventLevel.INFO
    payload: Raw = NO_JSON


Operation = (
    InstanceRegister
    | InstanceStart
    | InstanceFinish
    | InstanceTerminate
    | QualityRecord
    | SpanCreate
    | SpanFinish
    | EventCreate
)
