"""A server for the delivery tests: real HTTP, answers as told, remembers what arrived.

Run as a program (`sink.py PORT FILE`) it appends the key of each item that it has not seen before to FILE
and answers only after the write: a restart goes on with what the file holds.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Responder = Callable[["Request"], tuple[int, dict[str, str], bytes]]


class Request:
    """One request as it came, its body decompressed."""

    def __init__(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.path = path
        self.headers = headers
        self.raw = body
        self.body = zlib.decompress(body, 31) if headers.get("content-encoding") == "gzip" else body

    @property
    def items(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = json.loads(self.body)["items"]
        return items

    @property
    def keys(self) -> list[str]:
        return [item["idempotency_key"] for item in self.items]


def accept(request: Request) -> tuple[int, dict[str, str], bytes]:
    if request.path.endswith("/control"):
        return 200, {}, b'{"status":"success","control":{}}'
    return 200, {}, json.dumps({"status": "success", "accepted": len(request.items), "outputs": {}}).encode()


def status(code: int, **headers: str) -> Responder:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request: (code, named, b'{"status":"error","code":"told_so","message":"told so"}')


class Sink:
    """An in-process server. `respond` may be replaced at any time; `script` answers come first."""

    def __init__(
        self,
        respond: Responder = accept,
        script: list[Responder] | None = None,
        certificate: Path | None = None,
    ) -> None:
        self._certificate = certificate
        self.respond = respond
        self.script = list(script or [])
        self.requests: list[Request] = []
        self.arrived: list[str] = []
        self.times: list[float] = []
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def handle(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        with self._lock:
            self.times.append(time.monotonic())
            self.requests.append(request)
            respond = self.script.pop(0) if self.script else self.respond
        code, headers, body = respond(request)
        if respond is accept and not request.path.endswith("/control"):
            with self._lock:
                self.arrived.extend(request.keys)
        return code, headers, body

    def start(self, port: int = 0) -> Sink:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet, else a delayed acknowledgement costs 40 ms

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                named = {name.lower(): value for name, value in self.headers.items()}
                code, headers, body = sink.handle(Request(self.path, named, content))
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def handle(self) -> None:
                with suppress(ConnectionError):
                    super().handle()

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that hangs up is no news."""

            block_on_close = False

        self._server = Server(("127.0.0.1", port or self.port), Handler)
        self.port = self._server.server_address[1]
        if self._certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Sink:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()


def main() -> None:
    port, path = int(sys.argv[1]), sys.argv[2]
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    with open(path, "rb") as file:
        seen = set(file.read().decode().splitlines())
    lock = threading.Lock()

    def keep(request: Request) -> tuple[int, dict[str, str], bytes]:
        if request.path.endswith("/bulk"):
            with lock:
                fresh = [key for key in dict.fromkeys(request.keys) if key not in seen]
                if fresh:
                    os.write(fd, ("\n".join(fresh) + "\n").encode())
                    seen.update(fresh)
        return accept(request)

    Sink(keep).start(port)
    threading.Event().wait()


if __name__ == "__main__":
    main()
