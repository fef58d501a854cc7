"""What an OpenTelemetry span costs the server: decoding, understanding, writing; then over HTTP.

A span is about 1 KB of protobuf: a chat under the GenAI conventions with its messages, in traces of ten spans,
512 spans a request as the SDK's batch processor sends them. The first lines are one thread's; the last is the
whole server in a process of its own, fed by one client, until the spans can be queried.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time

import msgspec
import urllib3
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from benchmarks.bench_ingest import serve_until_told
from benchmarks.report import Line, print_table
from holdfast.server.services.otlp.from_protobuf import decode_protobuf
from holdfast.server.services.otlp.operations import operations_of
from holdfast.server.services.otlp.repeated import RepeatedUsage

__all__ = ["main"]

_SPANS_A_REQUEST = 512
_SPANS_A_TRACE = 10
_GOAL = 12_000
_ASKED = msgspec.json.encode(
    [{"role": "user", "parts": [{"type": "text", "content": "why is the sky blue? " * 12}]}]
).decode()
_ANSWERED = msgspec.json.encode(
    [{"role": "assistant", "parts": [{"type": "text", "content": "it scatters the light. " * 12}]}]
).decode()


def _pair(name: str, value: str | int) -> KeyValue:
    return KeyValue(
        key=name, value=AnyValue(string_value=value) if isinstance(value, str) else AnyValue(int_value=value)
    )


_ATTRIBUTES = [
    _pair("gen_ai.operation.name", "chat"),
    _pair("gen_ai.provider.name", "openai"),
    _pair("gen_ai.request.model", "gpt-4o-mini"),
    _pair("gen_ai.response.model", "gpt-4o-mini-2024-07-18"),
    _pair("gen_ai.usage.input_tokens", 812),
    _pair("gen_ai.usage.output_tokens", 96),
    _pair("gen_ai.input.messages", _ASKED),
    _pair("gen_ai.output.messages", _ANSWERED),
    _pair("server.address", "api.openai.com"),
]


def _span(trace_id: bytes, parent: bytes) -> Span:
    now = time.time_ns()
    return Span(
        trace_id=trace_id,
        span_id=os.urandom(8),
        parent_span_id=parent,
        name="chat gpt-4o-mini",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=now,
        end_time_unix_nano=now + 1_000_000,
        attributes=_ATTRIBUTES,
    )


def bodies(requests: int) -> list[bytes]:
    """Requests of whole traces, one after the other."""
    made: list[bytes] = []
    trace_id = parent = b""
    count = 0
    for _ in range(requests):
        request = ExportTraceServiceRequest()
        group = request.resource_spans.add()
        group.resource.attributes.append(_pair("service.name", "bench"))
        scope = group.scope_spans.add()
        scope.scope.name = "bench"
        for _ in range(_SPANS_A_REQUEST):
            if count % _SPANS_A_TRACE == 0:
                trace_id, parent = os.urandom(16), b""
            span = _span(trace_id, parent)
            parent = parent or span.span_id
            scope.spans.append(span)
            count += 1
        made.append(request.SerializeToString())
    return made


def stages(prepared: list[bytes]) -> dict[str, float]:
    """Microseconds a span of decoding and of making operations, in one thread."""
    spent = {"decode": 0.0, "make operations": 0.0}
    for body in prepared:
        start = time.perf_counter()
        export = decode_protobuf(body)
        decoded = time.perf_counter()
        operations_of(export.spans, RepeatedUsage())
        spent["decode"] += decoded - start
        spent["make operations"] += time.perf_counter() - decoded
    return {name: taken / (len(prepared) * _SPANS_A_REQUEST) * 1e6 for name, taken in spent.items()}


def over_http(prepared: list[bytes]) -> tuple[float, float]:
    """Spans a second until answered, and the server's CPU microseconds a span."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with tempfile.TemporaryDirectory() as directory:
        process = context.Process(target=serve_until_told, args=(directory, theirs))
        process.start()
        assert ours.poll(60), "the server did not start"
        url, token = ours.recv()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-protobuf"}
        with urllib3.PoolManager() as http:
            start = time.perf_counter()
            for body in prepared:
                answer = http.request("POST", f"{url}/v1/traces", body=body, headers=headers)
                assert (answer.status, answer.data) == (200, b""), answer.data
            taken = time.perf_counter() - start
        ours.send(None)
        cpu: float = ours.recv()
        process.join()
    spans = len(prepared) * _SPANS_A_REQUEST
    return spans / taken, cpu / spans * 1e6


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=60, help="requests of 512 spans each")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    prepared = bodies(options.requests)
    size = sum(map(len, prepared)) / (len(prepared) * _SPANS_A_REQUEST)
    best = min((stages(prepared) for _ in range(options.repeat)), key=lambda found: sum(found.values()))
    runs = [over_http(bodies(options.requests)) for _ in range(options.repeat)]
    rate, cpu = max(runs)
    print_table(
        f"OTLP protobuf into SQLite, {size:,.0f} bytes a span",
        [
            *(Line(what=f"{name}, µs a span", ours=f"{cost:.1f}") for name, cost in best.items()),
            Line(what="server CPU, µs a span", ours=f"{cpu:.1f}"),
            Line(
                what="over HTTP, spans a second",
                ours=f"{rate:,.0f}",
                goal=f"≥ {_GOAL:,}",
                held=rate >= _GOAL,
            ),
        ],
    )


if __name__ == "__main__":
    main()
