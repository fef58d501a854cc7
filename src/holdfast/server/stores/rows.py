"""The rows that the write path works on. Their fields are the columns of the tables, in the same order.

They are mutable, unlike every other record here: applying an operation changes the row in place, a hundred
thousand times a second, before it is written once. They hold no containers, so the garbage collector need not
look at them (`gc=False`).
"""

from __future__ import annotations

from msgspec import Struct

__all__ = [
    "BodyChange",
    "BodyRow",
    "CheckRow",
    "EventRow",
    "InstanceRow",
    "QualityRow",
    "RollupDelta",
    "SpanRow",
]


class InstanceRow(Struct, kw_only=True, gc=False):
    key: int
    account_id: str
    id: str
    agent_id: str | None = None
    environment_id: str | None = None
    agent_version_id: str | None = None
    schema_version_id: str | None = None
    deployment_id: str | None = None
    status: str
    purpose: str
    name: str | None = None
    external_identifier: str | None = None
    parent: str | None = None
    sdk: str | None = None
    attributes: bytes | None = None
    finish_attributes: bytes | None = None
    error_type: str | None = None
    error: bytes | None = None
    termination_reason: str | None = None
    registered_at: int | None = None
    started_at: int | None = None
    finished_at: int | None = None
    duration: int | None = None
    begun_at: int
    inserted_at: int
    updated_at: int
    closed_by_server: int = 0
    root_span_id: str | None = None
    root_name: str | None = None
    root_started_at: int | None = None
    spans_total: int = 0
    spans_pending: int = 0
    spans_active: int = 0
    spans_complete: int = 0
    spans_failed: int = 0
    spans_cancelled: int = 0
    llm_calls: int = 0
    tool_calls: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    cost_nano: int = 0
    cost_reported: int = 0
    cost_computed: int = 0
    cost_estimated: int = 0
    cost_unknown: int = 0
    events: int = 0
    violations: int = 0


class SpanRow(Struct, gc=False):
    instance_key: int
    id: str
    body_key: int
    parent_span_id: str | None
    schema_name: str | None
    name: str | None
    status: str
    started_at: int | None
    finished_at: int | None
    inserted_at: int
    updated_at: int
    flags: int
    tool: str | None = None
    error_type: str | None = None
    provider: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_nano: int | None = None
    cost_source: str | None = None
    violations: int | None = None
    summary: str | None = None


class BodyRow(Struct, gc=False):
    key: int
    payload: bytes | None = None
    result_payload: bytes | None = None
    attributes: bytes | None = None
    finish_attributes: bytes | None = None
    error: bytes | None = None


BodyChange = BodyRow
"""A body whose None fields mean “leave as it is”."""


class EventRow(Struct, gc=False):
    instance_key: int
    id: str
    span_id: str | None
    name: str
    level: str
    timestamp: int
    inserted_at: int
    payload: bytes | None


class QualityRow(Struct, gc=False):
    instance_key: int
    name: str
    timestamp: int
    payload: bytes | None
    summary: str | None = None
    violations: int | None = None


class CheckRow(Struct, gc=False):
    instance_key: int
    subject: str
    ticket: int


class RollupDelta(Struct, kw_only=True):
    """What to add to one row of `rollups`, or (`version_id` given) of `version_rollups`; `durations` maps a bucket
    to how many runs to add."""

    account_id: str
    version_id: str = ""
    agent_id: str
    hour: int
    counts: dict[str, int]
    durations: dict[int, int]
