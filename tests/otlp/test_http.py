"""`POST /v1/traces`: what is taken, what is refused, and in whose words."""

from __future__ import annotations

import gzip
import os
from typing import Any

import msgspec
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from holdfast._ids import new_id
from holdfast.server.running import Listening
from holdfast.wire.vocabulary import TokenScope
from otlp.sending import (
    NOW,
    SECOND,
    new_span_id,
    new_trace,
    only_span,
    post,
    request,
    run_id,
    run_of,
    send,
    span,
    spans_of,
)
from server.client import Api

PROTOBUF = {"Content-Type": "application/x-protobuf"}
YEAR_2100 = 4_102_444_800 * SECOND


def test_a_trace_in_json_becomes_a_run(api: Api) -> None:
    """Service, version and environment name the agent's; the root decides status and times; ids are hex."""
    trace = new_trace()
    root = span(trace, name="answer", status={"code": 2, "message": "it broke"})
    inner = span(trace, {"n": 7, "deep": {"list": [1, 2.5, True]}}, parentSpanId=root["spanId"], kind=3)
    resource = {"service.name": "desk", "service.version": "3.1", "deployment.environment.name": "prod"}
    send(api, inner, root, resource=resource)
    run = run_of(api, trace)
    assert (run["status"], run["error_type"]) == ("failed", "error")
    assert run["external_identifier"] == trace
    assert run["attributes"]["service.version"] == "3.1"
    spans = spans_of(api, run_id(trace))
    assert spans[inner["spanId"]]["parent_span_id"] == root["spanId"]
    assert spans[inner["spanId"]]["attributes"]["deep"] == {"list": [1, 2.5, True]}
    assert spans[inner["spanId"]]["attributes"]["otel.span.kind"] == "client"
    assert spans[root["spanId"]]["error"]["message"] == "it broke"
    assert spans[root["spanId"]]["status"] == "failed"


def test_a_trace_sent_again_changes_nothing(api: Api) -> None:
    """Exporters repeat what they got no answer to: spans, events, tokens and the run stay as they were."""
    trace = new_trace()
    root = span(trace)
    chat = span(
        trace,
        {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 5},
        parentSpanId=root["spanId"],
        events=[{"name": "seen", "timeUnixNano": str(NOW)}],
    )
    send(api, chat, root)
    before = run_of(api, trace), spans_of(api, run_id(trace))
    for _ in range(3):
        send(api, chat, root)
    assert (run_of(api, trace), spans_of(api, run_id(trace))) == before
    assert before[0]["input_tokens"] == 5
    assert api.get(f"/agent_events?agent_instance_id={run_id(trace)}")[1]["pagination"]["item_count"] == 1


def test_spans_may_come_in_any_order_and_late(api: Api) -> None:
    """A child before its root keeps the run active; the root ends it; what comes later is still taken in."""
    trace = new_trace()
    root = span(trace)
    send(api, span(trace, parentSpanId=root["spanId"], startTimeUnixNano=str(NOW - SECOND)))
    assert run_of(api, trace)["status"] == "active"
    send(api, root)
    assert run_of(api, trace)["status"] == "complete"
    send(api, span(trace, parentSpanId=root["spanId"]))
    run = run_of(api, trace)
    assert (run["status"], run["span_counts"]["total"]) == ("complete", 3)


def test_a_trace_under_a_holdfast_run_joins_it(api: Api) -> None:
    """The `traceparent` of a run has its id: spans join it, announce nothing and end nothing."""
    run = new_id()
    trace = run.replace("-", "")
    caller = new_id()
    inner = span(trace, parentSpanId=caller.replace("-", "")[-16:])
    send(api, inner)  # before the client's own word of the run has come
    assert run_of(api, trace)["registered"] is False
    api.run(run)
    details = {"agent_instance_id": run, "id": caller, "schema_name": "agent:step", "status": "active"}
    assert api.post("/agent_spans", {"details": details})[0] == 200
    found = run_of(api, trace)
    assert (found["status"], found["registered"], found["span_counts"]["total"]) == ("active", True, 2)


def test_an_attribute_names_the_run(api: Api) -> None:
    """`holdfast.run.id` puts the spans of any trace into that run, which its owner ends."""
    api.run("the-run")
    send(api, span(new_trace(), {"holdfast.run.id": "the-run"}))
    send(api, span(new_trace()), resource={"service.name": "s", "holdfast.run.id": "the-run"})
    found = api.get("/agent_instance/the-run")[1]["details"]
    assert (found["span_counts"]["total"], found["status"]) == (2, "active")


@pytest.mark.parametrize("header", ["x-holdfast-token", "x-api-key", "api-key", "authorization"])
def test_the_token_may_stand_in_several_headers(running: Listening, header: str) -> None:
    """What `OTEL_EXPORTER_OTLP_HEADERS` can say is enough."""
    token = f"Bearer {running.token}" if header == "authorization" else running.token
    with Api(running.url, None) as api:
        body = msgspec.json.encode(request(span(new_trace())))
        assert api.raw("POST", "/v1/traces", body, {header: token}).status == 200
        assert api.raw("POST", "/v1/traces", body, {header: f"{token}x"}).status == 401


def test_a_bound_token_decides_whose_runs_they_are(running: Listening, api: Api) -> None:
    """With a token of one agent the service's name is no wish for another."""
    api.run("of-the-bound-agent", agent_id="bound agent")
    agent = api.get("/agent_instance/of-the-bound-agent")[1]["details"]["agent_id"]
    _, secret = running.services.auth.create_token("default", "bound", [TokenScope.INGEST], agent_id=agent)
    trace = new_trace()
    with Api(running.url, secret) as bound:
        send(bound, span(trace), resource={"service.name": "something else"})
    assert run_of(api, trace)["agent_id"] == agent


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (PROTOBUF, b"\xff\xfe garbage", 400),
        (PROTOBUF | {"Content-Encoding": "gzip"}, b"no gzip", 400),
        (PROTOBUF | {"Content-Encoding": "br"}, b"", 415),
        (PROTOBUF | {"Authorization": "Bearer nobody"}, b"", 401),
        (PROTOBUF, b"\0" * (9 << 20), 413),
    ],
    ids=["garbage", "no gzip", "brotli", "token", "too large"],
)
def test_errors_in_protobuf_are_a_status(api: Api, headers: dict[str, str], body: bytes, status: int) -> None:
    """A request in protobuf is refused in protobuf, with `google.rpc.Status`."""
    answer = api.raw("POST", "/v1/traces", body, headers)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/x-protobuf"
    told = Status.FromString(answer.data)
    assert told.code > 0
    assert told.message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"resourceSpans": 3}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"soon"}]}]}]}',
        b'{"resourceSpans":' * 50_000,
    ],
)
def test_garbage_in_json_is_refused_in_json(api: Api, body: bytes) -> None:
    """What is no trace request gets 400 and a message."""
    answer = api.raw("POST", "/v1/traces", body)
    told = msgspec.json.decode(answer.data)
    if b"soon" in body:  # without ids it is not looked at closer
        assert (answer.status, told["partialSuccess"]["rejectedSpans"]) == (200, "1")
    else:
        assert (answer.status, told["code"]) == (400, 3)
        assert told["message"]


def test_other_content_types_are_refused(api: Api) -> None:
    """Neither text nor nothing is guessed at."""
    for given in ("text/plain", "application/grpc", ""):
        answer = api.raw("POST", "/v1/traces", b"{}", {"Content-Type": given})
        assert answer.status == 415
        assert b"application/x-protobuf" in answer.data


def test_spans_without_ids_are_counted_as_rejected(api: Api) -> None:
    """Partial success: the good span is kept, the others are counted and the reason is told."""
    trace = new_trace()
    bad: list[dict[str, Any]] = [
        span(""),
        span("0" * 32),
        span(trace, spanId="xyz"),
        span(trace, spanId="0" * 16),
        span(trace[:-1]),
    ]
    status, answer = post(api, request(span(trace), *bad))
    assert (status, answer["partialSuccess"]["rejectedSpans"]) == (200, "5")
    assert "32 hex digits" in answer["partialSuccess"]["errorMessage"]
    assert run_of(api, trace)["span_counts"]["total"] == 1

    message = ExportTraceServiceRequest()
    message.resource_spans.add().scope_spans.add().spans.add(name="no ids")
    answered = api.raw("POST", "/v1/traces", message.SerializeToString(), PROTOBUF)
    assert ExportTraceServiceResponse.FromString(answered.data).partial_success.rejected_spans == 1


def test_protobuf_in_gzip_and_empty_requests(api: Api) -> None:
    """A gzipped request is taken, and one without spans is no error."""
    message = ExportTraceServiceRequest()
    trace = os.urandom(16)
    message.resource_spans.add().scope_spans.add().spans.add(
        trace_id=trace, span_id=b"12345678", name="packed"
    )
    body = gzip.compress(message.SerializeToString())
    answer = api.raw("POST", "/v1/traces", body, PROTOBUF | {"Content-Encoding": "gzip"})
    assert (answer.status, answer.data) == (200, b"")
    assert only_span(api, trace.hex())["name"] == "packed"
    assert api.raw("POST", "/v1/traces", b"", PROTOBUF).status == 200
    assert post(api, {}) == (200, {})


def test_huge_batches_are_taken_whole(api: Api) -> None:
    """Many more spans than one transaction takes are all there after the answer."""
    trace = new_trace()
    root = span(trace)
    inner = [span(trace, parentSpanId=root["spanId"]) for _ in range(9_000)]
    send(api, root, *inner)
    run = run_of(api, trace)
    assert (run["span_counts"]["complete"], run["status"]) == (9_001, "complete")


@pytest.mark.parametrize(
    ("start", "end"),
    [(1, 2), (YEAR_2100, YEAR_2100 + 1), (NOW, 1), (0, 0), (0, NOW), (2**64 - 1, 2**64 - 1), (NOW, 2**63)],
    ids=[
        "1970",
        "2100",
        "ends before it starts",
        "no times",
        "no start",
        "beyond 64 bits",
        "end beyond 63 bits",
    ],
)
def test_clocks_may_be_wrong(api: Api, start: int, end: int) -> None:
    """Spans of 1970, of 2100, beyond all columns, ending before they start or without times are kept."""
    trace = new_trace()
    send(api, span(trace, startTimeUnixNano=str(start), endTimeUnixNano=str(end)))
    found = only_span(api, trace)
    assert found["started_at"] is not None
    assert found["status"] == ("complete" if end else "active")
    if end:
        assert found["finished_at"] >= found["started_at"]


def test_ten_thousand_attributes(api: Api) -> None:
    """All of them are kept."""
    trace = new_trace()
    send(api, span(trace, {f"a.{number}": number for number in range(10_000)}))
    attributes = only_span(api, trace)["attributes"]
    assert attributes["a.9999"] == 9999
    assert len([name for name in attributes if name.startswith("a.")]) == 10_000


def test_half_a_character_and_numbers_that_json_has_not(api: Api) -> None:
    """Escapes of half a surrogate pair, NaN and 80-bit integers spoil nothing."""
    trace = new_trace()
    body = msgspec.json.encode(request(span(trace, {"cut": "CUT", "n": 2**80}, name="half")))
    body = body.replace(b"CUT", rb"a \ud83d").replace(
        b'"attributes":[{"key":"cut"', b'"attributes":[{"key":"x","value":{"doubleValue":"NaN"}},{"key":"cut"'
    )
    assert api.raw("POST", "/v1/traces", body).status == 200
    attributes = only_span(api, trace)["attributes"]
    assert attributes["cut"] == "a \ufffd"
    assert (attributes["n"], attributes["x"]) == (str(2**80), "nan")


def test_a_span_without_an_end_is_ended_by_its_second_telling(api: Api) -> None:
    """First without an end, later with one: the span and its run are active, then complete."""
    trace = new_trace()
    whole = span(trace, {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 5})
    send(api, {**whole, "endTimeUnixNano": "0"})
    assert only_span(api, trace)["status"] == run_of(api, trace)["status"] == "active"
    for _ in range(2):
        send(api, whole)
    assert only_span(api, trace)["status"] == run_of(api, trace)["status"] == "complete"
    assert (run_of(api, trace)["input_tokens"], run_of(api, trace)["span_counts"]["total"]) == (5, 1)


def test_links_and_what_was_dropped_are_kept(api: Api) -> None:
    """Links, trace state and the sender's counts of what it left out stand in the attributes."""
    trace, other = new_trace(), new_trace()
    link = {"traceId": other, "spanId": new_span_id(), "attributes": []}
    send(api, span(trace, links=[link], traceState="a=b", droppedAttributesCount=3))
    attributes = only_span(api, trace)["attributes"]
    assert attributes["otel.links"][0]["trace_id"] == other
    assert attributes["otel.trace_state"] == "a=b"
    assert attributes["otel.dropped_attributes_count"] == 3


def test_a_cancellation_is_no_failure(api: Api) -> None:
    """A span and a run that ended by a cancellation say so."""
    trace = new_trace()
    event = {
        "name": "exception",
        "timeUnixNano": str(NOW),
        "attributes": [
            {"key": "exception.type", "value": {"stringValue": "asyncio.exceptions.CancelledError"}}
        ],
    }
    send(api, span(trace, status={"code": 2}, events=[event]))
    assert only_span(api, trace)["status"] == run_of(api, trace)["status"] == "cancelled"
