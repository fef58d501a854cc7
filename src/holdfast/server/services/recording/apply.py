"""Applying what one request brings to the rows of a transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Literal

import msgspec
from msgspec import UNSET, Struct

from holdfast.errors import ApiError
from holdfast.server.services.auth import Principal
from holdfast.server.services.details import control_of, event_details, instance_details, span_details
from holdfast.server.services.new_ids import new_pfid
from holdfast.server.services.recording.apply_runs import (
    add_event,
    finish_run,
    record_quality,
    register_run,
    start_run,
    terminate_run,
)
from holdfast.server.services.recording.apply_spans import create_span, finish_span
from holdfast.server.services.recording.registration import check_registration
from holdfast.server.services.recording.working_set import SpanWork, WorkingSet
from holdfast.server.stores.questions import Waiting, waiting_answers
from holdfast.server.stores.rows import InstanceRow
from holdfast.wire.details import DroppedDetails, EventDetails, InstanceDetails, SpanDetails
from holdfast.wire.envelopes import Control, Shown
from holdfast.wire.operations import (
    EventCreate,
    InstanceFinish,
    InstanceRegister,
    InstanceStart,
    InstanceTerminate,
    Operation,
    QualityRecord,
    SpanCreate,
    SpanFinish,
)
from holdfast.wire.vocabulary import ErrorCode, InstanceStatus, OnError

__all__ = ["Batch", "BatchResult", "apply_batches"]

_encode: Final = msgspec.json.Encoder().encode
_ACTIVE: Final = InstanceStatus.ACTIVE.value


class Batch(Struct, frozen=True, kw_only=True):
    """The operations of one request.

    `stop`: a run or a span that an operation needs must exist, states are kept to strictly, idempotency
    keys are remembered, and nothing is applied after the first item that fails. `continue`: every item on
    its own, in any order, each effective once by the ids in it; unknown runs and spans are made room for.
    `minimal` asks for no answers to items that succeed.
    """

    who: Principal
    items: list[Operation]
    on_error: OnError
    minimal: bool = False


class BatchResult(Struct, kw_only=True):
    """What came of each item, by its place: an error or (unless `minimal`) an encoded answer. Items after
    the one that stopped a batch are in neither. `control` is word for runs that the batch named; `dropped`
    counts the items that succeeded without leaving anything, because their run has been erased."""

    errors: dict[int, ApiError]
    answers: dict[int, bytes]
    control: dict[str, Control]
    dropped: int = 0


class _ErasedError(Exception):
    """An operation names a run that has been erased."""

    def __init__(self, run_id: str) -> None:
        super().__init__(run_id)
        self.run_id = run_id


def apply_batches(work: WorkingSet, batches: Sequence[Batch]) -> list[BatchResult]:
    """Apply to `work`, one after the other; nothing is written yet. Only a bug or a broken store makes it
    raise.

    What all of them name is read, and locked, at once: in one order, whatever theirs is.
    """
    named = [_named(batch.items) for batch in batches]
    by_account: dict[str, dict[str, list[str]]] = {}
    for batch, wanted in zip(batches, named, strict=True):
        together = by_account.setdefault(batch.who.account_id, {})
        for run_id, span_ids in wanted.items():
            together.setdefault(run_id, []).extend(span_ids)
    for account_id in sorted(by_account):
        work.load(account_id, by_account[account_id])
    live = [run.key for run in work.runs.values() if run.status == _ACTIVE]
    waiting = waiting_answers(work.transaction.connection, live)
    return [_apply(work, batch, wanted, waiting) for batch, wanted in zip(batches, named, strict=True)]


def _apply(
    work: WorkingSet, batch: Batch, wanted: Collection[str], waiting: Mapping[int, Sequence[Waiting]]
) -> BatchResult:
    account_id = batch.who.account_id
    result = BatchResult(errors={}, answers={}, control={})
    step = _apply_strictly if batch.on_error is OnError.STOP else _apply_tolerantly
    for place, op in enumerate(batch.items):
        try:
            touched = step(work, batch.who, op)
        except ApiError as error:
            result.errors[place] = error
            if batch.on_error is OnError.STOP:
                break
        except _ErasedError as late:
            work.drop(account_id, late.run_id)
            result.dropped += 1
            if not batch.minimal:
                result.answers[place] = _encode(_dropped(work, account_id, late.run_id, op))
        else:
            if not batch.minimal:
                result.answers[place] = touched if isinstance(touched, bytes) else _answer(work, *touched)
    for run_id in wanted:
        run = work.run(account_id, run_id)
        if run is None:
            continue
        control = control_of(run, waiting.get(run.key, ()))
        if control is not None and _is_within(batch.who, run):
            result.control[run_id] = control
    return result


def _named(items: list[Operation]) -> dict[str, list[str]]:
    """The runs that the operations name, and of each the spans."""
    named: dict[str, list[str]] = {}
    run_id: str | None
    span_id: str | None
    for op in items:
        if isinstance(op, SpanCreate):
            run_id, span_id = op.agent_instance_id, op.id
        elif isinstance(op, SpanFinish):
            run_id, span_id = op.agent_instance_id, op.agent_span_id
        elif isinstance(op, InstanceRegister):
            run_id, span_id = op.id, None
        else:
            run_id, span_id = op.agent_instance_id, None
        if run_id is None:
            continue
        spans = named.get(run_id)
        if spans is None:
            spans = named[run_id] = []
        if span_id is not None:
            spans.append(span_id)
    return named


_Touched = tuple[InstanceRow, SpanWork | EventCreate | None]


def _apply_tolerantly(work: WorkingSet, who: Principal, op: Operation) -> _Touched:
    account_id = who.account_id
    if isinstance(op, SpanFinish):
        if op.agent_instance_id is None:
            run = _run_with_span(work, who, op.agent_span_id)
        else:
            run = _run_or_room(work, who, op.agent_instance_id)
        return run, finish_span(work, run, op, strict=False)
    if isinstance(op, SpanCreate):
        run = _run_or_room(work, who, op.agent_instance_id)
        span_id = op.id
        if span_id is None:
            span_id = _derived_id(run.id, op.idempotency_key)
            work.load(account_id, {run.id: [span_id]})
        return run, create_span(work, run, op, span_id)
    if isinstance(op, InstanceRegister):
        check_registration(work.transaction, op, who)
        run_id = op.id or _derived_id(account_id, op.idempotency_key)
        if op.id is None:
            work.load(account_id, {run_id: ()})
    else:
        run_id = op.agent_instance_id
    run = _run_or_room(work, who, run_id)
    return _apply_to_run(work, who, run, op, strict=False)


def _apply_strictly(work: WorkingSet, who: Principal, op: Operation) -> _Touched | bytes:
    account_id = who.account_id
    remembered = (who.reach.replay_scope, _action(op), op.idempotency_key)
    made_here = work.responses.get(remembered)
    stored = made_here[0] if made_here else work.transaction.stored_response(*remembered)
    if stored is not None:
        return stored
    if isinstance(op, InstanceRegister):
        check_registration(work.transaction, op, who)
        run = _run_or_room(work, who, op.id or new_pfid(account_id, work.now))
        touched = _apply_to_run(work, who, run, op, strict=True)
    elif isinstance(op, SpanFinish):
        run = _run_with_span(work, who, op.agent_span_id, op.agent_instance_id)
        touched = run, finish_span(work, run, op, strict=True)
    else:
        run = _known_run(work, who, op.agent_instance_id)
        if isinstance(op, SpanCreate):
            touched = run, create_span(work, run, op, op.id or new_pfid(account_id, work.now))
        else:
            touched = _apply_to_run(work, who, run, op, strict=True)
    answer = _answer(work, *touched)
    work.responses[remembered] = answer, touched[0].key
    return answer


def _apply_to_run(
    work: WorkingSet,
    who: Principal,
    run: InstanceRow,
    op: InstanceRegister | InstanceStart | InstanceFinish | InstanceTerminate | QualityRecord | EventCreate,
    *,
    strict: bool,
) -> _Touched:
    if isinstance(op, EventCreate):
        add_event(work, run, op)
        return run, op
    if isinstance(op, InstanceRegister):
        register_run(work, run, op, who)
    elif isinstance(op, InstanceStart):
        start_run(work, run, op, strict=strict)
    elif isinstance(op, InstanceFinish):
        finish_run(work, run, op, strict=strict)
    elif isinstance(op, InstanceTerminate):
        terminate_run(work, run, op, strict=strict)
    else:
        record_quality(work, run, op)
    return run, None


def _run_or_room(work: WorkingSet, who: Principal, run_id: str) -> InstanceRow:
    run = work.run(who.account_id, run_id)
    if run is None:
        _check_not_erased(work, who, run_id)
        run = work.new_run(who.account_id, run_id)
        run.agent_id, run.environment_id = who.agent_id, who.environment_id
        return run
    if not _is_within(who, run):
        raise _no_run(run_id)
    return run


def _known_run(work: WorkingSet, who: Principal, run_id: str) -> InstanceRow:
    run = work.run(who.account_id, run_id)
    if run is None:
        _check_not_erased(work, who, run_id)
    if run is None or not _is_within(who, run):
        raise _no_run(run_id)
    return run


def _check_not_erased(work: WorkingSet, who: Principal, run_id: str) -> None:
    if work.is_erased(who.account_id, run_id):
        raise _ErasedError(run_id)


def _run_with_span(work: WorkingSet, who: Principal, span_id: str, run_id: str | None = None) -> InstanceRow:
    account_id = who.account_id
    run = work.run(account_id, run_id) if run_id else work.run_of_span(account_id, span_id)
    if run is None and run_id:
        _check_not_erased(work, who, run_id)
    if run is None or (run.key, span_id) not in work.spans or not _is_within(who, run):
        raise ApiError(404, ErrorCode.NOT_FOUND, f"agent span {span_id} not_found")
    return run


def _is_within(who: Principal, run: InstanceRow) -> bool:
    """Whether the token reaches this run; what it does not reach looks unknown to it."""
    if who.agent_id is None and who.environment_id is None:
        return True
    return who.reach.covers(run.account_id, run.agent_id, run.environment_id)


def _no_run(run_id: str) -> ApiError:
    return ApiError(404, ErrorCode.NOT_FOUND, f"agent instance {run_id} not_found")


def _derived_id(*parts: str) -> str:
    """The same id for the same operation, however often it is delivered without an id of its own."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _action(op: Operation) -> str:
    """What is done to what: an idempotency key means nothing beyond that."""
    kind = str(type(op).__struct_config__.tag)
    if isinstance(op, SpanFinish):
        return f"{kind} {op.agent_span_id}"
    if isinstance(op, InstanceRegister):
        return kind
    return f"{kind} {op.agent_instance_id}"


def _dropped(work: WorkingSet, account_id: str, run_id: str, op: Operation) -> Shown[DroppedDetails]:
    """The answer to what came too late: success, so that its sender goes on, and a notice."""
    if isinstance(op, SpanCreate | SpanFinish | EventCreate):
        own = op.agent_span_id if isinstance(op, SpanFinish) else op.id
        kind: Literal["agent_span", "agent_event"]
        kind = "agent_event" if isinstance(op, EventCreate) else "agent_span"
        details = DroppedDetails(
            id=own or new_pfid(account_id, work.now), type=kind, agent_instance_id=run_id
        )
    else:
        details = DroppedDetails(id=run_id, type="agent_instance", agent_instance_id=run_id)
    return Shown(details=details)


def _answer(work: WorkingSet, run: InstanceRow, part: SpanWork | EventCreate | None) -> bytes:
    control = control_of(run) or UNSET
    shown: Shown[InstanceDetails] | Shown[SpanDetails] | Shown[EventDetails]
    if isinstance(part, SpanWork):
        shown = Shown(details=span_details(run, part.row, work.whole_body(part)), control=control)
    elif isinstance(part, EventCreate):
        shown = Shown(details=event_details(run.id, work.events[run.key, part.id]), control=control)
    else:
        work.settle_totals()
        shown = Shown(details=instance_details(run, work.quality_of(run).values()))
    return _encode(shown)
