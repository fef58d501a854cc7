"""Receivers that are away, busy, in the wrong place or picky, and what is left to do after a restart."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from forward.sending import TAKEN, Answer, Forward, Sink, told
from forward.test_traces_out import record, span
from holdfast.errors import ForwardingError, ForwardingStopped, InvalidInputError
from holdfast.server.app import create_app
from holdfast.server.config import ServerConfig
from holdfast.server.running import background_server
from holdfast.server.services.forward.receiver import Receiver, headers_in, traces_address
from holdfast.server.services.forward.verdicts import (
    Later,
    Refused,
    Taken,
    TooLarge,
    Verdict,
    WrongPlace,
    judge,
)
from server.client import Api
from waiting import wait_until

PROTOBUF = {"Content-Type": "application/x-protobuf"}


def partial(rejected: int) -> Answer:
    success = ExportTracePartialSuccess(rejected_spans=rejected, error_message="not these")
    return 200, PROTOBUF, ExportTraceServiceResponse(partial_success=success).SerializeToString()


def runs(api: Api, count: int, spans: int = 1) -> list[str]:
    ids = [str(uuid.uuid4()) for _ in range(count)]
    for run_id in ids:
        record(api, run_id, [span(str(uuid.uuid4()), "agent:step", "a") for _ in range(spans)])
    return ids


@pytest.mark.parametrize(
    "answer",
    [
        (503, {"Retry-After": "1"}, b""),
        (429, {}, b""),
        (502, {"Content-Type": "text/html"}, b"<html>"),
    ],
)
def test_a_busy_receiver_is_asked_again(api: Api, sink: Sink, forward: Forward, answer: Answer) -> None:
    """The same request comes until it is taken, and its runs are counted once."""
    runs(api, 2)
    sink.answers = [answer, answer]
    done = forward(sink.url)
    assert (done.runs, done.spans, len(sink.headers), len(sink.bodies)) == (2, 4, 3, 1)


def test_the_receiver_says_how_long_to_wait(api: Api, sink: Sink, forward: Forward) -> None:
    """A Retry-After is kept to."""
    runs(api, 1)
    sink.answers = [(503, {"Retry-After": "3"}, b"")]
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return False  # asked for 0 seconds, too: whether to go on

    forward(sink.url, wait=wait)
    assert [seconds for seconds in waits if seconds] == [3.0]


def test_rejected_spans_are_counted_not_sent_again(api: Api, sink: Sink, forward: Forward) -> None:
    """Partial success is read."""
    runs(api, 1, spans=3)
    sink.answers = [partial(3)]
    done = forward(sink.url)
    assert (done.runs, done.spans, done.refused, len(sink.headers)) == (1, 1, 3, 1)


def test_what_is_refused_for_good_does_not_hold_up_the_rest(api: Api, sink: Sink, forward: Forward) -> None:
    """A bad request is counted, and the next one goes."""
    runs(api, 2, spans=400)
    status = Status(code=3, message="no").SerializeToString()
    sink.answers = [(400, PROTOBUF, status)]
    done = forward(sink.url)
    assert done.runs == 2
    assert done.refused == 512
    assert done.spans == 2 * 401 - 512


def test_a_request_that_is_too_large_goes_in_parts(api: Api, sink: Sink, forward: Forward) -> None:
    """It is halved until it is welcome; a single span that is too large is counted as refused."""
    (run_id,) = runs(api, 1, spans=20)

    def judge_size(body: bytes) -> Answer | None:
        request = ExportTraceServiceRequest()
        request.ParseFromString(body)
        names = [
            one.name for group in request.resource_spans for part in group.scope_spans for one in part.spans
        ]
        return (413, {}, b"") if len(names) > 4 or "invoke_agent clerk" in names else None

    sink.judge = judge_size
    done = forward(sink.url)
    assert (done.runs, done.spans, done.refused) == (1, 20, 1)
    assert {one.trace_id.hex() for one in sink.spans()} == {uuid.UUID(run_id).hex}


@pytest.mark.parametrize(
    "answer",
    [
        (401, {}, b""),
        (404, {"Content-Type": "text/plain"}, b"nothing here"),
        (302, {"Location": "http://127.0.0.1:9/login"}, b""),
        (200, {"Content-Type": "text/html"}, b"<html>log in</html>"),
        (200, PROTOBUF, b"\xff\xff\xff garbage"),
        (200, {"Content-Type": "application/json"}, b"garbage"),
    ],
)
def test_a_receiver_in_the_wrong_place(api: Api, sink: Sink, forward: Forward, answer: Answer) -> None:
    """A refusal of everything, a login page and an answer that is none stop the work before anything is lost."""
    runs(api, 1)
    sink.answers = [answer]
    with pytest.raises(ForwardingError) as caught:
        forward(sink.url)
    assert caught.value.destination == f"{sink.url}/v1/traces"
    assert forward(sink.url).runs == 1


def test_nobody_answers(api: Api, forward: Forward) -> None:
    """A command gives up after a while; nothing counts as sent."""
    runs(api, 1)
    with pytest.raises(ForwardingError, match="connection refused"):
        forward("http://127.0.0.1:9")


def test_a_receiver_that_says_nothing(api: Api, sink: Sink, forward: Forward) -> None:
    """After the timeout the request is sent again."""
    runs(api, 1)
    asked: list[bytes] = []

    def once_too_slow(body: bytes) -> Answer | None:
        asked.append(body)
        if len(asked) == 1:
            wait_until(lambda: len(asked) > 1)
        return None

    sink.judge = once_too_slow
    assert forward(sink.url, timeout=0.2).runs == 1
    assert asked[0] == asked[1]


def test_a_restart_goes_on_where_it_stopped(api: Api, sink: Sink, forward: Forward) -> None:
    """Neither left out nor sent twice: what arrived before, what a process was killed at, what came since."""
    first = runs(api, 3)
    assert forward(sink.url).runs == 3
    second = runs(api, 2, spans=300)
    sink.answers = [TAKEN, (401, {}, b"")]
    with pytest.raises(ForwardingError):
        forward(sink.url)
    done = forward(sink.url)
    assert done.runs == 5
    assert forward(sink.url).runs == 5
    seen = [one.trace_id.hex() for one in sink.spans() if not one.parent_span_id]
    assert seen[:3] == [uuid.UUID(one).hex for one in first]
    assert set(seen[3:]) == {uuid.UUID(one).hex for one in second}
    spans = [(one.trace_id, one.span_id) for one in sink.spans()]
    assert len(set(spans)) == 3 * 2 + 2 * 301


def test_one_at_a_time(api: Api, sink: Sink, forward: Forward) -> None:
    """Two processes do not forward to the same receiver; what the first let go of the second takes up."""
    first, second = forward.forwarder(sink.url), forward.forwarder(sink.url)
    assert first.open()
    assert not second.open()
    first.close()
    assert second.open()
    second.close()


def test_a_run_goes_when_it_has_settled(api: Api, sink: Sink, forward: Forward) -> None:
    """Not while it or something in it goes on; once more, whole, when something comes late."""
    run_id, step = str(uuid.uuid4()), str(uuid.uuid4())
    assert api.post("/agent_instance/register", {"id": run_id, "agent_id": "clerk"})[0] == 200
    assert api.post(f"/agent_instance/{run_id}/start", {})[0] == 200
    details = {"agent_instance_id": run_id, "id": step, "schema_name": "agent:step", "status": "active"}
    assert api.post("/agent_spans", {"details": details})[0] == 200
    assert forward(sink.url).runs == 0
    assert api.post(f"/agent_instance/{run_id}/finish", {})[0] == 200
    assert forward(sink.url).runs == 0
    assert api.post(f"/agent_spans/{step}/finish", {})[0] == 200
    assert forward(sink.url).runs == 1
    late = details | {"id": str(uuid.uuid4()), "status": "complete"}
    assert api.post("/agent_spans", {"details": late})[0] == 200
    assert forward(sink.url).runs == 2
    assert len(sink.requests[1].resource_spans[0].scope_spans[0].spans) == 3


def test_only_one_agent(api: Api, sink: Sink, forward: Forward) -> None:
    """Progress is kept for each choice of runs."""
    runs(api, 1)
    other = api.run(str(uuid.uuid4()))
    assert api.post(f"/agent_instance/{other}/finish", {})[0] == 200
    agent_id = api.get(f"/agent_instance/{other}")[1]["details"]["agent_id"]
    assert forward(sink.url, agent_id=agent_id).runs == 1
    (root,) = sink.spans()
    assert told(root.attributes)["gen_ai.agent.name"] == "tester"
    assert forward(sink.url).runs == 2


def test_a_large_run_in_pieces(api: Api, sink: Sink, forward: Forward) -> None:
    """A run of thousands of spans goes in many requests, each span and each event once."""
    (run_id,) = runs(api, 1, spans=2_000)
    base = {"_type": "agent_events/create", "agent_instance_id": run_id, "name": "n", "timestamp": 5}
    ids = [row["id"] for row in api.get(f"/agent_spans?agent_instance_id={run_id}")[1]["summaries"]]
    items = [
        base | {"idempotency_key": f"evt-{one}"[:60], "id": f"e{one}", "agent_span_id": one} for one in ids
    ]
    assert api.bulk(items)[1]["outputs"] == {}
    assert forward(sink.url).runs == 1
    spans = sink.spans()
    assert len(sink.bodies) >= 4
    assert len({one.span_id for one in spans}) == len(spans) == 2_001
    assert sum(len(one.events) for one in spans) == len(ids)


@pytest.mark.slow
def test_a_server_forwards_by_itself(tmp_path: Path, sink: Sink) -> None:
    """With `forward_to` set, what settles goes; a receiver that is away neither slows recording nor the stop."""
    sink.judge = lambda _: (503, {"Retry-After": "60"}, b"")
    config = ServerConfig(
        data=tmp_path, port=0, forward_to=sink.url, forward_headers="x-key=a%20b", forward_content=True
    )
    with background_server(config) as server, Api(server.url, server.token) as api:
        (run_id,) = runs(api, 1)
        wait_until(lambda: sink.headers)
        assert sink.headers[0]["x-key"] == "a b"
        runs(api, 3)
        began = time.monotonic()
    assert time.monotonic() - began < 8
    sink.judge = lambda _: None
    with background_server(config):
        wait_until(lambda: len(sink.spans()) == 8)
    assert uuid.UUID(run_id).hex in {one.trace_id.hex() for one in sink.spans()}


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"forward_to": "ftp://x"}, "to"),
        ({"forward_to": "http://x", "forward_headers": "nonsense"}, "header"),
    ],
)
def test_settings_that_cannot_work(tmp_path: Path, settings: dict[str, str], field: str) -> None:
    """They keep the server from starting, and say why."""
    config = ServerConfig(data=tmp_path, port=0, **settings)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError) as caught, background_server(config):
        pass
    assert caught.value.field == field


def test_a_server_does_not_forward_to_itself(tmp_path: Path) -> None:
    """It would go round in circles."""
    config = ServerConfig(data=tmp_path, port=4999, forward_to="http://localhost:4999")
    with pytest.raises(InvalidInputError, match="itself"):
        create_app(config)


def test_a_forwarder_stops_when_told(api: Api, sink: Sink, forward: Forward) -> None:
    """The wait for a receiver ends with the process."""
    runs(api, 1)
    sink.judge = lambda _: (503, {}, b"")
    with pytest.raises(ForwardingStopped):
        forward(sink.url, patient=True, wait=lambda _: True)


def test_a_long_way_ends_between_two_requests(api: Api, sink: Sink, forward: Forward) -> None:
    """Who is told to stop while there is much to send keeps what has arrived, and goes on there later."""
    runs(api, 3, spans=400)
    with pytest.raises(ForwardingStopped):
        forward(sink.url, wait=lambda _: True)
    assert len(sink.bodies) == 1
    assert forward(sink.url).runs == 3
    assert len({one.span_id for one in sink.spans()}) == 3 * 401


@pytest.mark.parametrize(
    ("status", "headers", "body", "verdict"),
    [
        (200, {}, b"", Taken),
        (204, {}, b"", Taken),
        (200, {"content-type": "application/json"}, b'{"partialSuccess":{"rejectedSpans":"2"}}', Taken),
        (413, {}, b"", TooLarge),
        (400, {}, b"", Refused),
        (500, {}, b"", Refused),
        (408, {}, b"", Later),
        (504, {}, b"", Later),
        (403, {}, b"", WrongPlace),
        (307, {}, b"", WrongPlace),
    ],
)
def test_what_answers_mean(status: int, headers: dict[str, str], body: bytes, verdict: type[Verdict]) -> None:
    """As the OTLP specification says which may be tried again."""
    found = judge(status, headers, body, 0.0)
    assert isinstance(found, verdict)
    if body:
        assert found == Taken(2, "")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("http://h:4318", "http://h:4318/v1/traces"),
        ("https://h/otlp/", "https://h/otlp/v1/traces"),
        ("http://h/v1/traces", "http://h/v1/traces"),
        ("http://h/x?key=1", "http://h/x/v1/traces?key=1"),
    ],
)
def test_addresses(given: str, meant: str) -> None:
    """An endpoint gets the path of traces, as OpenTelemetry's exporters do it."""
    assert traces_address(given) == meant


def test_secrets_are_not_in_the_name() -> None:
    """The name of a receiver, which is logged and stored, has neither password nor query."""
    assert Receiver("http://me:geheim@h:1/x?key=geheim", {}).name == "http://h:1/x/v1/traces"


@pytest.mark.parametrize(
    "fails", [lambda: headers_in("a"), lambda: traces_address("h:1"), lambda: headers_in("=b")]
)
def test_what_is_no_address_and_no_header(fails: Callable[[], object]) -> None:
    """Is said so."""
    with pytest.raises(InvalidInputError):
        fails()
