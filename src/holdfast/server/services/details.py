"""Rows as they look in answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Raw

from holdfast._clock import iso_utc
from holdfast.server.stores.questions import Waiting
from holdfast.server.stores.rows import BodyRow, EventRow, InstanceRow, QualityRow, SpanRow
from holdfast.wire.details import (
    EMPTY_OBJECT,
    SINGLE_QUALITY,
    UNKNOWN_ID,
    EventDetails,
    InstanceDetails,
    SpanCounts,
    SpanDetails,
)
from holdfast.wire.envelopes import Control
from holdfast.wire.operations import NO_JSON
from holdfast.wire.questions import AnswerGiven
from holdfast.wire.vocabulary import InstanceStatus

__all__ = [
    "answers_control",
    "control_of",
    "event_details",
    "instance_details",
    "merged_attributes",
    "span_details",
]

_decode_object: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_TERMINATED: Final = InstanceStatus.TERMINATED.value


def control_of(run: InstanceRow, waiting: Iterable[Waiting] = ()) -> Control | None:
    """What a client of the run must be told, or None. `waiting` are answers on their way to it."""
    if run.status == _TERMINATED:
        return Control(terminate=True, reason=run.termination_reason)
    return answers_control(waiting) if waiting else None


def answers_control(waiting: Iterable[Waiting]) -> Control:
    """The word that carries answers to a run that goes on."""
    answers = {one.question_id: AnswerGiven(value=one.answer, by=one.answered_by) for one in waiting}
    return Control(terminate=False, answers=answers)


def instance_details(run: InstanceRow, quality: Iterable[QualityRow] = ()) -> InstanceDetails:
    kept = [record for record in quality if record.payload is not None]
    single = next((record for record in kept if record.name == SINGLE_QUALITY), None)
    return InstanceDetails(
        id=run.id,
        account_id=run.account_id,
        agent_id=run.agent_id or UNKNOWN_ID,
        agent_version_id=run.agent_version_id or UNKNOWN_ID,
        environment_id=run.environment_id or UNKNOWN_ID,
        agent_deployment_id=run.deployment_id or UNKNOWN_ID,
        status=run.status,
        purpose=run.purpose,
        inserted_at=iso_utc(run.inserted_at),
        updated_at=iso_utc(run.updated_at),
        started_at=_iso(run.started_at),
        finished_at=_iso(run.finished_at),
        termination_reason=run.termination_reason,
        external_identifier=run.external_identifier,
        span_counts=SpanCounts(
            total=run.spans_total,
            pending=run.spans_pending,
            active=run.spans_active,
            complete=run.spans_complete,
            failed=run.spans_failed,
            cancelled=run.spans_cancelled,
            finished=run.spans_complete + run.spans_failed + run.spans_cancelled,
        ),
        quality_payloads={record.name: _object(record.payload) for record in kept},
        quality_summaries={record.name: record.summary for record in kept if record.summary is not None},
        quality_payload=NO_JSON if single is None else _object(single.payload),
        quality_summary=None if single is None else single.summary,
        name=run.name,
        parent=run.parent,
        registered=run.registered_at is not None,
        error_type=run.error_type,
        attributes=merged_attributes(run.attributes, run.finish_attributes),
        input_tokens=run.input_tokens,
        output_tokens=run.output_tokens,
        cost_usd=run.cost_nano / 1e9 if run.cost_reported + run.cost_computed + run.cost_estimated else None,
        violations=run.violations,
    )


def span_details(run: InstanceRow, row: SpanRow, body: BodyRow) -> SpanDetails:
    name = row.schema_name or UNKNOWN_ID
    return SpanDetails(
        id=row.id,
        account_id=run.account_id,
        agent_id=run.agent_id or UNKNOWN_ID,
        agent_instance_id=run.id,
        parent_span_id=row.parent_span_id,
        schema_name=name,
        schema_title=name,
        name=row.name,
        status=row.status,
        payload=_object(body.payload),
        result_payload=NO_JSON if body.result_payload is None else _object(body.result_payload),
        attributes=merged_attributes(body.attributes, body.finish_attributes),
        error=NO_JSON if body.error is None else Raw(body.error),
        summary=row.summary,
        started_at=_iso(row.started_at),
        finished_at=_iso(row.finished_at),
        inserted_at=iso_utc(row.inserted_at),
        updated_at=iso_utc(row.updated_at),
        violations=row.violations,
    )


def event_details(run_id: str, row: EventRow) -> EventDetails:
    return EventDetails(
        id=row.id,
        agent_instance_id=run_id,
        agent_span_id=row.span_id,
        name=row.name,
        level=row.level,
        timestamp=iso_utc(row.timestamp),
        inserted_at=iso_utc(row.inserted_at),
        payload=NO_JSON if row.payload is None else Raw(row.payload),
    )


def merged_attributes(start: bytes | None, finish: bytes | None) -> Raw:
    """The attributes of the start with those of the finish added, the finish's winning."""
    if finish is None or start is None:
        return _object(start if finish is None else finish)
    try:
        return Raw(msgspec.json.encode(_decode_object(start) | _decode_object(finish)))
    except msgspec.ValidationError:  # one of them is no object: nothing can be merged into it
        return _object(finish)


def _object(value: bytes | None) -> Raw:
    if value is None:
        return EMPTY_OBJECT
    if value.lstrip()[:1] == b"{":
        return Raw(value)
    return Raw(b'{"value":' + value + b"}")


def _iso(ns: int | None) -> str | None:
    return None if ns is None else iso_utc(ns)
