"""`GET /login?code=…`: the one-time link that the server prints logs a browser in."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from litestar import Request, Response, get
from litestar.datastructures import Cookie
from litestar.params import FromQuery
from litestar.response import Redirect

from holdfast.server.services.access import COOKIE, LOGIN_HELP, services_of
from holdfast.server.services.own_path import is_own_path

__all__ = ["LOGIN_ROUTES"]

_LONG: Final = 30 * 24 * 3600


@get("/login", include_in_schema=False)
async def log_in(request: Request[Any, Any, Any], code: FromQuery[str] = "") -> Response[Any]:
    """A good code becomes a cookie and leads home, or to the page of ours that `next` names; any other code
    leads to the page that says how to get one."""
    services = services_of(request)
    cookie = await asyncio.to_thread(services.auth.redeem, code) if code else None
    if cookie is None:
        return Redirect(f"{LOGIN_HELP}?used=1" if code else LOGIN_HELP, status_code=303)
    # lax: a link to a page works from elsewhere, a form sent from elsewhere comes without it
    session = Cookie(key=COOKIE, value=cookie, httponly=True, samesite="lax", max_age=_LONG, path="/")
    wanted = request.query_params.get("next", "/")
    return Redirect(
        wanted if is_own_path(wanted) else "/",
        status_code=303,
        cookies=[session],
        headers={"Cache-Control": "no-store"},
    )


LOGIN_ROUTES: Final = [log_in]
