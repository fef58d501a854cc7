"""Clients that open a connection and do not say what they want, or never stop saying it."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["LARGEST_HEAD", "http_protocol"]

LARGEST_HEAD: Final = 256 << 10
"""Bytes of a request line and headers beyond which the connection is closed."""


def http_protocol(patience: float) -> type[HttpToolsProtocol]:
    """uvicorn's protocol, which waits for ever and reads headers without end, with bounds: a connection whose
    next request has not told its headers `patience` seconds after the last was answered is closed."""

    class Protocol(HttpToolsProtocol):
        _deadline: asyncio.TimerHandle | None = None
        _in_head = False
        _head_bytes = 0

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
            super().connection_made(transport)
            self._wait_for_head()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._in_head:
                self._head_bytes += len(data)
                if self._head_bytes > LARGEST_HEAD:
                    self.transport.close()

        def on_message_begin(self) -> None:
            self._in_head = True
            self._head_bytes = 0
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._in_head = False
            self._stop_waiting()
            super().on_headers_complete()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if not self.transport.is_closing():
                self._wait_for_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def _wait_for_head(self) -> None:
            self._stop_waiting()
            self._deadline = self.loop.call_later(patience, self._give_up)

        def _stop_waiting(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _give_up(self) -> None:
            cycle: Any = self.cycle  # None before the first request, whatever its type says
            if cycle is None or cycle.response_complete:
                self.transport.close()

    return Protocol
