"""What a page route answers with: HTML, plain text, and pages that say what went wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect

from holdfast._version import __version__
from holdfast.errors import ApiError, StoreUnavailableError
from holdfast.server.services.access import LOGIN_HELP, LoginNeededError
from holdfast.server.services.auth import WebSession
from holdfast.server.web.pages import MessagePage, Place, Shell, Shown, Theme
from holdfast.server.web.render import render

__all__ = ["PAGE_ERRORS", "THEME_COOKIE", "AnyRequest", "html", "message_page", "shell_of"]

THEME_COOKIE: Final = "holdfast_theme"
AnyRequest = Request[Any, Any, Any]

_log: Final = logging.getLogger("holdfast.server")
_TITLES: Final = {
    400: "That address makes no sense",
    403: "Not allowed",
    404: "Not found",
    409: "Too late",
    413: "Too much at once",
    503: "Busy",
}
_PLACES: Final = {
    "Overview": "/",
    "Runs": "/runs",
    "Failures": "/failures",
    "Agents": "/agents",
    "Quality": "/quality",
    "Settings": "/settings",
}
_HEADERS: Final = {"Cache-Control": "no-store", "Vary": "Cookie"}


def shell_of(request: AnyRequest, session: WebSession | None) -> Shell:
    chosen = request.cookies.get(THEME_COOKIE, "")
    query = request.url.query
    return Shell(
        theme=Theme(chosen) if chosen in {theme.value for theme in Theme} else Theme.AUTO,
        csrf="" if session is None else session.csrf,
        here=request.url.path + (f"?{query}" if query else ""),
        places=()
        if session is None
        else tuple(_place(request.url.path, *named) for named in _PLACES.items()),
        version=__version__,
    )


def _place(path: str, label: str, href: str) -> Place:
    return Place(
        label=label, href=href, current=path == href or (href != "/" and path.startswith(f"{href}/"))
    )


def html(shown: Shown, *, status: int = 200, headers: dict[str, str] | None = None) -> Response[bytes]:
    return Response(
        render(shown).encode("utf-8", "replace"),
        status_code=status,
        media_type="text/html",
        headers=_HEADERS | (headers or {}),
    )


def message_page(request: AnyRequest, code: int, *lines: str) -> Response[bytes]:
    """A page that says what is wrong."""
    title = _TITLES.get(code, "The server failed" if code >= 500 else "That did not work")
    page = MessagePage(shell=shell_of(request, None), code=code, title=title, lines=lines)
    return html(page, status=code)


def _known(request: AnyRequest, error: ApiError) -> Response[bytes]:
    return message_page(request, error.status, error.message)


def _http(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    return message_page(request, error.status_code, error.detail)


def _busy(request: AnyRequest, error: StoreUnavailableError) -> Response[bytes]:
    return message_page(request, 503, str(error), "Load the page again in a moment.")


def _unexpected(request: AnyRequest, error: Exception) -> Response[bytes]:
    _log.error("the page %s failed", request.url.path, exc_info=error)
    return message_page(request, 500, "The server's log says how. What was recorded is not touched by it.")


def _login(_request: AnyRequest, _error: LoginNeededError) -> Redirect:
    return Redirect(LOGIN_HELP, status_code=303)


PAGE_ERRORS: Final[dict[int | type[Exception], Callable[[AnyRequest, Any], Response[Any]]]] = {
    ApiError: _known,
    StoreUnavailableError: _busy,
    LoginNeededError: _login,
    HTTPException: _http,
    Exception: _unexpected,
}
