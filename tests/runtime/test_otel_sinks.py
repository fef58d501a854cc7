"""The OpenTelemetry sinks, read back through the SDK's in-memory exporters."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from holdfast.core.pricing import ModelPricing, PricingTable
from holdfast.integrations.otel_sinks import OpenTelemetrySink, OpenTelemetryUsageSink
from holdfast.runtime import AgentEvent, AgentFailureClass, Orchestrator, ToolCall, UsageSnapshot


@pytest.fixture
def exported() -> Any:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter, provider.get_tracer("test")


def test_spans_are_nested_and_last_as_long_as_the_work(exported: Any) -> None:
    """Session > turn > what the call traces itself; session > tool; each as long as it took."""
    exporter, tracer = exported
    sink = OpenTelemetrySink(tracer, agent_id="agent-7")

    def call() -> str:
        with tracer.start_as_current_span("http"):
            return "x"

    with Orchestrator(role="writer", phase="p", event_sink=sink).session() as session:
        session.run_turn(call, "gpt-4o", UsageSnapshot(10, 5))
        session.run_tools([ToolCall(f"t{n}", lambda n: n, {"n": n}) for n in range(3)])
    spans = {span.name: span for span in exporter.get_finished_spans()}
    agent, turn, http = spans["invoke_agent writer"], spans["chat gpt-4o"], spans["http"]
    assert http.parent.span_id == turn.context.span_id
    assert turn.parent.span_id == agent.context.span_id
    for n in range(3):
        assert spans[f"execute_tool t{n}"].parent.span_id == agent.context.span_id
    assert (
        agent.start_time
        <= turn.start_time
        <= http.start_time
        <= http.end_time
        <= turn.end_time
        <= agent.end_time
    )
    assert turn.attributes["gen_ai.operation.name"] == "chat"
    assert turn.attributes["gen_ai.provider.name"] == "holdfast"
    assert turn.attributes["gen_ai.agent.name"] == "writer"
    assert turn.attributes["gen_ai.agent.id"] == "agent-7"
    assert turn.attributes["gen_ai.request.model"] == "gpt-4o"
    assert turn.attributes["gen_ai.usage.input_tokens"] == 10


def test_failures_are_marked(exported: Any) -> None:
    """A failed session's span has an error status and says of what kind."""
    exporter, tracer = exported
    orchestrator = Orchestrator(role="r", phase="p", event_sink=OpenTelemetrySink(tracer))
    with pytest.raises(TimeoutError), orchestrator.session():
        raise TimeoutError("slow")
    [span] = exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "llm_timeout"


def test_an_event_by_itself_is_a_span(exported: Any) -> None:
    """An event that begins or ends nothing known is a span of its own."""
    exporter, tracer = exported
    sink = OpenTelemetrySink(tracer)
    sink.emit(AgentEvent.failed("r", "p", AgentFailureClass.RATE_LIMIT, "429"))
    sink.emit(AgentEvent.gate_passed("p"))
    assert [span.name for span in exporter.get_finished_spans()] == ["agent.failed", "phase.gate_passed"]


def test_usage_metrics() -> None:
    """Tokens go to the histogram by kind, known costs to the counter, unknown ones nowhere."""
    reader = InMemoryMetricReader()
    meter = MeterProvider(metric_readers=[reader]).get_meter("test")
    prices = PricingTable({"m": ModelPricing(1.0, 2.0)})
    orchestrator = Orchestrator(role="r", phase="p", usage_sink=OpenTelemetryUsageSink(meter), prices=prices)
    with orchestrator.session() as session:
        session.run_turn(lambda: "x", "m", UsageSnapshot(1000, 500))
        session.run_turn(lambda: "x", "unpriced", UsageSnapshot(10, 5))
    data: Any = reader.get_metrics_data()
    metrics = {metric.name: metric for metric in data.resource_metrics[0].scope_metrics[0].metrics}
    tokens = {
        (point.attributes["gen_ai.request.model"], point.attributes["gen_ai.token.type"]): point.sum
        for point in metrics["gen_ai.client.token.usage"].data.data_points
    }
    assert tokens == {
        ("m", "input"): 1000,
        ("m", "output"): 500,
        ("unpriced", "input"): 10,
        ("unpriced", "output"): 5,
    }
    [cost] = metrics["holdfast.cost"].data.data_points
    assert cost.value == pytest.approx(0.002)
