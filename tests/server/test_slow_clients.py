"""Clients that begin and do not go on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server
from holdfast.server.slow_clients import LARGEST_HEAD


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    """A server with little patience."""
    config = ServerConfig(data=tmp_path_factory.mktemp("hasty"), port=0, patience=0.2)
    with background_server(config) as server:
        yield server


def _ask(server: Listening, sent: bytes) -> bytes:
    """What comes until the server closes; fails where it does not within ten seconds."""
    where = urlsplit(server.url)
    with socket.create_connection((where.hostname, where.port), timeout=10) as client:
        client.sendall(sent)
        received = b""
        while piece := client.recv(65_536):
            received += piece
        return received


def _head(server: Listening, request: bytes) -> bytes:
    token = f"Authorization: Bearer {server.token}"
    return request + f" HTTP/1.1\r\nHost: {urlsplit(server.url).netloc}\r\n{token}\r\n".encode()


def test_a_connection_that_asks_nothing_is_closed(hasty: Listening) -> None:
    """From its beginning, in the middle of the headers, and after an answer."""
    assert _ask(hasty, b"") == b""
    assert _ask(hasty, b"GET /api/v1/ping HTTP/1.1\r\nHost: ") == b""
    whole = _head(hasty, b"GET /api/v1/ping") + b"\r\n"
    assert _ask(hasty, whole).startswith(b"HTTP/1.1 200")
    assert _ask(hasty, whole + b"GET / HT").startswith(b"HTTP/1.1 200")


def test_a_body_that_does_not_come_is_not_waited_for(hasty: Listening) -> None:
    """The answer says so, and the connection ends."""
    sent = _head(hasty, b"POST /api/v1/bulk") + b'Content-Length: 100\r\n\r\n{"items": '
    answer = _ask(hasty, sent)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"did not come" in answer


def test_headers_without_end_are_cut_off(running: Listening) -> None:
    """However patient the server is."""
    line = b"X-Long: " + b"a" * 30_000 + b"\r\n"
    count = LARGEST_HEAD // len(line) + 2
    with suppress(ConnectionError):  # closed while it was being sent
        assert _ask(running, _head(running, b"GET /api/v1/ping") + line * count) == b""


def test_many_headers_that_fit_are_read(running: Listening) -> None:
    """The bound is on one request, not on a connection."""
    lines = b"".join(b"X-Header-%d: %s\r\n" % (number, b"a" * 1_000) for number in range(20))
    request = _head(running, b"GET /api/v1/ping") + lines
    last = request + b"Connection: close\r\n\r\n"
    assert _ask(running, (request + b"\r\n") * 20 + last).count(b"HTTP/1.1 200") == 21
