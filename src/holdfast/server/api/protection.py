"""What every answer carries, and which `Host` a server on loopback listens to."""

from __future__ import annotations

import ipaddress
from typing import Final

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.errors import ApiError
from holdfast.server.services.recording.ingest import error_answer
from holdfast.wire.vocabulary import ErrorCode

__all__ = ["Protection", "is_loopback"]

_HEADERS: Final = [
    (
        b"content-security-policy",
        b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),  # what is here is nobody else's; the console's own files say otherwise
]


def is_loopback(host: str) -> bool:
    """Whether an address or name means this machine only."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")


class Protection:
    """ASGI middleware. With `local_only`, a request under any other name than this machine's is refused:
    a page elsewhere could otherwise let its own name point here and read the answers (DNS rebinding)."""

    def __init__(self, app: ASGIApp, *, local_only: bool) -> None:
        self._app = app
        self._local_only = local_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(h for h in _HEADERS if h[0] not in given)]
            await send(message)

        if self._local_only and not is_loopback(_host(scope)):
            await _refuse(send_protected)
        else:
            await self._app(scope, receive, send_protected)


def _host(scope: Scope) -> str:
    value = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
    if value.startswith("["):
        return value.partition("]")[0]
    return value.partition(":")[0]


async def _refuse(send: Send) -> None:
    error = ApiError(403, ErrorCode.FORBIDDEN, "this server answers to the names of its own machine only")
    body = msgspec.json.encode(error_answer(error))
    await send(
        {"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"application/json")]}
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
