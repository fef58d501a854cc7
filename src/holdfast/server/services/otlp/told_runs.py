"""A run that another Holdfast forwarded: one of its spans stands for the run itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Raw

from holdfast.server.services.json_read import as_list
from holdfast.server.services.otlp.messages import parsed
from holdfast.server.services.otlp.records import Attributes, TraceEvent
from holdfast.server.services.otlp.work import (
    Work,
    agent_name,
    encoded,
    environment,
    event_operation,
    json_of,
    text_of,
    time_of,
    version,
)
from holdfast.wire import attributes as names
from holdfast.wire.operations import (
    InstanceFinish,
    InstanceRegister,
    InstanceStart,
    InstanceTerminate,
    Operation,
    QualityRecord,
)
from holdfast.wire.vocabulary import InstanceStatus, Purpose

__all__ = ["is_told_run", "told_run"]

_EVALUATION: Final = "gen_ai.evaluation.result"
_ABOUT_RUN: Final = (
    names.RUN_STATUS,
    names.RUN_NAME,
    names.RUN_PURPOSE,
    names.RUN_PARENT,
    names.RUN_SDK,
    names.RUN_EXTERNAL_ID,
    names.RUN_STOPPED,
    names.RUN_ID,
)
_STATUSES: Final = {status.value: status for status in InstanceStatus}
_PURPOSES: Final = {purpose.value: purpose for purpose in Purpose}


def is_told_run(work: Work) -> bool:
    return _STATUSES.get(str(work.meaning.attributes.get(names.RUN_STATUS)), InstanceStatus.ACTIVE).final


def told_run(work: Work) -> Iterable[Operation]:
    """The run as it was, with its events and judgements."""
    span, run_id = work.span, work.run_id
    told = {name: text_of(work.meaning.attributes.pop(name, None)) for name in _ABOUT_RUN}
    key = span.span_id
    yield InstanceRegister(
        idempotency_key=key,
        id=run_id,
        agent_id=agent_name(span.resource),
        agent_version=version(span.resource),
        environment_id=environment(span.resource),
        purpose=_PURPOSES.get(str(told[names.RUN_PURPOSE]), Purpose.LIVE),
        external_identifier=told[names.RUN_EXTERNAL_ID],
        name=told[names.RUN_NAME],
        parent=told[names.RUN_PARENT],
        attributes=Raw(encoded(_attributes(work))),
        sdk=told[names.RUN_SDK],
        timestamp=time_of(span.start),
    )
    yield InstanceStart(idempotency_key=key, agent_instance_id=run_id, timestamp=time_of(span.start))
    for place, event in work.meaning.events:
        if event.name == _EVALUATION:
            yield _judgement(work, event)
        else:
            yield event_operation(work, place, event, None)
    yield _end(work, _STATUSES[str(told[names.RUN_STATUS])], told[names.RUN_STOPPED])


def _attributes(work: Work) -> Attributes:
    said = {names.RUN_INPUT: work.meaning.payload, names.RUN_OUTPUT: work.meaning.result}
    return work.meaning.attributes | {name: value for name, value in said.items() if value is not None}


def _judgement(work: Work, event: TraceEvent) -> QualityRecord:
    known = dict(event.attributes)
    name = text_of(known.pop("gen_ai.evaluation.name", None)) or "quality"
    whole = as_list(parsed(known.pop(names.QUALITY, None)))  # in a list, since it may be a text
    payload = whole[0] if whole else known
    return QualityRecord(
        idempotency_key=work.span.span_id,
        agent_instance_id=work.run_id,
        name=name,
        payload=json_of(payload),
        timestamp=time_of(event.time),
    )


def _end(work: Work, status: InstanceStatus, reason: str | None) -> Operation:
    span = work.span
    at = time_of(max(span.start, span.end))
    if status is InstanceStatus.TERMINATED:
        return InstanceTerminate(
            idempotency_key=span.span_id,
            agent_instance_id=work.run_id,
            reason=reason or "",
            timestamp=at,
        )
    return InstanceFinish(
        idempotency_key=span.span_id,
        agent_instance_id=work.run_id,
        status=status,
        timestamp=at,
        error=work.error,
    )
