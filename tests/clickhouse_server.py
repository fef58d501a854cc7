"""What speaks ClickHouse's HTTP interface, as far as its Python client does, over the in-process engine: requests
really go over the network, and the server can be taken away and brought back."""

from __future__ import annotations

import os
import re
import socket
import tempfile
import threading
from base64 import b64encode
from collections.abc import Generator
from contextlib import contextmanager, suppress
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

_INSERT = re.compile(rb"INSERT INTO (.*?) FORMAT Native\n", re.DOTALL)
_USER = "Basic " + b64encode(b"holdfast:s3cret").decode()


class ClickHouseServer:
    """`address` is for the user `holdfast`. `stop` and `start` again keep data and port."""

    def __init__(self, directory: Path, database: str) -> None:
        chdb: Any = import_module("chdb")  # without types
        self._engine = chdb.connect(str(directory))
        self._lock = threading.Lock()
        self._database = database
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.connections: set[socket.socket] = set()
        self._engine.query(f"CREATE DATABASE IF NOT EXISTS {database}")
        self.start()

    @property
    def address(self) -> str:
        return f"clickhouse://holdfast:s3cret@127.0.0.1:{self._port}/{self._database}"

    def start(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), _handler(self))
        self._server.daemon_threads = True
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
            for connection in list(self.connections):  # those that are kept alive
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.stop()
        self._engine.close()

    def answer(self, query: bytes, database: str | None, parameters: dict[str, str]) -> bytes:
        with self._lock:
            self._engine.query(f"USE {database or 'default'}")
            insert = _INSERT.match(query)
            if insert is None:
                return self._engine.query(query.decode(), "TabSeparated", params=parameters).bytes() or b""
            with tempfile.NamedTemporaryFile(suffix=".native", delete=False) as file:
                file.write(query[insert.end() :])
            try:
                into = insert.group(1).decode()
                self._engine.query(f"INSERT INTO {into} FROM INFILE '{file.name}' FORMAT Native")
            finally:
                os.unlink(file.name)
            return b""


def _handler(server: ClickHouseServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            server.connections.add(self.connection)

        def finish(self) -> None:
            server.connections.discard(self.connection)
            super().finish()

        def do_POST(self) -> None:
            asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            query, fields = self._query(self._body())
            if self.headers.get("Authorization") != _USER:
                return self._send(403, b"Code: 516. DB::Exception: holdfast: Authentication failed")
            values = asked | fields
            parameters = {name[6:]: value for name, value in values.items() if name.startswith("param_")}
            try:
                self._send(200, server.answer(query, values.get("database"), parameters))
            except Exception as error:
                self._send(500, str(error).encode())

        do_GET = do_POST

        def _query(self, body: bytes) -> tuple[bytes, dict[str, str]]:
            kind = self.headers.get("Content-Type", "")
            if not kind.startswith("multipart/form-data"):
                return body, {}
            form = BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
            fields: dict[str, str] = {}
            for part in form.get_payload():
                name = part.get_param("name", header="content-disposition")  # type: ignore[union-attr]
                fields[str(name)] = part.get_payload(decode=True).decode()  # type: ignore[union-attr]
            return fields.pop("query").encode(), fields

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            else:
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
            return _plain(body, self.headers.get("Content-Encoding"))

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
            """Nothing."""

    return Handler


def _plain(body: bytes, encoding: str | None) -> bytes:
    if encoding is None:
        return body
    assert encoding == "lz4"
    frames: Any = import_module("lz4.frame")  # without types
    return bytes(frames.open(BytesIO(body)).read())  # one frame a block


@contextmanager
def clickhouse_server(directory: Path, database: str) -> Generator[ClickHouseServer]:
    """Over the engine in that directory, of which a process has one."""
    server = ClickHouseServer(directory, database)
    try:
        yield server
    finally:
        server.close()
