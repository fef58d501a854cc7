"""The OpenTelemetry SDK with its own OTLP exporter against a running server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import holdfast
from holdfast.server.running import Listening
from otlp.sending import run_of, spans_of
from server.client import Api


@pytest.fixture
def provider(running: Listening, monkeypatch: pytest.MonkeyPatch) -> Iterator[TracerProvider]:
    """Set up by the environment alone, as a user would."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer%20{running.token}")
    resource = Resource.create({"service.name": "sdk service", "service.version": "7"})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(compression=Compression.Gzip)))
    yield provider
    provider.shutdown()


def _trace_id(span: trace.Span) -> str:
    return f"{span.get_span_context().trace_id:032x}"


def _agent(tracer: trace.Tracer, made: list[trace.Span]) -> None:
    agent: dict[str, str | int] = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.usage.input_tokens": 12,
    }  # its model call's
    with tracer.start_as_current_span("invoke_agent shop", attributes=agent) as root:
        made.append(root)
        chat: dict[str, str | int] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 12,
            "gen_ai.usage.output_tokens": 3,
        }
        with tracer.start_as_current_span("chat gpt-4o", attributes=chat) as model:
            model.add_event("first token", {"after_ms": 40})
        tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "find"}
        with tracer.start_as_current_span("execute_tool find", attributes=tool):
            raise ValueError("no such item")


def test_nested_spans_with_tokens_and_an_error(provider: TracerProvider, api: Api) -> None:
    """Parents, tokens, model, tool name, events, the exception and the run's end are as the program had them."""
    tracer = provider.get_tracer("shop", "0.1")
    made: list[trace.Span] = []
    with pytest.raises(ValueError, match="no such item"):
        _agent(tracer, made)
    provider.force_flush()
    run = run_of(api, _trace_id(made[0]))
    assert (run["status"], run["error_type"]) == ("failed", "ValueError")
    assert (run["input_tokens"], run["output_tokens"]) == (12, 3)
    spans = {found["name"]: found for found in spans_of(api, run["id"]).values()}
    assert {name: found["schema_name"] for name, found in spans.items()} == {
        "invoke_agent shop": "agent:run",
        "chat gpt-4o": "agent:llm",
        "find": "agent:tool",
    }
    assert spans["find"]["parent_span_id"] == spans["invoke_agent shop"]["id"]
    assert "ValueError: no such item" in spans["find"]["error"]["stack"]
    events = api.get(f"/agent_events?agent_instance_id={run['id']}")[1]["summaries"]
    assert [(event["name"], event["agent_span_id"]) for event in events] == [
        ("first token", spans["chat gpt-4o"]["id"])
    ]


def test_spans_sent_one_by_one(running: Listening, api: Api) -> None:
    """Each span in a request of its own, children first, gives the same run."""
    exporter = OTLPSpanExporter(
        endpoint=f"{running.url}/v1/traces", headers={"x-holdfast-token": running.token}
    )
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("one by one")
    with tracer.start_as_current_span("root") as root:
        for number in range(3):
            with tracer.start_as_current_span(f"step {number}"):
                pass
    provider.shutdown()
    run = run_of(api, _trace_id(root))
    assert (run["status"], run["span_counts"]["complete"]) == ("complete", 4)


def test_spans_under_a_run_of_our_sdk(
    provider: TracerProvider, running: Listening, api: Api, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What a service records with OpenTelemetry under a Holdfast run's `traceparent` is in that run, under
    the span that called."""
    spool = str(tmp_path_factory.mktemp("spool"))
    client = holdfast.init(agent="caller", url=running.url, token=running.token, spool=spool)
    try:
        with holdfast.run("outer work") as run, holdfast.span("call the service") as caller:
            context = TraceContextTextMapPropagator().extract(holdfast.inject(dict[str, str]()))
            with provider.get_tracer("service").start_as_current_span("serve", context=context):
                pass
        provider.force_flush()
        assert client.flush(20)
    finally:
        client.close()
    spans = {found["name"]: found for found in spans_of(api, run.id).values()}
    assert caller.id.replace("-", "").endswith(spans["serve"]["parent_span_id"])
    details = api.get(f"/agent_instance/{run.id}")[1]["details"]
    assert (details["name"], details["status"]) == ("outer work", "complete")
