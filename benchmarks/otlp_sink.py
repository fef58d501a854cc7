"""A server that takes OTLP/HTTP protobuf, counts the spans and keeps nothing: the peer's exporter talks to it."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_seen = 0


def _count(body: bytes) -> int:
    request = ExportTraceServiceRequest()
    request.ParseFromString(body)
    return sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)


async def sink(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    global _seen
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if scope["method"] == "POST":
        packed = dict(scope["headers"]).get(b"content-encoding") == b"gzip"
        _seen += _count(gzip.decompress(body) if packed else body)
        answer = b""
    else:
        answer = str(_seen).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": answer})


if __name__ == "__main__":
    uvicorn.run(sink, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", lifespan="off")
