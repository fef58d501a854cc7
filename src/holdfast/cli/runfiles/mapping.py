"""A recorded run as runs and spans of Holdfast: ids, names, types, payloads, attributes, status."""

from __future__ import annotations

from typing import Final
from uuid import UUID, uuid5

from msgspec import Struct

from holdfast.cli.runfiles.records import Line, RunRecord, TurnRecord
from holdfast.cli.runfiles.times import Synthetic, Times, run_times, turn_times
from holdfast.wire import attributes as named
from holdfast.wire.operations import RecordedError
from holdfast.wire.vocabulary import CostSource, InstanceStatus, SpanStatus, SpanType

__all__ = ["EventPlan", "RunPlan", "SpanPlan", "plan_run", "run_id"]

_NAMESPACE: Final = UUID("3f6f0ed4-6a44-5d0e-9c0b-0f1e8b6d7a55")
_EXTRA: Final = "import."
_NOT_AN_END: Final = frozenset({"max_steps", "too_many_errors", "infrastructure_error", "agent_error"})
_LABELS: Final = ("mistake_agent", "mistake_step", "mistake_reason")
_NAME_LENGTH: Final = 80

Json = dict[str, object]


class SpanPlan(Struct, frozen=True, kw_only=True):
    id: str
    type: SpanType
    name: str
    status: SpanStatus
    times: Times
    payload: Json
    result: Json | None
    attributes: Json
    error: RecordedError | None


class EventPlan(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    payload: Json
    at: int


class RunPlan(Struct, frozen=True, kw_only=True):
    """`qualities` are the judgements of the run by name."""

    id: str
    external_identifier: str
    agent: str
    version: str | None
    name: str
    input: Json
    status: InstanceStatus
    times: Times
    attributes: Json
    error: RecordedError | None
    spans: list[SpanPlan]
    qualities: dict[str, Json]
    events: list[EventPlan]


def run_id(source_id: str) -> str:
    """The same source run has the same id in every import: importing twice changes nothing."""
    return str(uuid5(_NAMESPACE, source_id))


def plan_run(line: Line, fallback_ns: int, agent: str | None = None) -> RunPlan:
    """`fallback_ns` is when a run without any time is taken to have begun; `agent` replaces the file's."""
    run = line.run
    times = turn_times(run, fallback_ns)
    whole = run_times(run, times, fallback_ns)
    spans = [
        _span(run, at, turn, extra, when)
        for at, (turn, extra, when) in enumerate(zip(run.turns, line.turn_extras, times, strict=True))
    ]
    error = _run_error(run)
    label: Json = {name: run.outcome[name] for name in _LABELS if name in run.outcome}
    judged = {name: value for name, value in run.outcome.items() if name not in _LABELS}
    qualities = {"outcome": judged, "mistake": label}
    return RunPlan(
        id=run_id(run.run_id),
        external_identifier=run.run_id,
        agent=agent or run.agent or "imported",
        version=run.model,
        name=_title(run),
        input={"task": run.task, "system": run.system},
        status=InstanceStatus.COMPLETE if error is None else InstanceStatus.FAILED,
        times=whole,
        attributes=_run_attributes(line, whole.synthetic),
        error=error,
        spans=spans,
        qualities={name: judgement for name, judgement in qualities.items() if judgement},
        events=_mistake_events(line, spans, label, whole) if label else [],
    )


def _span(run: RunRecord, at: int, turn: TurnRecord, extra: Json, when: Times) -> SpanPlan:
    is_tool = turn.kind == "tool"
    span_type = SpanType.TOOL if is_tool else SpanType.ATTEMPT if turn.attempt else SpanType.LLM
    return SpanPlan(
        id=str(uuid5(_NAMESPACE, f"{run.run_id}/{at}")),
        type=span_type,
        name=turn.name or ("tool" if is_tool else run.model or "model"),
        status=SpanStatus.COMPLETE if turn.error is None else SpanStatus.FAILED,
        times=when,
        payload={"arguments": turn.input} if is_tool else {"messages": turn.input},
        result=_result(turn),
        attributes=_span_attributes(run, turn, extra, when),
        error=_error(turn),
    )


def _result(turn: TurnRecord) -> Json | None:
    if turn.output is None:
        return None
    return {"output": turn.output}


def _error(turn: TurnRecord) -> RecordedError | None:
    if turn.error is None:
        return None
    fallback = "ToolError" if turn.kind == "tool" else "ModelError"
    return RecordedError(type=turn.exception_type or fallback, message=turn.error, stack=turn.traceback)


def _span_attributes(run: RunRecord, turn: TurnRecord, extra: Json, when: Times) -> Json:
    is_tool = turn.kind == "tool"
    found: Json = {
        named.OPERATION: "execute_tool" if is_tool else "chat",
        named.AGENT_NAME: turn.actor,
        named.TOOL_NAME: turn.name if is_tool else None,
        named.TOOL_CALL_ID: turn.call_id,
        named.REQUEST_MODEL: None if is_tool else turn.name or run.model,
        named.PROVIDER: None if is_tool else turn.provider or run.provider,
        named.INPUT_TOKENS: turn.input_tokens,
        named.OUTPUT_TOKENS: turn.output_tokens,
        named.CACHE_READ_TOKENS: turn.cached_input_tokens,
        named.CACHE_WRITE_TOKENS: turn.cache_write_tokens,
        named.FINISH_REASONS: None if turn.finish_reason is None else [turn.finish_reason],
        named.COST_USD: turn.cost_usd,
        named.COST_SOURCE: None if turn.cost_usd is None else CostSource.REPORTED,
        named.ATTEMPT: True if turn.attempt else None,
        "gen_ai.response.id": turn.response_id,
        "http.response.status_code": turn.http_status,
        "process.exit.code": turn.exit_code,
        named.TIME_SYNTHETIC: when.synthetic,
        **{_EXTRA + key: value for key, value in extra.items()},
    }
    return {key: value for key, value in found.items() if value is not None}


def _run_attributes(line: Line, synthetic: Synthetic | None) -> Json:
    run = line.run
    found: Json = {
        named.REQUEST_MODEL: run.model,
        named.PROVIDER: run.provider,
        _EXTRA + "task_id": run.task_id,
        named.TIME_SYNTHETIC: synthetic,
        **{_EXTRA + key: value for key, value in line.extra.items()},
    }
    return {key: value for key, value in found.items() if value is not None}


def _run_error(run: RunRecord) -> RecordedError | None:
    """A run failed when it broke off. Whether it reached its goal is a judgement, kept as its quality."""
    reason, text = run.outcome.get("termination_reason"), run.outcome.get("error")
    exit_status = run.outcome.get("exit_status")
    if isinstance(text, str):
        return RecordedError(type=str(exit_status or reason or "Error"), message=text)
    if reason in _NOT_AN_END:
        return RecordedError(type=str(reason), message=f"the run ended by {reason}")
    if run.outcome.get("completed") is False:
        return RecordedError(type="Incomplete", message="the run was not completed")
    return None


def _mistake_events(line: Line, spans: list[SpanPlan], label: Json, whole: Times) -> list[EventPlan]:
    """A human's word on where the run went wrong, at the end of that step.

    Steps count the log's messages, not every one of which became a turn: a turn's `step` says which it was.
    """
    wanted = str(label.get("mistake_step"))
    at = whole.finished
    for span, extra in zip(spans, line.turn_extras, strict=True):
        if str(extra.get("step")) == wanted:
            at = span.times.finished
            label = {**label, "span_id": span.id}
            break
    event_id = str(uuid5(_NAMESPACE, f"{line.run.run_id}/mistake"))
    return [EventPlan(id=event_id, name="human.label.mistake", payload=label, at=at)]


def _title(run: RunRecord) -> str:
    text = " ".join((run.task or run.task_id or run.run_id).split())
    return text if len(text) <= _NAME_LENGTH else text[: _NAME_LENGTH - 1] + "…"
