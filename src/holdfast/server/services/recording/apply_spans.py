"""What the span operations do to the rows.

A start and a finish may come in either order, any number of times, in one request or in many: the rows end
the same. Of two different finishes the first to arrive stays.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET

from holdfast.errors import ApiError
from holdfast.server.services.reading import TEXT_LENGTH, json_or_none, text, time_or, usable_id
from holdfast.server.services.recording.usage import read_told_usage, read_usage, tells_in_body
from holdfast.server.services.recording.working_set import SpanWork, WorkingSet
from holdfast.server.stores.rows import BodyRow, InstanceRow, SpanRow
from holdfast.server.stores.schema.record import (
    SPAN_AGGREGATE,
    SPAN_CLOSED_BY_SERVER,
    SPAN_CREATED,
    SPAN_PAYLOAD_FROM_FINISH,
)
from holdfast.wire.operations import NO_JSON, RecordedError, SpanCreate, SpanFinish
from holdfast.wire.vocabulary import ErrorCode, SpanStatus, SpanType

__all__ = ["close_open_spans", "create_span", "finish_span"]

_PENDING: Final = SpanStatus.PENDING.value
_ACTIVE: Final = SpanStatus.ACTIVE.value
_OPEN: Final = (_PENDING, _ACTIVE)
_COMPLETE: Final = SpanStatus.COMPLETE.value
_CANCELLED: Final = SpanStatus.CANCELLED.value
_AGENT: Final = SpanType.AGENT.value
_encode: Final = msgspec.json.Encoder().encode


def create_span(work: WorkingSet, run: InstanceRow, op: SpanCreate, span_id: str) -> SpanWork:
    """Take in a start (or, with a final status, a whole span). A repeat changes nothing, but a whole span
    ends one that was open."""
    known = work.spans.get((run.key, span_id))
    if known is not None and known.row.flags & SPAN_CREATED:
        if op.status.final and known.row.status in _OPEN:
            return finish_span(work, run, _end_of(op, span_id), strict=False)
        return known
    status = _ACTIVE if op.status is SpanStatus.ACTIVE else op.status.value
    is_open = status in _OPEN
    started = (
        None
        if status == _PENDING and op.started_at is None
        else time_or(op.started_at, work.now, "started_at")
    )
    if known is None:
        row = SpanRow(
            run.key,
            usable_id(span_id, "id"),
            0,
            text(op.parent_span_id, 128),
            text(op.schema_name),
            text(op.name),
            status,
            started,
            None if is_open else time_or(op.finished_at, work.now, "finished_at"),
            work.now,
            work.now,
            SPAN_CREATED,
        )
        known = work.new_span(run, row)
        if is_open and run.status == "terminated":
            _close(row, run.finished_at or work.now)
        _set_body(known, op)
    else:
        work.change_span(run, known)
        _complete_start(work, known, op, started)
    row = known.row
    if row.status not in _OPEN and tells_in_body(row):
        read_told_usage(row, known.body)
    if row.schema_name == _AGENT:
        row.flags |= SPAN_AGGREGATE
    if row.parent_span_id is None:
        _note_root(run, row)
    return known


def _end_of(op: SpanCreate, span_id: str) -> SpanFinish:
    return SpanFinish(
        idempotency_key=op.idempotency_key,
        agent_span_id=span_id,
        status=op.status,
        timestamp=op.finished_at,
        payload=UNSET if op.payload is NO_JSON else op.payload,
        result_payload=op.result_payload,
        attributes=op.attributes,
        error=op.error,
    )


def _set_body(known: SpanWork, op: SpanCreate) -> None:
    row, body = known.row, known.body
    body.payload = json_or_none(op.payload)
    body.result_payload = json_or_none(op.result_payload)
    body.attributes = json_or_none(op.attributes)
    if body.attributes is not None:
        read_usage(row, body.attributes, over=True)
    if op.error is not None:
        _set_error(row, body, op.error)


def _complete_start(work: WorkingSet, known: SpanWork, op: SpanCreate, started: int | None) -> None:
    """The finish came first: fill in what it left open."""
    row, body = known.row, work.whole_body(known)
    row.parent_span_id = text(op.parent_span_id, 128)
    row.schema_name = text(op.schema_name)
    row.name = text(op.name)
    row.started_at = started
    row.flags |= SPAN_CREATED
    if not row.flags & SPAN_PAYLOAD_FROM_FINISH:
        body.payload = json_or_none(op.payload)
    if body.result_payload is None:
        body.result_payload = json_or_none(op.result_payload)
    body.attributes = json_or_none(op.attributes)
    if body.attributes is not None:
        read_usage(row, body.attributes, over=False)
    if op.error is not None and body.error is None:
        _set_error(row, body, op.error)


def finish_span(work: WorkingSet, run: InstanceRow, op: SpanFinish, *, strict: bool) -> SpanWork:
    """Take in an end. With `strict`, raises `ApiError` 409 `invalid_action` for a span that has ended and
    for one that is still pending unless it is cancelled; otherwise the first end to arrive stays."""
    span_id = op.agent_span_id
    status = _COMPLETE if op.status is None else op.status.value
    if status in _OPEN:
        raise ApiError(
            422,
            ErrorCode.VALIDATION,
            "status: a finish is complete, failed or cancelled",
            errors={"status": "must be complete, failed or cancelled"},
        )
    finished = time_or(op.timestamp, work.now)
    known = work.spans.get((run.key, span_id))
    if known is None:
        row = SpanRow(
            run.key,
            usable_id(span_id, "agent_span_id"),
            0,
            None,
            None,
            None,
            status,
            None,
            finished,
            work.now,
            work.now,
            0,
        )
        known = work.new_span(run, row)
    else:
        row = known.row
        open_now = row.status in _OPEN
        if not open_now and not row.flags & SPAN_CLOSED_BY_SERVER:
            if strict:
                raise ApiError(409, ErrorCode.INVALID_ACTION, f"the span is already {row.status}")
            return known
        if strict and row.status == _PENDING and status != _CANCELLED:
            raise ApiError(409, ErrorCode.INVALID_ACTION, "the span is pending: it can only be cancelled")
        work.change_span(run, known)
        row.status = status
        row.finished_at = finished
        row.flags &= ~SPAN_CLOSED_BY_SERVER
    _finish_body(known, op)
    if tells_in_body(known.row):
        read_told_usage(known.row, work.whole_body(known))
    return known


def _finish_body(known: SpanWork, op: SpanFinish) -> None:
    row, body = known.row, known.body
    if op.payload is not UNSET and (payload := json_or_none(op.payload)) is not None:
        body.payload = payload
        row.flags |= SPAN_PAYLOAD_FROM_FINISH
    if (result := json_or_none(op.result_payload)) is not None:
        body.result_payload = result
    if (attributes := json_or_none(op.attributes)) is not None:
        body.finish_attributes = attributes
        read_usage(row, attributes, over=True)
    if op.error is not None:
        _set_error(row, body, op.error)


def close_open_spans(work: WorkingSet, run: InstanceRow, at: int) -> None:
    """End what is open, for the agent: its own finish, should it come, replaces this."""
    for known in work.open_spans(run):
        work.change_span(run, known)
        _close(known.row, at)


def _close(row: SpanRow, at: int) -> None:
    row.status = _CANCELLED
    row.finished_at = max(at, row.started_at or 0)
    row.flags |= SPAN_CLOSED_BY_SERVER


def _set_error(row: SpanRow, body: BodyRow, error: RecordedError) -> None:
    row.error_type = text(error.type, 200)
    body.error = _encode(bounded_error(error))


def bounded_error(error: RecordedError) -> RecordedError:
    """With its texts cut to what is kept."""
    if len(error.message) <= TEXT_LENGTH and len(error.stack or "") <= 4 * TEXT_LENGTH:
        return error
    return msgspec.structs.replace(
        error, message=text(error.message, TEXT_LENGTH) or "", stack=text(error.stack, 4 * TEXT_LENGTH)
    )


def _note_root(run: InstanceRow, row: SpanRow) -> None:
    began = row.started_at or row.inserted_at
    if run.root_started_at is None or (began, row.id) < (run.root_started_at, run.root_span_id or ""):
        run.root_started_at = began
        run.root_span_id = row.id
        run.root_name = row.name or row.schema_name
