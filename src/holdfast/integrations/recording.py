"""Puts the runtime's sessions on the record: a session is a run, or a span in the run that is current.

Turns, attempts and tool calls are its spans, decisions are events. With `holdfast.init()` called this needs no
other line of code; without it, and with no run current, nothing is recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from holdfast.core.ports import NO_RECORD, Record
from holdfast.errors import RunTerminated
from holdfast.runtime.session_info import SessionInfo
from holdfast.tracing.api import client_in_use
from holdfast.tracing.context import current_scope
from holdfast.tracing.run import Run
from holdfast.tracing.span import Span
from holdfast.wire import attributes as names
from holdfast.wire.agent_events import AgentEvent, AgentEventStatus
from holdfast.wire.questions import AnswerGiven
from holdfast.wire.vocabulary import EventLevel, SpanType

__all__ = ["record_session"]

_LEVELS: Final = {
    AgentEventStatus.BLOCKED: EventLevel.WARNING,
    AgentEventStatus.RED: EventLevel.WARNING,
    AgentEventStatus.FAILED: EventLevel.ERROR,
}


def record_session(info: SessionInfo) -> Record:
    """Open the record of a session; it is current, for the code at hand, until it is closed."""
    scope = current_scope()
    attributes = _about(info)
    if scope is not None:
        span = scope.run.span(info.role, type=SpanType.AGENT, attributes=attributes)
        return _Piece(scope.run, span.__enter__())
    client = client_in_use()
    if client is None or client.config.disabled:
        return NO_RECORD
    run = client.run(info.role, attributes=attributes)
    return _Piece(run, run.__enter__())


def _about(info: SessionInfo) -> dict[str, Any]:
    found: dict[str, Any] = {
        names.OPERATION: "invoke_agent",
        names.AGENT_NAME: info.role,
        names.AGENT_ID: info.worker_id,
        names.ROLE: info.role,
        names.PHASE: info.phase,
    }
    if info.controls:
        found[names.CONTROLS] = dict(info.controls)
    if info.project_id is not None:
        found[names.PROJECT] = info.project_id
    if info.handed_from is not None:
        found[names.HANDED_FROM] = info.handed_from
        found[names.HANDOFF_REASON] = info.handoff_reason
    return found


class _Piece:
    """A run or a span as the runtime's `Record`."""

    __slots__ = ("_run", "_work")

    def __init__(self, run: Run, work: Run | Span) -> None:
        self._run = run
        self._work = work

    @property
    def stop_requested(self) -> str | None:
        return self._run.stop_requested

    def answer_to(self, question_id: str) -> AnswerGiven | None:
        return self._run.answer_to(question_id)

    def open(
        self,
        kind: SpanType,
        name: str,
        payload: object = None,
        attributes: Mapping[str, object] | None = None,
    ) -> Record:
        run, scope = self._run, current_scope()
        # Code that runs where the session was not opened (a thread without its context) has no scope to go by.
        parent = None if scope is not None and scope.run is run else self._work
        span = run.span(name, type=kind, payload=payload, attributes=attributes, parent=parent)
        return _Piece(run, span.__enter__())

    def note(self, event: AgentEvent) -> None:
        scope = current_scope()
        at = scope if isinstance(scope, Span) and scope.run is self._run else self._work
        payload: dict[str, Any] = {"status": event.status.value}
        if event.detail is not None:
            payload["detail"] = event.detail
        if event.failure_class is not None:
            payload["failure_class"] = event.failure_class.value
        if event.data is not None:
            payload.update(event.data)
        at.event(event.event.value, payload, level=_LEVELS.get(event.status, EventLevel.INFO))

    def close(
        self,
        result: object = None,
        attributes: Mapping[str, object] | None = None,
        error: BaseException | None = None,
    ) -> None:
        work = self._work
        if work.ended:
            return
        if attributes:
            work.set_attributes(attributes)
        if result is not None:
            if isinstance(work, Span):
                # A text would be wrapped so in any case; said at once, it is recorded the quick way.
                work.set_result({"value": result} if isinstance(result, str) else result)
            else:
                work.set_output(result)
        if isinstance(error, RunTerminated):
            work.cancel()
        work.__exit__(
            None if error is None else type(error), error, None if error is None else error.__traceback__
        )
