"""A receiver of OTLP that answers as a test says and keeps what it was sent, and forwarding to it."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from holdfast.server.services.forward.forwarder import Forwarder, Forwarding
from holdfast.server.services.forward.receiver import Receiver
from holdfast.server.services.forward.spans import ForwardOptions
from holdfast.server.stores.base import Store
from holdfast.server.stores.forward_positions import ForwardPosition
from holdfast.server.stores.reads.forward import ForwardFilter, Place

Answer = tuple[int, dict[str, str], bytes]
TAKEN: Answer = (200, {"Content-Type": "application/x-protobuf"}, b"")


class Sink:
    """`answers` are given one after the other, then `TAKEN`; `bodies` are those that were answered so."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.judge: Callable[[bytes], Answer | None] = lambda _: None
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
                answer = sink.answers.pop(0) if sink.answers else sink.judge(body) or TAKEN
                sink.headers.append({name.lower(): value for name, value in self.headers.items()})
                if answer is TAKEN:
                    sink.bodies.append(body)
                self.send_response(answer[0])
                for name, value in answer[1].items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer[2])))
                self.end_headers()
                self.wfile.write(answer[2])

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def requests(self) -> list[ExportTraceServiceRequest]:
        decoded = []
        for body in self.bodies:
            request = ExportTraceServiceRequest()
            request.ParseFromString(body)
            decoded.append(request)
        return decoded

    def spans(self) -> list[Span]:
        return [
            span
            for request in self.requests
            for group in request.resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        ]


class Forward:
    """Forwards what of a store has settled since `start`, without the wait for more."""

    def __init__(self, store: Store, start: int) -> None:
        self.store = store
        self.start = start

    def forwarder(self, url: str, *, patient: bool = False, **options: Any) -> Forwarder:
        wait: Callable[[float], bool] = options.pop("wait", lambda _: False)
        return Forwarder(
            self.store,
            Receiver(url, options.pop("headers", {}), timeout=options.pop("timeout", 5.0)),
            Forwarding(
                wanted=ForwardFilter(account_id="default", agent_id=options.pop("agent_id", None)),
                options=ForwardOptions(**options),
                start=Place(self.start, 0),
                settle=0.0,
            ),
            clock=time.time_ns,
            wait=wait,
            patient=patient,
        )

    def __call__(self, url: str, **options: Any) -> ForwardPosition:
        forwarder = self.forwarder(url, **options)
        assert forwarder.open()
        try:
            forwarder.send_settled()
        finally:
            forwarder.close()
        return forwarder.position


def told(attributes: Any) -> dict[str, Any]:
    """Attributes as Python has them."""
    return {pair.key: _plain(pair.value) for pair in attributes}


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return told(value.kvlist_value.values)
    return None if kind is None else getattr(value, kind)
