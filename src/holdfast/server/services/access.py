"""Who is at the door: the token of a program, the cookie of a browser."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from litestar.connection import ASGIConnection

from holdfast.errors import HoldfastError
from holdfast.server.services.auth import Principal, WebSession
from holdfast.server.services.context import Services
from holdfast.wire.vocabulary import TokenScope

__all__ = [
    "COOKIE",
    "LOGIN_HELP",
    "LoginNeededError",
    "browser_session",
    "person_of",
    "principal_by",
    "principal_of",
    "services_of",
]

COOKIE: Final = "holdfast_session"
LOGIN_HELP: Final = "/login/help"
"""The page that says how to log in; with `?used=1` after a code that is used up or too old."""

Connection = ASGIConnection[Any, Any, Any, Any]


class LoginNeededError(HoldfastError):
    """A page was asked for without a session; the answer leads to the page that says how to log in."""


def services_of(connection: Connection) -> Services:
    """What the running server is made of."""
    services: Services = connection.app.state.services
    return services


async def principal_of(connection: Connection) -> Principal:
    """The sender by the `Authorization` header. Raises `ApiError` 401."""
    return await principal_by(connection, connection.headers.get("authorization"))


async def principal_by(connection: Connection, header: str | None) -> Principal:
    """The sender by the value of such a header. Raises `ApiError` 401."""
    auth = services_of(connection).auth
    known = auth.remembered(header)
    return await asyncio.to_thread(auth.principal, header) if known is None else known


def person_of(session: WebSession) -> Principal:
    """Whoever sits before a logged-in browser: all that may be done in the account."""
    # no token: a browser's session
    return Principal(token_id="", account_id=session.account_id, scopes=frozenset({TokenScope.ADMIN}))


async def browser_session(connection: Connection) -> WebSession:
    """The logged-in browser by its cookie. Raises `LoginNeededError`."""
    cookie = connection.cookies.get(COOKIE)
    session = await asyncio.to_thread(services_of(connection).auth.session, cookie)
    if session is None:
        raise LoginNeededError("log in first")
    return session
