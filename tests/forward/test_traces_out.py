"""What a receiver of OTLP gets of a run, decoded with OpenTelemetry's own messages."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from forward.sending import Forward, Sink, told
from holdfast.wire.trace_ids import span_hex, trace_hex
from server.client import Api

SECOND = 1_000_000_000
NOW = 1_790_000_000 * SECOND


def record(api: Api, run_id: str, spans: list[dict[str, Any]], **finish: Any) -> None:
    """A run of the agent `clerk` with these spans, ended."""
    register = {
        "_type": "agent_instances/register",
        "id": run_id,
        "agent_id": "clerk",
        "agent_version": {"external_identifier": "7"},
        "environment_id": "prod",
        "name": "the task",
        "attributes": {"tenant": "a", "holdfast.run.input": {"value": "sort the mail"}},
        "timestamp": NOW,
    }
    start = {"_type": "agent_instances/start", "agent_instance_id": run_id, "timestamp": NOW}
    items: list[dict[str, Any]] = [register, start]
    items += [{"_type": "agent_spans/create", "agent_instance_id": run_id, **span} for span in spans]
    end = {"_type": "agent_instances/finish", "agent_instance_id": run_id, "timestamp": NOW + 9 * SECOND}
    items.append(end | finish)
    status, answer = api.bulk(
        [{"idempotency_key": f"key-{place:06}", **item} for place, item in enumerate(items)]
    )
    assert (status, answer["outputs"]) == (200, {})


def span(span_id: str, kind: str, name: str, **fields: Any) -> dict[str, Any]:
    times = {"started_at": NOW + SECOND, "finished_at": NOW + 2 * SECOND}
    return {"id": span_id, "schema_name": kind, "name": name, "status": "complete", **times, **fields}


def by_id(sink: Sink) -> dict[str, Span]:
    return {found.span_id.hex(): found for found in sink.spans()}


ASKED = {"messages": [{"role": "user", "content": "why?"}], "system_instructions": "be brief"}
ANSWERED = {"messages": [{"role": "assistant", "content": "because", "finish_reason": "stop"}]}
MODEL = {
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.cache_creation.input_tokens": 40,
    "gen_ai.usage.output_tokens": 7,
    "holdfast.cost.usd": 0.25,
    "holdfast.cost.source": "computed",
}


@pytest.fixture
def run_id(api: Api) -> str:
    """A run with a model call that calls a tool which fails, a retrieval and an agent inside."""
    run_id = str(uuid.uuid4())
    llm, tool, other = (str(uuid.uuid4()) for _ in range(3))
    error = {
        "type": "builtins.TimeoutError",
        "message": "too slow",
        "stack": "Traceback",
        "category": "timeout",
    }
    record(
        api,
        run_id,
        [
            span(llm, "agent:llm", "answer", payload=ASKED, result_payload=ANSWERED, attributes=MODEL),
            span(
                tool,
                "agent:tool",
                "search",
                parent_span_id=llm,
                status="failed",
                error=error,
                payload={"q": 1},
            ),
            span(other, "acme:thing", "own", status="cancelled"),
            span("pfid-like", "agent:run", "helper", attributes={"gen_ai.agent.id": "h1"}),
        ],
    )
    return run_id


def test_a_run_is_a_trace(api: Api, sink: Sink, forward: Forward, run_id: str) -> None:
    """Its id is the run's, a span at the root stands for the run, the agent is the service, and every span keeps
    its parent, times, kind, status and error under the names of GenAI 1.41."""
    done = forward(sink.url, headers={"x-key": "secret"})
    assert (done.runs, done.spans, done.refused) == (1, 5, 0)
    assert sink.headers[0]["x-key"] == "secret"
    (request,) = sink.requests
    (group,) = request.resource_spans
    assert told(group.resource.attributes) == {
        "service.name": "clerk",
        "service.version": "7",
        "deployment.environment.name": "prod",
    }
    assert [part.schema_url for part in group.scope_spans] == ["https://opentelemetry.io/schemas/1.41.0"]
    found = by_id(sink)
    assert {one.trace_id.hex() for one in found.values()} == {uuid.UUID(run_id).hex}
    root = found[span_hex(run_id)]
    assert (root.name, root.kind, root.parent_span_id) == ("invoke_agent clerk", Span.SPAN_KIND_INTERNAL, b"")
    assert (root.start_time_unix_nano, root.end_time_unix_nano) == (NOW, NOW + 9 * SECOND)
    about = told(root.attributes)
    assert about["gen_ai.operation.name"] == "invoke_agent"
    assert (about["gen_ai.agent.name"], about["gen_ai.agent.version"], about["tenant"]) == ("clerk", "7", "a")
    names = {one.name: one for one in found.values()}
    llm, tool, own = names["chat claude"], names["execute_tool search"], names["own"]
    assert (llm.kind, llm.status.code) == (Span.SPAN_KIND_CLIENT, Status.STATUS_CODE_UNSET)
    assert llm.parent_span_id == root.span_id
    assert {key: told(llm.attributes)[key] for key in MODEL} == MODEL
    assert told(llm.attributes)["holdfast.span.name"] == "answer"
    assert tool.parent_span_id == llm.span_id
    assert (tool.status.code, tool.status.message) == (Status.STATUS_CODE_ERROR, "too slow")
    assert told(tool.attributes)["error.type"] == "builtins.TimeoutError"
    assert told(tool.attributes)["holdfast.failure.category"] == "timeout"
    (event,) = tool.events
    assert event.name == "exception"
    assert told(event.attributes) == {
        "exception.type": "builtins.TimeoutError",
        "exception.message": "too slow",
        "exception.stacktrace": "Traceback",
    }
    assert (own.status.code, told(own.attributes)["holdfast.span.status"]) == (0, "cancelled")
    assert "invoke_agent helper" in names


def test_what_was_said_stays_here_unless_it_is_asked_for(sink: Sink, forward: Forward, run_id: str) -> None:
    """No message, argument or result is in a request, under whatever name, without the wish for content."""
    forward(sink.url)
    assert not any(
        word in body for body in sink.bodies for word in (b"why?", b"because", b"be brief", b"sort the")
    )


def test_content_goes_as_the_conventions_write_it(sink: Sink, forward: Forward, run_id: str) -> None:
    """Messages have parts, instructions stand apart, arguments are JSON."""
    forward(sink.url, content=True)
    names = {one.name: told(one.attributes) for one in sink.spans()}
    llm = names["chat claude"]
    text = {"type": "text", "content": "why?"}
    assert json.loads(llm["gen_ai.input.messages"]) == [{"role": "user", "parts": [text]}]
    assert llm["gen_ai.system_instructions"] == "be brief"
    (answer,) = json.loads(llm["gen_ai.output.messages"])
    assert (answer["parts"], answer["finish_reason"]) == ([{"type": "text", "content": "because"}], "stop")
    assert json.loads(names["execute_tool search"]["gen_ai.tool.call.arguments"]) == {"q": 1}
    assert names["invoke_agent clerk"]["input.value"] == "sort the mail"


def test_the_names_after_1_41(sink: Sink, forward: Forward, run_id: str) -> None:
    """Where the newest names are asked for, those that were renamed since are written so, and only so."""
    forward(sink.url, newest=True, content=True)
    names = {one.name: told(one.attributes) for one in sink.spans()}
    llm = names["chat claude"]
    assert llm["gen_ai.usage.cache_write.input_tokens"] == 40
    assert "gen_ai.usage.cache_creation.input_tokens" not in llm
    assert llm["gen_ai.response.finish_reasons"] == ["stop"]
    assert "finish_reason" not in json.loads(llm["gen_ai.output.messages"])[0]
    assert "gen_ai.agent.id" not in names["invoke_agent helper"]
    assert [part.schema_url for part in sink.requests[0].resource_spans[0].scope_spans] == [""]


def test_ids_that_are_no_uuids(api: Api, sink: Sink, forward: Forward) -> None:
    """A run and spans with ids of another kind get ids of their own that are the same every time; each span
    says which run it is of."""
    record(api, "0run-of-another-client", [span("s1", "agent:step", "a"), span("s2", "agent:step", "b")])
    forward(sink.url)
    forward(sink.url.replace("127.0.0.1", "localhost"))
    spans = sink.spans()
    assert len(spans) == 6
    assert len({(one.trace_id, one.span_id) for one in spans}) == 3
    assert {one.trace_id.hex() for one in spans} == {trace_hex("0run-of-another-client")}
    assert all(told(one.attributes)["holdfast.run.id"] == "0run-of-another-client" for one in spans)


def test_events_judgements_and_callers(api: Api, sink: Sink, forward: Forward) -> None:
    """Events stand on their spans, those of the run and its judgements on the root; the work that called the
    run is a link."""
    run_id, step, caller = str(uuid.uuid4()), str(uuid.uuid4()), str(uuid.uuid4())
    assert (
        api.post("/agent_instance/register", {"id": run_id, "agent_id": "clerk", "parent": caller})[0] == 200
    )
    assert (
        api.post(f"/agent_instance/{run_id}/record_quality", {"name": "tone", "payload": {"score": 0.5}})[0]
        == 200
    )
    base = {"_type": "agent_events/create", "agent_instance_id": run_id, "timestamp": NOW}
    items = [
        base
        | {
            "idempotency_key": "event-one",
            "id": "e1",
            "name": "seen",
            "agent_span_id": step,
            "level": "warning",
        },
        base | {"idempotency_key": "event-two", "id": "e2", "name": "budget", "payload": {"left": 2}},
    ]
    assert api.bulk(items)[1]["outputs"] == {}
    record(api, run_id, [span(step, "agent:step", "a")])
    forward(sink.url)
    found = by_id(sink)
    (seen,) = found[span_hex(step)].events
    assert (seen.name, seen.time_unix_nano, told(seen.attributes)) == (
        "seen",
        NOW,
        {"holdfast.event.level": "warning"},
    )
    root = found[span_hex(run_id)]
    events = {one.name: told(one.attributes) for one in root.events}
    assert events["budget"] == {"left": 2}
    assert events["gen_ai.evaluation.result"]["gen_ai.evaluation.name"] == "tone"
    assert events["gen_ai.evaluation.result"]["gen_ai.evaluation.score.value"] == 0.5
    (link,) = root.links
    assert (link.trace_id.hex(), link.span_id.hex()) == (uuid.UUID(caller).hex, span_hex(caller))


@pytest.mark.parametrize(
    ("finish", "code", "message"),
    [
        ({"status": "failed", "error": {"type": "E", "message": "no"}}, Status.STATUS_CODE_ERROR, "no"),
        ({"status": "cancelled"}, Status.STATUS_CODE_UNSET, ""),
        ({}, Status.STATUS_CODE_UNSET, ""),
    ],
)
def test_how_a_run_ended(
    api: Api, sink: Sink, forward: Forward, finish: dict[str, Any], code: int, message: str
) -> None:
    """A failure is an error with its message; to be cancelled is none."""
    record(api, str(uuid.uuid4()), [], **finish)
    forward(sink.url)
    (root,) = sink.spans()
    assert (root.status.code, root.status.message) == (code, message)


def test_a_trace_goes_out_as_it_came_in(api: Api, sink: Sink, forward: Forward) -> None:
    """What OpenTelemetry told is told again with the same ids, resource, scope, kind, links and state, and no span
    is added."""
    trace_id, root_id, child_id = uuid.uuid4().hex, "00f067aa0ba902b7", "53995c3f42cd8ad8"
    attributes = [{"key": "service.name", "value": {"stringValue": "shop"}}]
    attributes.append({"key": "host.name", "value": {"stringValue": "h"}})
    link = {"traceId": "1" * 32, "spanId": "2" * 16, "attributes": []}
    common = {"traceId": trace_id, "startTimeUnixNano": str(NOW), "endTimeUnixNano": str(NOW + 5)}
    spans = [
        common | {"spanId": root_id, "name": "GET /", "kind": 2, "status": {"code": 1}, "traceState": "a=b"},
        common | {"spanId": child_id, "parentSpanId": root_id, "name": "x", "kind": 4, "links": [link]},
    ]
    scope = {"scope": {"name": "lib", "version": "3"}, "spans": spans}
    body = {"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [scope]}]}
    assert api.raw("POST", "/v1/traces", json.dumps(body).encode()).status == 200
    forward(sink.url)
    (request,) = sink.requests
    (group,) = request.resource_spans
    assert told(group.resource.attributes) == {"service.name": "shop", "host.name": "h"}
    (part,) = group.scope_spans
    assert (part.scope.name, part.scope.version) == ("lib", "3")
    found = by_id(sink)
    assert set(found) == {root_id, child_id}
    root, child = found[root_id], found[child_id]
    assert (root.name, root.kind, root.parent_span_id, root.trace_state) == ("GET /", 2, b"", "a=b")
    assert root.status.code == Status.STATUS_CODE_OK
    assert (child.name, child.kind, child.parent_span_id.hex()) == ("x", 4, root_id)
    assert [(one.trace_id.hex(), one.span_id.hex()) for one in child.links] == [("1" * 32, "2" * 16)]
    assert "otel.span.kind" not in told(child.attributes)
