"""From spans of traces to the operations that every other client sends.

A trace is a run: its id is the trace id as a UUID, so that what runs under the `traceparent` of a Holdfast run
joins that run. The attribute `holdfast.run.id`, of a span or its resource, names another. A run named so, and
one whose id a Holdfast client made, belongs to whoever named it: spans join it and end nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from msgspec import Raw

from holdfast._clock import LATEST_NS
from holdfast.server.services.otlp.conventions import Meaning, understand
from holdfast.server.services.otlp.costs import Costs
from holdfast.server.services.otlp.errors import is_cancellation, take_error
from holdfast.server.services.otlp.records import Attributes, TraceSpan
from holdfast.server.services.otlp.repeated import RepeatedUsage
from holdfast.server.services.otlp.told_runs import is_told_run, told_run
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
    EventCreate,
    InstanceFinish,
    InstanceRegister,
    InstanceStart,
    Operation,
    RecordedError,
    SpanCreate,
)
from holdfast.wire.trace_ids import run_of_trace, span_hex
from holdfast.wire.vocabulary import (
    InstanceStatus,
    SpanStatus,
    SpanType,
    TraceSpanKind,
    TraceStatus,
)

__all__ = ["operations_of", "run_id_of"]

_MONTH_NS: Final = 30 * 24 * 3600 * 1_000_000_000
_STATUSES: Final = {status.value: status for status in SpanStatus}
_ABOUT_RUN: Final = (names.CONVERSATION_ID, "session.id", "user.id", "enduser.id")


def operations_of(spans: Iterable[TraceSpan], repeated: RepeatedUsage) -> list[Operation]:
    """The same operations for the same spans, however often and in whatever company they come; but for which
    usage is marked as repeated, which depends on what `repeated` has seen."""
    runs: dict[str, list[Work]] = {}
    costs = Costs()
    for span in spans:
        work = _work(span, costs)
        runs.setdefault(work.run_id, []).append(work)
    operations: list[Operation] = []
    for run_id, works in runs.items():
        repeated.mark(run_id, works)
        operations += _run_operations(run_id, works)
    return operations


def run_id_of(span: TraceSpan) -> tuple[str, bool]:
    """The run that a span belongs to, and whether an attribute names it."""
    wanted = span.attributes.get(names.RUN_ID) or span.resource.get(names.RUN_ID)
    if isinstance(wanted, str):
        return wanted, True
    return run_of_trace(span.trace_id), False


def _work(span: TraceSpan, costs: Costs) -> Work:
    run_id, named = run_id_of(span)
    meaning = understand(span)
    if meaning.type is SpanType.LLM and names.SPAN_TYPE not in span.attributes:
        costs.add(meaning.attributes, span.end or span.start)
    error = take_error(span, meaning) if span.status is TraceStatus.ERROR else None
    told = _STATUSES.get(str(meaning.attributes.pop(names.SPAN_STATUS, None)))
    return Work(
        span=span,
        meaning=meaning,
        run_id=run_id,
        named=named,
        error=error,
        status=told if told is not None and told.final else _status(span, error),
    )


def _run_operations(run_id: str, works: list[Work]) -> Iterable[Operation]:
    told = next((work for work in works if is_told_run(work)), None)
    if told is not None:
        yield from told_run(told)
        works = [work for work in works if work is not told]
    root = next((work for work in works if work.span.parent_id is None), None)
    named = any(work.named for work in works)
    # A Holdfast client announces its own run, and knows better what it is; its spans are never at the root.
    ours = told is not None or (
        root is None and works and (_forwarded(works[0]) or _made_by_holdfast(run_id, works[0].span))
    )
    if not ours:
        yield from _beginning(run_id, root or works[0], works)
    for work in works:
        yield _span_operation(work)
        yield from _event_operations(work)
    if root is not None and not named and told is None and root.span.end:
        yield InstanceFinish(
            idempotency_key=run_id,
            agent_instance_id=run_id,
            status=InstanceStatus(root.status.value),
            timestamp=time_of(max(root.span.start, root.span.end)),
            error=root.error,
        )


def _forwarded(work: Work) -> bool:
    """Whether another Holdfast sent it: the span that stands for its run tells of the run."""
    return names.SPAN_TYPE in work.span.attributes


def _made_by_holdfast(run_id: str, span: TraceSpan) -> bool:
    """Whether the id is a UUIDv7 of the time of the span: one in three million random trace ids is."""
    try:
        uuid = UUID(run_id)
    except ValueError:
        return False
    made = (uuid.int >> 80) * 1_000_000
    return uuid.version == 7 and abs(span.start - made) < _MONTH_NS


def _beginning(run_id: str, teller: Work, works: list[Work]) -> Iterable[Operation]:
    resource = teller.span.resource
    began = min((work.span.start for work in works if time_of(work.span.start)), default=None)
    about = dict(resource)
    for name in _ABOUT_RUN:
        for work in works:
            if name in work.meaning.attributes:
                about.setdefault(name, work.meaning.attributes[name])
                break
    yield InstanceRegister(
        idempotency_key=run_id,
        id=run_id,
        agent_id=agent_name(resource),
        agent_version=version(resource),
        environment_id=environment(resource),
        external_identifier=None if teller.named else teller.span.trace_id,
        attributes=Raw(encoded(about)),
        sdk=_sdk(resource),
        timestamp=began,
    )
    yield InstanceStart(idempotency_key=run_id, agent_instance_id=run_id, timestamp=began)


def _span_operation(work: Work) -> SpanCreate:
    span, meaning = work.span, work.meaning
    started = time_of(span.start) or time_of(span.end)
    return SpanCreate(
        idempotency_key=span.span_id,
        agent_instance_id=work.run_id,
        id=span.span_id,
        parent_span_id=None if span.parent_id == span_hex(work.run_id) else span.parent_id,
        schema_name=text_of(meaning.attributes.pop(names.SPAN_TYPE, None)) or meaning.type.value,
        name=_name(span, meaning),
        status=work.status,
        started_at=started,
        finished_at=time_of(max(span.start, span.end)) or started if span.end else None,
        payload=json_of(meaning.payload),
        result_payload=json_of(meaning.result),
        attributes=Raw(encoded(_attributes(span, meaning))),
        error=work.error,
    )


def _name(span: TraceSpan, meaning: Meaning) -> str:
    """A tool call is called as its tool; the span's own name is kept beside it. What another Holdfast sent
    says what it is called there."""
    told = text_of(meaning.attributes.pop(names.SPAN_NAME, None))
    if told is not None:
        return told
    tool = meaning.attributes.get(names.TOOL_NAME)
    if meaning.type is SpanType.TOOL and isinstance(tool, str) and tool and tool != span.name:
        meaning.attributes["otel.span.name"] = span.name
        return tool
    return span.name


def _attributes(span: TraceSpan, meaning: Meaning) -> Attributes:
    attributes = meaning.attributes
    if service := span.resource.get("service.name"):
        attributes.setdefault("service.name", service)
    if span.kind is not TraceSpanKind.UNSPECIFIED:
        attributes["otel.span.kind"] = span.kind.name.lower()
    if span.scope.name:
        attributes["otel.scope.name"] = span.scope.name
    if span.scope.version:
        attributes["otel.scope.version"] = span.scope.version
    if span.status is TraceStatus.OK:
        attributes["otel.status_code"] = "OK"
    if span.links:
        attributes["otel.links"] = [
            {"trace_id": link.trace_id, "span_id": link.span_id, "attributes": link.attributes}
            for link in span.links
        ]
    if span.trace_state:
        attributes["otel.trace_state"] = span.trace_state
    for what, count in span.dropped.items():
        attributes[f"otel.dropped_{what}_count"] = count
    for name, value in (("start", span.start), ("end", span.end)):
        if value > LATEST_NS:
            attributes[f"otel.{name}_time_unix_nano"] = str(value)
    return attributes


def _event_operations(work: Work) -> Iterable[EventCreate]:
    for place, event in work.meaning.events:
        yield event_operation(work, place, event, work.span.span_id)


def _status(span: TraceSpan, error: RecordedError | None) -> SpanStatus:
    if not span.end:
        return SpanStatus.ACTIVE
    if error is not None and is_cancellation(error):
        return SpanStatus.CANCELLED
    return SpanStatus.FAILED if span.status is TraceStatus.ERROR else SpanStatus.COMPLETE


def _sdk(resource: Attributes) -> str | None:
    parts = [text_of(resource.get(f"telemetry.sdk.{part}")) for part in ("name", "language", "version")]
    return " ".join(part for part in parts if part) or None
