"""A tool call, from the question whether the role may to the guardrails on what came back, as one flow.

In order: may the session take a step at all → permission → guardrails before the tool and on its arguments →
loop guard → rate limit → budget → the tool → guardrails on the result → loop guard. There is one way for all
tools, plain, parallel or handed over: no control can be gone around.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from holdfast.core.budget_limits import Spend
from holdfast.core.claim import Claim, Claims
from holdfast.core.error_text import error_text
from holdfast.core.failures import Failure, classify
from holdfast.core.flow import Call, Flow, Raised, Returned, Target
from holdfast.core.guarding import Guards
from holdfast.core.looping import LoopWatch
from holdfast.core.pacing import Pace
from holdfast.core.permissions import PermissionEnforcer
from holdfast.core.ports import NO_RECORD, Notices, Record
from holdfast.core.progress import Progress
from holdfast.errors import CallTimeoutError, FlowProtocolError, PermissionDeniedError, ToolTimeoutError
from holdfast.wire import attributes as names
from holdfast.wire.agent_events import AgentEventName, AgentEventStatus
from holdfast.wire.vocabulary import SpanType

__all__ = ["ToolDone", "ToolParts", "ToolRequest", "ToolRun"]

_ONE_CALL: Final = Spend(tool_calls=1)
_EXECUTE: Final = "execute_tool"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolParts:
    """What the tool calls of one session share. `seconds` is what one may take, None for as long as it likes."""

    role: str
    progress: Progress
    permissions: PermissionEnforcer | None
    guards: Guards
    claims: Claims
    notices: Notices
    record: Record
    now: Callable[[], float]
    loops: LoopWatch | None = None
    pace: Pace | None = None
    seconds: float | None = None


class ToolRequest(Struct, frozen=True, kw_only=True):
    """One tool call that is asked for. `arguments` None is a tool that is called without any, and of whose
    arguments nobody knows."""

    name: str
    arguments: Mapping[str, object] | None = None
    seconds: float | None = None
    call_id: str | None = None
    patient: bool = True


class ToolDone(Struct, frozen=True, kw_only=True):
    """How a call ended; where `error` is set there is no value, and whoever drives the call raises it."""

    value: object = None
    error: BaseException | None = None


class ToolRun:
    """One tool call under way; `run` is its flow."""

    __slots__ = (
        "_called",
        "_claim",
        "_ends_at",
        "_number",
        "_parts",
        "_record",
        "_request",
        "_scope",
        "_seconds",
    )

    def __init__(self, parts: ToolParts, request: ToolRequest) -> None:
        self._parts = parts
        self._request = request
        self._claim: Claim | None = None
        self._number: int | None = None
        self._called = False
        self._record: Record = NO_RECORD
        self._ends_at: float | None = None
        self._seconds = 0.0
        self._scope = "tool"

    def run(self) -> Flow[ToolDone]:
        """Raises what refuses the call; what the tool raises comes back in `ToolDone`."""
        parts, name = self._parts, self._request.name
        now = parts.now()
        parts.progress.check(now, f"tool {name!r}")
        self._set_deadline(now)
        self._record = self._opened()
        try:
            arguments = yield from self._admitted()
            self._called = True
            parts.notices.tell(
                AgentEventName.AGENT_TOOL_CALLED, AgentEventStatus.RUNNING, name, {"tool": name}
            )
            reply = yield Call(target=Target(name=name), seconds=self._left(), arguments=arguments)
            if isinstance(reply, Raised):
                return self._failed(reply)
            if not isinstance(reply, Returned):
                raise FlowProtocolError("Call", reply)
            return self._completed(reply.value)
        except BaseException as error:
            self._aborted(error)
            raise

    def _opened(self) -> Record:
        request = self._request
        attributes: dict[str, object] = {names.OPERATION: _EXECUTE, names.TOOL_NAME: request.name}
        if request.call_id is not None:
            attributes[names.TOOL_CALL_ID] = request.call_id
        return self._parts.record.open(SpanType.TOOL, request.name, request.arguments, attributes)

    def _admitted(self) -> Flow[Mapping[str, object] | None]:
        """The arguments to call with, once every control has let the call through."""
        parts, name = self._parts, self._request.name
        self._permitted()
        parts.guards.before(name)
        arguments = self._request.arguments
        if arguments is not None:
            arguments = parts.guards.arguments(name, arguments)
        if parts.loops is not None:
            self._number = parts.loops.before(name, arguments)
        if parts.pace is not None:
            yield from parts.pace.place(name, 0, self._ends_at)
        self._claim = parts.claims.take(_ONE_CALL, parts.now(), patient=self._request.patient)
        if self._claim is None:
            self._claim = yield from parts.claims.wait(_ONE_CALL, self._ends_at, self._seconds)
        return arguments

    def _permitted(self) -> None:
        parts, name = self._parts, self._request.name
        if parts.permissions is None:
            return
        outcome = parts.permissions.check(parts.role, name)
        if not outcome.allowed:
            parts.notices.tell(
                AgentEventName.PERMISSION_DENIED,
                AgentEventStatus.BLOCKED,
                outcome.reason,
                {"tool": name, "active_mode": outcome.active_mode, "required_mode": outcome.required_mode},
            )
            raise PermissionDeniedError(outcome)

    def _completed(self, result: object) -> ToolDone:
        parts, name = self._parts, self._request.name
        self._settle()
        value = parts.guards.result(name, result)
        if parts.loops is not None:
            parts.loops.after(self._number, value)
        self._record.close(value)
        parts.notices.tell(
            AgentEventName.AGENT_TOOL_COMPLETED, AgentEventStatus.RUNNING, name, {"tool": name}
        )
        return ToolDone(value=value)

    def _failed(self, reply: Raised) -> ToolDone:
        parts = self._parts
        self._settle()
        error = self._in_time(reply.error)
        failure = classify(error, during="tool", unix_now=reply.unix_now)
        if parts.loops is not None:
            parts.loops.after(self._number, error_text(error))
        self._record.close(attributes={names.FAILURE_CATEGORY: failure.category.value}, error=error)
        self._tell_failure(error, failure)
        return ToolDone(error=error)

    def _aborted(self, error: BaseException) -> None:
        """A refusal, a stop or a cancellation: give back what is held. After an end this does nothing."""
        if self._claim is not None:
            self._claim.release()
        self._record.close(error=error)
        if self._called:
            self._tell_failure(error, classify(error, during="tool"))

    def _tell_failure(self, error: BaseException, failure: Failure) -> None:
        name = self._request.name
        self._parts.notices.tell(
            AgentEventName.AGENT_TOOL_FAILED,
            AgentEventStatus.FAILED,
            f"{name}: {type(error).__name__}",
            {"tool": name, "category": (failure.cause or failure).category.value},
            failure.failure_class,
        )

    def _settle(self) -> None:
        if self._claim is not None:
            self._claim.settle(Spend())

    def _set_deadline(self, now: float) -> None:
        parts = self._parts
        seconds = parts.seconds if self._request.seconds is None else self._request.seconds
        if seconds is not None:
            self._ends_at, self._seconds = now + seconds, seconds
        ends_at = parts.progress.ends_at
        if ends_at is not None and (self._ends_at is None or ends_at < self._ends_at):
            self._ends_at, self._seconds, self._scope = ends_at, parts.progress.seconds, "session"

    def _left(self) -> float | None:
        return None if self._ends_at is None else self._ends_at - self._parts.now()

    def _in_time(self, error: BaseException) -> BaseException:
        if isinstance(error, CallTimeoutError) and self._ends_at is not None:
            return ToolTimeoutError(self._request.name, self._seconds, scope=self._scope)
        return error
