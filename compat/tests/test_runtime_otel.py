"""The OpenTelemetry sinks under `techrevati.runtime.otel`."""

from __future__ import annotations

from math import nan
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from techrevati.runtime.agent_events import AgentEvent, AgentFailureClass
from techrevati.runtime.orchestrator import Orchestrator
from techrevati.runtime.otel import DEFAULT_PROVIDER_NAME, OpenTelemetrySink, OpenTelemetryUsageSink
from techrevati.runtime.usage_tracking import UsageSnapshot


def _attributes(span: Any) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_session_becomes_nested_spans_under_the_known_names() -> None:
    """Session, turn and tool, each within the one that caused it."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    sink = OpenTelemetrySink(provider.get_tracer("test"), agent_id="a-1")
    with Orchestrator("writer", "draft", event_sink=sink).session() as session:
        session.run_turn(lambda: 1, model="m")
    spans = {span.name: span for span in exporter.get_finished_spans()}
    turn, whole = spans["chat m"], spans["invoke_agent writer"]
    assert turn.parent is not None
    assert whole.context is not None
    assert turn.parent.span_id == whole.context.span_id
    about = _attributes(whole)
    assert about["gen_ai.provider.name"] == DEFAULT_PROVIDER_NAME == "techrevati"
    assert (about["gen_ai.agent.name"], about["gen_ai.agent.id"]) == ("writer", "a-1")


def test_a_failure_has_its_type() -> None:
    """A single event is a span of its own."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    OpenTelemetrySink(provider.get_tracer("test")).emit(
        AgentEvent.failed("r", "p", AgentFailureClass.RATE_LIMIT, "slow down")
    )
    (span,) = exporter.get_finished_spans()
    assert _attributes(span)["error.type"] == "rate_limit"


def test_usage_becomes_a_histogram_and_known_costs_a_counter() -> None:
    """What is not known is left out of the sum."""
    reader = InMemoryMetricReader()
    sink = OpenTelemetryUsageSink(MeterProvider([reader]).get_meter("test"))
    sink.record("m", UsageSnapshot(10, 5), 0.25)
    sink.record("m", UsageSnapshot(10, 5), nan)
    data = reader.get_metrics_data()
    assert data is not None
    metrics = {one.name: one for one in data.resource_metrics[0].scope_metrics[0].metrics}
    points = {
        (point.attributes or {})["gen_ai.token.type"]: point.sum  # type: ignore[union-attr]  # a histogram's
        for point in metrics["gen_ai.client.token.usage"].data.data_points
    }
    assert points == {"input": 20, "output": 10}
    (cost,) = [one for name, one in metrics.items() if "cost" in name]
    assert [point.value for point in cost.data.data_points] == [0.25]  # type: ignore[union-attr]  # a counter's
