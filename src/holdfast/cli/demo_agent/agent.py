"""The loop: ask the planner, carry out its calls, record both, until it calls nothing or is stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, Final

import msgspec
from msgspec import Struct

from holdfast.cli.demo_agent.planning import Decision, Outcome, Planner, ToolCall, Turn
from holdfast.cli.demo_agent.report import Report, write_report
from holdfast.cli.demo_agent.toolbox import TOOLS, call_tool
from holdfast.tracing.registry import SchemaRegistry
from holdfast.tracing.run import Run
from holdfast.tracing.threads import ContextThreadPoolExecutor
from holdfast.wire import attributes as named
from holdfast.wire.vocabulary import CostSource, EventLevel, SpanType

__all__ = ["AGENT", "AGENT_VERSION", "RUN_NAME", "TASK", "Audit", "schemas"]

AGENT: Final = "package-auditor"
AGENT_VERSION: Final = "1"
RUN_NAME: Final = "Audit of this Python environment"
TASK: Final = (
    "Audit the Python packages of this environment: may they be shipped on (licence statement and text), are "
    "the installed files those that were published, what do they cost at import, and what cannot be imported?"
)
_MOST_TURNS: Final = 60
_AT_ONCE: Final = 3


def schemas() -> SchemaRegistry:
    """The agent's span types: what the server checks payloads against and makes summaries from."""
    registry = SchemaRegistry()
    registry.register_type(
        SpanType.LLM,
        {"type": "object", "properties": {"messages": {"type": "array"}}, "required": ["messages"]},
        {"type": "object", "properties": {"content": {"type": "string"}, "tool_calls": {"type": "array"}}},
        title="Planning",
        template="{{ content | truncate: 120 }}",
    )
    registry.register_type(
        SpanType.TOOL,
        {"type": "object", "properties": {"arguments": {"type": "object"}}, "required": ["arguments"]},
        {"type": "object"},
        title="Tool call",
        template="{{ arguments.package }}{{ arguments.module }}",
    )
    return registry


class Audit:
    """One run of the agent, inside the open `run`. `watch` is told of every decision and outcome as it comes,
    outcomes from several threads."""

    def __init__(self, run: Run, planner: Planner, watch: Callable[[Decision | Outcome], None]) -> None:
        self._run = run
        self._planner = planner
        self._watch = watch
        self._history: list[Turn] = []

    def carry_out(self) -> Report:
        """Raises `PlannerError` where the planner's model cannot be asked. Failing tools are expected.

        A stop that the server asks for ends it before the next step, with what was found until then.
        """
        with ContextThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            while len(self._history) < _MOST_TURNS and self._run.stop_requested is None:
                if not self._take_turn(pool):
                    break
        with self._run.span("write report", type=SpanType.STEP) as span:
            report = write_report(self._history)
            span.set_result({**msgspec.structs.asdict(report), "report": report.markdown()})
        self._run.record_quality(
            "audit", {"findings": len(report.findings), "packages": report.packages_audited}
        )
        return report

    def _take_turn(self, pool: Executor) -> bool:
        with self._run.span(f"turn {len(self._history) + 1}", type=SpanType.TURN):
            decision = self._decide()
            outcomes = list(pool.map(self._call, decision.calls))
        self._history.append(Turn(decision=decision, outcomes=outcomes))
        return bool(outcomes)

    def _decide(self) -> Decision:
        planner = self._planner
        payload = {"messages": _news(self._history), "tools": list(TOOLS)}
        with self._run.span("plan", type=SpanType.LLM, payload=payload) as span:
            decision = planner.decide(TASK, self._history)
            span.set_result({"role": "assistant", "content": decision.thought, "tool_calls": decision.calls})
            span.set_attributes(_planning_attributes(planner, decision))
        self._watch(decision)
        return decision

    def _call(self, call: ToolCall) -> Outcome:
        started = time.perf_counter()
        result: Struct | None = None
        failure: Exception | None = None
        attributes = {
            named.OPERATION: "execute_tool",
            named.TOOL_NAME: call.name,
            named.TOOL_CALL_ID: call.id,
        }
        payload = {"arguments": call.arguments}
        with self._run.span(call.name, type=SpanType.TOOL, payload=payload, attributes=attributes) as span:
            try:
                result = call_tool(call.name, call.arguments)
            except Exception as error:  # noqa: BLE001 - whatever a tool raises is an answer to the planner
                failure = error
                span.fail(error)
            else:
                span.set_result({"output": result})
        if isinstance(failure, TimeoutError):
            span.event("tool.timeout", {"limit_ms": call.arguments.get("limit_ms")}, level=EventLevel.WARNING)
        outcome = Outcome(call=call, result=result, error=failure, seconds=time.perf_counter() - started)
        self._watch(outcome)
        return outcome


def _news(history: Sequence[Turn]) -> list[dict[str, Any]]:
    """The messages since the planner was asked last."""
    if not history:
        return [{"role": "user", "content": TASK}]
    return [
        {
            "role": "tool",
            "tool_call_id": outcome.call.id,
            "name": outcome.call.name,
            "content": str(outcome.error) if outcome.error else outcome.result,
        }
        for outcome in history[-1].outcomes
    ]


def _planning_attributes(planner: Planner, decision: Decision) -> dict[str, Any]:
    usage = decision.usage
    found: dict[str, Any] = {
        named.OPERATION: "chat",
        named.PROVIDER: planner.provider,
        named.REQUEST_MODEL: planner.model,
        named.INPUT_TOKENS: usage.input_tokens,
        named.OUTPUT_TOKENS: usage.output_tokens,
        named.USAGE_ESTIMATED: usage.estimated or None,
        named.COST_USD: usage.cost_usd,
        named.COST_SOURCE: None if usage.cost_source is CostSource.UNKNOWN else usage.cost_source,
    }
    return {name: value for name, value in found.items() if value is not None}
