"""The console: every page's routes, and what is around them (theme, login help, static files)."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from litestar import Response, Router, get
from litestar.datastructures import Cookie
from litestar.params import FromPath
from litestar.response import Redirect

from holdfast.errors import ApiError
from holdfast.server.services.own_path import is_own_path
from holdfast.server.web.agents.routes import agent_routes
from holdfast.server.web.answers import PAGE_ERRORS, THEME_COOKIE, AnyRequest, html, shell_of
from holdfast.server.web.compare.routes import compare_routes
from holdfast.server.web.failures.routes import failure_routes
from holdfast.server.web.overview.routes import overview_routes
from holdfast.server.web.pages import LoginPage, Theme
from holdfast.server.web.plotly_js import PLOTLY_FILE, plotly_js
from holdfast.server.web.quality.routes import quality_routes
from holdfast.server.web.render import load_templates, static_file
from holdfast.server.web.run.routes import run_routes
from holdfast.server.web.runs.routes import run_list_routes
from holdfast.server.web.settings.routes import settings_routes
from holdfast.wire.vocabulary import ErrorCode

__all__ = ["web_routes"]

_FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
_EITHER: Final = {"Vary": "Accept-Encoding"}
_PACKED: Final = {"Content-Encoding": "gzip", **_EITHER}


@get("/theme", include_in_schema=False)
async def set_theme(request: AnyRequest) -> Response[Any]:
    """The theme switch, without scripts."""
    chosen = request.query_params.get("to", "")
    back = request.query_params.get("back", "/")
    theme = Theme(chosen) if chosen in {theme.value for theme in Theme} else Theme.AUTO
    cookie = Cookie(key=THEME_COOKIE, value=theme.value, max_age=31_536_000, path="/", samesite="lax")
    return Redirect(back if is_own_path(back) else "/", status_code=303, cookies=[cookie])


@get("/login/help", include_in_schema=False)
async def login_help(request: AnyRequest) -> Response[bytes]:
    used = request.query_params.get("used") == "1"
    return html(LoginPage(shell=shell_of(request, None), used_up=used))


@get("/static/{version:str}/{name:str}", include_in_schema=False)
async def static(request: AnyRequest, version: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    del version  # it only tells caches that the content is another
    if name == PLOTLY_FILE:
        return await asyncio.to_thread(_plotly, request.headers.get("accept-encoding", ""))
    file = static_file(name)
    if file is None:
        raise ApiError(404, ErrorCode.NOT_FOUND, "There is no such file.")
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers = _FOR_EVER | _PACKED
        return Response(file.packed, media_type=file.media_type, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=_FOR_EVER | _EITHER)


def _plotly(accepted: str) -> Response[bytes]:
    content, encoding = plotly_js(accepted)
    headers = {"Vary": "Accept-Encoding", **({"Content-Encoding": encoding} if encoding else {})}
    return Response(content, media_type="text/javascript", headers=_FOR_EVER | headers)


def web_routes() -> list[Router]:
    """All pages. What goes wrong in them is told on a page."""
    load_templates()
    return [
        Router(
            "/",
            route_handlers=[
                *overview_routes(),
                *compare_routes(),
                *run_list_routes(),
                *failure_routes(),
                *agent_routes(),
                *quality_routes(),
                *settings_routes(),
                run_routes(),
                set_theme,
                login_help,
                static,
            ],
            exception_handlers=PAGE_ERRORS,
        )
    ]
