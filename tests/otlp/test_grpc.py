"""OTLP over gRPC: OpenTelemetry's own exporter, and requests by hand, against a running server."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from holdfast.errors import ServerStartError
from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server
from otlp.sending import run_id, spans_of
from server.client import Api
from server.wait import wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    config = ServerConfig(data=tmp_path_factory.mktemp("data"), port=0, otlp_grpc_port=0, max_body=1 << 20)
    with background_server(config) as server:
        yield server


@pytest.fixture(scope="module")
def channel(server: Listening) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{server.otlp_grpc_port}") as channel:
        yield channel


def request(count: int = 1, size: int = 0) -> tuple[str, ExportTraceServiceRequest]:
    """A trace of so many spans, and its id."""
    trace_id, made = os.urandom(16), ExportTraceServiceRequest()
    part = made.resource_spans.add().scope_spans.add()
    for _ in range(count):
        span = Span(trace_id=trace_id, span_id=os.urandom(8), name="x" * (size or 1))
        span.start_time_unix_nano = span.end_time_unix_nano = time.time_ns()
        part.spans.append(span)
    return trace_id.hex(), made


def caller(channel: grpc.Channel, service: str = "trace") -> grpc.UnaryUnaryMultiCallable[bytes, bytes]:
    name = f"opentelemetry.proto.collector.{service}.v1.{service.title()}Service"
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{name}/Export")
    return call


def export(
    channel: grpc.Channel, body: ExportTraceServiceRequest, token: str | None, header: str = "authorization"
) -> ExportTraceServiceResponse:
    secret = f"Bearer {token}" if header == "authorization" else str(token)
    metadata = None if token is None else ((header, secret),)
    answer = ExportTraceServiceResponse()
    answer.ParseFromString(caller(channel)(body.SerializeToString(), metadata=metadata, timeout=20))
    return answer


@pytest.mark.parametrize("compression", list(grpc.Compression))
def test_the_sdks_exporter(
    server: Listening, compression: grpc.Compression, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set up by the environment alone, as a user would, whatever the compression."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.otlp_grpc_port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer%20{server.token}")
    provider = TracerProvider(resource=Resource.create({"service.name": f"grpc {compression.name}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(compression=compression)))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("outer") as outer, tracer.start_as_current_span("chat m") as inner:
        inner.set_attributes({"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 3})
    provider.shutdown()
    context = outer.get_span_context()
    with Api(server.url, server.token) as api:
        found = {one["name"]: one for one in spans_of(api, run_id(f"{context.trace_id:032x}")).values()}
        run = api.get(f"/agent_instance/{run_id(f'{context.trace_id:032x}')}")[1]["details"]
    assert found["chat m"]["parent_span_id"] == found["outer"]["id"]
    assert (run["status"], run["input_tokens"]) == ("complete", 3)


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
def test_the_token_in_the_metadata(server: Listening, channel: grpc.Channel, header: str) -> None:
    """It may stand where it may stand over HTTP."""
    assert export(channel, request()[1], server.token, header) == ExportTraceServiceResponse()


@pytest.mark.parametrize("token", [None, "hf_nonsense"])
def test_without_a_good_token(channel: grpc.Channel, token: str | None) -> None:
    """UNAUTHENTICATED."""
    with pytest.raises(grpc.RpcError) as caught:
        export(channel, request()[1], token)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_token_that_may_not_record(server: Listening, channel: grpc.Channel) -> None:
    """PERMISSION_DENIED."""
    with Api(server.url, server.token) as api:
        made = api.post(
            "/api_token", {"details": {"token_scope": "account", "name": "r", "scopes": ["read"]}}
        )[1]
    with pytest.raises(grpc.RpcError) as caught:
        export(channel, request()[1], made["token"])
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_what_cannot_be_decoded(server: Listening, channel: grpc.Channel) -> None:
    """INVALID_ARGUMENT, which no exporter sends again."""
    with pytest.raises(grpc.RpcError) as caught:
        caller(channel)(b"\xff\xff garbage", metadata=(("authorization", f"Bearer {server.token}"),))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_another_service(channel: grpc.Channel) -> None:
    """UNIMPLEMENTED: there are no metrics here."""
    with pytest.raises(grpc.RpcError) as caught:
        caller(channel, "metrics")(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_request_that_is_too_large(server: Listening, compression: grpc.Compression) -> None:
    """RESOURCE_EXHAUSTED beyond `max_body`, before and after decompression; smaller ones go on."""
    with grpc.insecure_channel(f"127.0.0.1:{server.otlp_grpc_port}", compression=compression) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            export(channel, request(1, 2 << 20)[1], server.token)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert export(channel, request()[1], server.token) == ExportTraceServiceResponse()


def test_partial_success(server: Listening, channel: grpc.Channel) -> None:
    """A span that can never be kept is counted; the others are."""
    trace_id, body = request(2)
    body.resource_spans[0].scope_spans[0].spans[0].span_id = b""
    answer = export(channel, body, server.token)
    assert answer.partial_success.rejected_spans == 1
    with Api(server.url, server.token) as api:
        assert len(spans_of(api, run_id(trace_id))) == 1


def test_a_server_that_cannot_write_says_when_to_come_again(tmp_path: Path) -> None:
    """UNAVAILABLE with a RetryInfo."""
    config = ServerConfig(data=tmp_path, port=0, otlp_grpc_port=0)
    with background_server(config) as server:
        (tmp_path / "holdfast.db").rename(tmp_path / "gone.db")
        with (
            grpc.insecure_channel(f"127.0.0.1:{server.otlp_grpc_port}") as channel,
            pytest.raises(grpc.RpcError) as caught,
        ):
            export(channel, request()[1], server.token)
        (tmp_path / "gone.db").rename(tmp_path / "holdfast.db")
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    told = caught.value.trailing_metadata()
    details = next(one.value for one in told if one.key == "grpc-status-details-bin")
    assert isinstance(details, bytes)
    status, wish = Status(), RetryInfo()
    status.ParseFromString(details)
    assert status.details[0].Unpack(wish)
    assert wish.retry_delay.ToNanoseconds() > 0


def test_a_port_that_is_taken(server: Listening, tmp_path: Path) -> None:
    """The second server does not start instead of taking a share of the first one's requests."""
    config = ServerConfig(data=tmp_path, port=0, otlp_grpc_port=server.otlp_grpc_port)
    with pytest.raises(ServerStartError), background_server(config):
        pass


def test_many_at_once(server: Listening, channel: grpc.Channel) -> None:
    """Requests that come together are all written."""
    requests = [request(20) for _ in range(100)]
    metadata = (("authorization", f"Bearer {server.token}"),)
    calls = [caller(channel).future(body.SerializeToString(), metadata=metadata) for _, body in requests]
    wait_until(lambda: all(call.done() for call in calls))
    with Api(server.url, server.token) as api:
        for trace_id, _ in requests[::10]:
            assert len(spans_of(api, run_id(trace_id))) == 20
