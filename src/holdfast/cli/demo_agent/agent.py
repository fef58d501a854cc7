"""The loop: ask the planner, carry out its calls, until it calls nothing or is stopped. It runs under an
orchestrator, which also puts it on the record."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from holdfast.cli.demo_agent.planning import Decision, Outcome, Planner, ToolCall, Turn
from holdfast.cli.demo_agent.report import Report, write_report
from holdfast.cli.demo_agent.rules import RulePlanner
from holdfast.cli.demo_agent.supervision import supervisor
from holdfast.cli.demo_agent.toolbox import TOOLS, call_tool
from holdfast.core.usage import UsageSnapshot
from holdfast.errors import BudgetExceededError, LoopDetectedError, MaxIterationsExceededError, RunTerminated
from holdfast.runtime import requests as runtime
from holdfast.runtime.session import OrchestrationSession
from holdfast.tracing.api import current_span
from holdfast.tracing.registry import SchemaRegistry
from holdfast.tracing.run import Run
from holdfast.wire import attributes as named
from holdfast.wire.vocabulary import EventLevel, SpanType

__all__ = ["AGENT", "AGENT_VERSION", "RUN_NAME", "TASK", "Audit", "schemas"]

AGENT: Final = "package-auditor"
AGENT_VERSION: Final = "1"
RUN_NAME: Final = "Audit of this Python environment"
TASK: Final = (
    "Audit the Python packages of this environment: may they be shipped on (licence statement and text), are "
    "the installed files those that were published, what do they cost at import, and what cannot be imported?"
)


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
        {"type": "object"},
        {"type": "object"},
        title="Tool call",
        template="{{ package }}{{ module }}",
    )
    return registry


class Audit:
    """One run of the agent, inside the open `run` and under an orchestrator. `watch` is told of every decision
    and of what became of its calls."""

    def __init__(self, run: Run, planner: Planner, watch: Callable[[Decision | Outcome], None]) -> None:
        self._run = run
        self._planner = planner
        self._watch = watch
        self._history: list[Turn] = []
        self._took: dict[str, float] = {}

    def carry_out(self) -> Report:
        """Raises `PlannerError` where the planner's model cannot be asked. Failing tools are expected.

        A stop that the server asks for, or a limit that is reached, ends it before the next step, with what was
        found until then.
        """
        try:
            with supervisor(AGENT, RulePlanner.model).session() as session:
                while self._take_turn(session):
                    pass
        except (RunTerminated, BudgetExceededError, MaxIterationsExceededError, LoopDetectedError) as stop:
            self._run.event("audit.ended_early", {"reason": str(stop)}, level=EventLevel.WARNING)
        with self._run.span("write report", type=SpanType.STEP) as span:
            report = write_report(self._history)
            span.set_result({**msgspec.structs.asdict(report), "report": report.markdown()})
        self._run.record_quality(
            "audit", {"findings": len(report.findings), "packages": report.packages_audited}
        )
        return report

    def _take_turn(self, session: OrchestrationSession) -> bool:
        with self._run.span(f"step {len(self._history) + 1}", type=SpanType.STEP):
            decision = self._decide(session)
            results = session.run_tools([self._tool(call) for call in decision.calls])
        outcomes = [
            Outcome(call=call, result=result.value, error=result.error, seconds=self._took.get(call.id, 0.0))
            for call, result in zip(decision.calls, results, strict=True)
        ]
        for outcome in outcomes:
            self._watch(outcome)
        self._history.append(Turn(decision=decision, outcomes=outcomes, advice=session.take_advice()))
        return bool(outcomes)

    def _decide(self, session: OrchestrationSession) -> Decision:
        decided: list[Decision] = []

        def plan() -> dict[str, Any]:
            decision = self._planner.decide(TASK, self._history)
            decided.append(decision)
            span = current_span()
            if span is not None:
                estimated = decision.usage.estimated
                span.set_attributes(
                    {named.PROVIDER: self._planner.provider, named.USAGE_ESTIMATED: estimated}
                )
            return {"role": "assistant", "content": decision.thought, "tool_calls": decision.calls}

        session.run_turn(
            plan,
            self._planner.model,
            estimate_usage=lambda _: _tokens(decided[-1]),
            input={"messages": _news(self._history), "tools": list(TOOLS)},
        )
        self._watch(decided[-1])
        return decided[-1]

    def _tool(self, call: ToolCall) -> runtime.ToolCall[Struct]:
        def work(**arguments: object) -> Struct:
            started = time.perf_counter()
            try:
                return call_tool(call.name, arguments)
            finally:
                self._took[call.id] = time.perf_counter() - started

        return runtime.ToolCall(call.name, work, call.arguments, call.id)


def _tokens(decision: Decision) -> UsageSnapshot:
    return UsageSnapshot(decision.usage.input_tokens, decision.usage.output_tokens)


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
