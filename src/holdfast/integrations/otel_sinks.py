"""Sinks that pass a session's events and usage on to OpenTelemetry, under the GenAI semantic conventions.

Needs the extra `otel`. Names: https://opentelemetry.io/docs/specs/semconv/gen-ai/
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from holdfast.core.usage import UsageSnapshot
from holdfast.errors import MissingExtraError
from holdfast.wire import attributes as names
from holdfast.wire.agent_events import AgentEvent, AgentEventName, AgentEventStatus

if find_spec("opentelemetry") is None:
    raise MissingExtraError("opentelemetry-api", "otel", "OpenTelemetrySink")

from opentelemetry import context as otel_context
from opentelemetry import metrics, trace
from opentelemetry.trace import Status, StatusCode, set_span_in_context

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.metrics import Meter
    from opentelemetry.trace import Span, Tracer

__all__ = ["DEFAULT_PROVIDER_NAME", "OpenTelemetrySink", "OpenTelemetryUsageSink"]

DEFAULT_PROVIDER_NAME: Final = "holdfast"
_SESSION, _TURN, _TOOL = "invoke_agent", "chat", "execute_tool"

_OPENS: Final = {
    AgentEventName.AGENT_STARTED: _SESSION,
    AgentEventName.TURN_STARTED: _TURN,
    AgentEventName.AGENT_TOOL_CALLED: _TOOL,
}
_CLOSES: Final = {
    AgentEventName.AGENT_COMPLETED: _SESSION,
    AgentEventName.AGENT_FAILED: _SESSION,
    AgentEventName.AGENT_CANCELLED: _SESSION,
    AgentEventName.SESSION_STOPPED: _SESSION,
    AgentEventName.TURN_COMPLETED: _TURN,
    AgentEventName.TURN_FAILED: _TURN,
    AgentEventName.AGENT_TOOL_COMPLETED: _TOOL,
    AgentEventName.AGENT_TOOL_FAILED: _TOOL,
}
_BAD: Final = (AgentEventStatus.FAILED, AgentEventStatus.RED)


@dataclass(frozen=True, slots=True)
class _Open:
    operation: str
    role: str | None
    span: Span
    token: Token[Context]


class OpenTelemetrySink:
    """A span per session, turn and tool call, each within the one that caused it and as long as it took; every
    other event is a span of no length. Spans that the code inside opens are nested in them too.

    One sink serves any number of sessions at once: what belongs together is known by the context in which it
    happens. A session that begins and ends in different contexts leaves its span open until the other one's
    end is seen as a span of its own.
    """

    def __init__(
        self,
        tracer: Tracer | None = None,
        provider_name: str = DEFAULT_PROVIDER_NAME,
        agent_id: str | None = None,
    ) -> None:
        self._tracer = trace.get_tracer("holdfast") if tracer is None else tracer
        self._provider_name = provider_name
        self._agent_id = agent_id
        self._stack: ContextVar[tuple[_Open, ...]] = ContextVar("holdfast_otel_open", default=())

    def emit(self, event: AgentEvent) -> None:
        if event.event in _OPENS:
            self._open(event, _OPENS[event.event])
        elif not (event.event in _CLOSES and self._closed(event, _CLOSES[event.event])):
            span = self._tracer.start_span(event.event.value, attributes=self._attributes(event, None))
            _finish(span, event)

    def _open(self, event: AgentEvent, operation: str) -> None:
        subject = _subject(event, operation)
        span = self._tracer.start_span(
            f"{operation} {subject}" if subject else operation, attributes=self._attributes(event, operation)
        )
        token = otel_context.attach(set_span_in_context(span))
        self._stack.set((*self._stack.get(), _Open(operation, event.role, span, token)))

    def _closed(self, event: AgentEvent, operation: str) -> bool:
        """End the innermost open span of this operation, and those within it that nobody ended."""
        stack = self._stack.get()
        for depth in range(len(stack) - 1, -1, -1):
            found = stack[depth]
            if found.operation == operation and found.role == event.role:
                for inner in reversed(stack[depth + 1 :]):
                    otel_context.detach(inner.token)
                    inner.span.end()
                otel_context.detach(found.token)
                self._stack.set(stack[:depth])
                found.span.set_attributes(self._attributes(event, operation))
                _finish(found.span, event)
                return True
        return False

    def _attributes(self, event: AgentEvent, operation: str | None) -> dict[str, str | int | float]:
        found = event.to_otel_attributes()
        found[names.PROVIDER] = self._provider_name
        found[names.OPERATION] = operation or event.event.value
        if event.role is not None:
            found[names.AGENT_NAME] = event.role
        if self._agent_id is not None:
            found[names.AGENT_ID] = self._agent_id
        if event.failure_class is not None:
            found[names.ERROR_TYPE] = event.failure_class.value
        for key, name in _FROM_DATA.items():
            value = (event.data or {}).get(key)
            if isinstance(value, str | int | float):
                found[name] = value
        return found


_FROM_DATA: Final = {
    "model": names.REQUEST_MODEL,
    "tool": names.TOOL_NAME,
    "input_tokens": names.INPUT_TOKENS,
    "output_tokens": names.OUTPUT_TOKENS,
    "cost_usd": names.COST_USD,
    "turn": names.TURNS,
    "attempts": names.ATTEMPT,
}


def _subject(event: AgentEvent, operation: str) -> str:
    if operation == _SESSION:
        return event.role or ""
    return str((event.data or {}).get("model" if operation == _TURN else "tool", ""))


def _finish(span: Span, event: AgentEvent) -> None:
    if event.status in _BAD:
        span.set_status(Status(StatusCode.ERROR, event.detail))
    span.end()


class OpenTelemetryUsageSink:
    """Tokens as the histogram `gen_ai.client.token.usage`, known costs as the counter `holdfast.cost` in US
    dollars; a cost that is not known is left out."""

    def __init__(self, meter: Meter | None = None, provider_name: str = DEFAULT_PROVIDER_NAME) -> None:
        meter = metrics.get_meter("holdfast") if meter is None else meter
        self._provider_name = provider_name
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage", unit="{token}", description="Tokens of a model call."
        )
        self._cost = meter.create_counter("holdfast.cost", unit="USD", description="What model calls cost.")

    def record(self, model: str, usage: UsageSnapshot, cost_usd: float | None) -> None:
        about = {
            names.OPERATION: _TURN,
            names.PROVIDER: self._provider_name,
            names.REQUEST_MODEL: model,
        }
        self._tokens.record(usage.prompt_tokens, {**about, "gen_ai.token.type": "input"})
        self._tokens.record(usage.output_tokens, {**about, "gen_ai.token.type": "output"})
        if cost_usd is not None:
            self._cost.add(cost_usd, about)
