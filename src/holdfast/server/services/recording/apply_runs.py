"""What the operations of a run do to its row. Each may come first, and any number of times."""

from __future__ import annotations

from typing import Final

import msgspec

from holdfast.errors import ApiError
from holdfast.server.services.auth import Principal
from holdfast.server.services.reading import json_or_none, text, time_or, usable_id
from holdfast.server.services.recording.apply_spans import bounded_error, close_open_spans
from holdfast.server.services.recording.working_set import WorkingSet
from holdfast.server.stores.rows import CheckRow, EventRow, InstanceRow, QualityRow
from holdfast.wire.operations import (
    EventCreate,
    InstanceFinish,
    InstanceRegister,
    InstanceStart,
    InstanceTerminate,
    QualityRecord,
    RecordedError,
)
from holdfast.wire.vocabulary import ErrorCode, InstanceStatus

__all__ = [
    "abandon_run",
    "add_event",
    "finish_run",
    "record_quality",
    "register_run",
    "start_run",
    "terminate_run",
]

_PENDING: Final = InstanceStatus.PENDING.value
_ACTIVE: Final = InstanceStatus.ACTIVE.value
_COMPLETE: Final = InstanceStatus.COMPLETE.value
_FAILED: Final = InstanceStatus.FAILED.value
_CANCELLED: Final = InstanceStatus.CANCELLED.value
_TERMINATED: Final = InstanceStatus.TERMINATED.value
_encode: Final = msgspec.json.Encoder().encode


def register_run(work: WorkingSet, run: InstanceRow, op: InstanceRegister, who: Principal) -> None:
    """Fill in who runs. A repeat changes nothing."""
    if run.registered_at is not None:
        return
    registered_at = time_or(op.timestamp, work.now)
    work.registrar.settle(run, op, who)
    run.registered_at = registered_at
    run.purpose = op.purpose.value
    run.name = text(op.name)
    run.external_identifier = text(op.external_identifier)
    run.parent = text(op.parent, 300)
    run.sdk = text(op.sdk)
    run.attributes = json_or_none(op.attributes)
    _set_begun(run)
    work.touch(run)
    if run.schema_version_id is not None and run.spans_total:
        # Spans came before the schemas they are to be checked against.
        work.check_all.add(run.key)


def start_run(work: WorkingSet, run: InstanceRow, op: InstanceStart, *, strict: bool) -> None:
    """The earliest start stays. One that lost the race against the finish is taken in.

    With `strict`, raises `ApiError` 409 `invalid_action` for a run that is active already.
    """
    started = time_or(op.timestamp, work.now)
    if run.status == _ACTIVE:
        if strict:
            raise ApiError(409, ErrorCode.INVALID_ACTION, "the run has been started already")
    elif run.status == _PENDING:
        run.status = _ACTIVE
    if run.started_at is None or started < run.started_at:
        run.started_at = started
        _set_begun(run)
        work.touch(run)


def finish_run(work: WorkingSet, run: InstanceRow, op: InstanceFinish, *, strict: bool) -> None:
    """The first end stays, except that the agent's own replaces the server's after long silence.

    With `strict`, raises `ApiError` 409 `invalid_action` for a run that has ended.
    """
    status = _COMPLETE if op.status is None else op.status.value
    if status not in (_COMPLETE, _FAILED, _CANCELLED):
        raise ApiError(
            422,
            ErrorCode.VALIDATION,
            "status: a finish is complete, failed or cancelled",
            errors={"status": "must be complete, failed or cancelled"},
        )
    finished = time_or(op.timestamp, work.now)
    if run.status not in (_PENDING, _ACTIVE) and not run.closed_by_server:
        if strict:
            raise ApiError(409, ErrorCode.INVALID_ACTION, f"the run is already {run.status}")
        return
    if run.closed_by_server:
        run.closed_by_server = 0
        run.error_type = run.error = None
    run.status = status
    run.finished_at = finished
    if status == _CANCELLED and run.started_at is None:
        run.started_at = finished
        _set_begun(run)
    if (attributes := json_or_none(op.attributes)) is not None:
        run.finish_attributes = attributes
    if op.error is not None:
        _set_error(run, op.error)
    work.touch(run)


def terminate_run(work: WorkingSet, run: InstanceRow, op: InstanceTerminate, *, strict: bool) -> None:
    """Ask the agent to stop. Only an active run can be; its open spans end as cancelled.

    With `strict`, raises `ApiError` 409 `invalid_action` for any other.
    """
    at = time_or(op.timestamp, work.now)
    if run.status != _ACTIVE:
        if strict:
            raise ApiError(409, ErrorCode.INVALID_ACTION, f"the run is {run.status}, not active")
        return
    run.status = _TERMINATED
    run.finished_at = at
    run.termination_reason = text(op.reason, 2000)
    close_open_spans(work, run, at)
    work.touch(run)


def abandon_run(work: WorkingSet, run: InstanceRow, error: RecordedError) -> None:
    """End a run of which nothing has been heard for long, and what is open in it."""
    at = run.updated_at
    close_open_spans(work, run, at)
    if run.status in (_PENDING, _ACTIVE):
        run.status = _FAILED
        run.finished_at = at
        run.closed_by_server = 1
        _set_error(run, error)
    work.touch(run)


def record_quality(work: WorkingSet, run: InstanceRow, op: QualityRecord) -> None:
    """The record with the latest time stays; of two with the same time the one whose bytes sort last."""
    at = time_or(op.timestamp, work.now)
    payload = json_or_none(op.payload)
    name = usable_id(op.name, "name")
    known = work.quality_of(run).get(name)
    if known is not None and (known.timestamp, known.payload or b"") >= (at, payload or b""):
        return
    work.set_quality(run, QualityRow(run.key, name, at, payload))
    subject = f"quality/{name}"
    work.checks[run.key, subject] = CheckRow(run.key, subject, work.ticket())


def add_event(work: WorkingSet, run: InstanceRow, op: EventCreate) -> None:
    """The first event of an id stays."""
    at = (run.key, usable_id(op.id, "id"))
    if at not in work.events:
        work.events[at] = EventRow(
            run.key,
            op.id,
            text(op.agent_span_id, 128),
            text(op.name) or "",
            op.level.value,
            time_or(op.timestamp, work.now),
            work.now,
            json_or_none(op.payload),
        )


def _set_error(run: InstanceRow, error: RecordedError) -> None:
    run.error_type = text(error.type, 200)
    run.error = _encode(bounded_error(error))


def _set_begun(run: InstanceRow) -> None:
    run.begun_at = run.started_at or run.registered_at or run.inserted_at
