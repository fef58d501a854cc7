"""Is the server there, and who am I to it."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, get

from holdfast._version import __version__
from holdfast.server.services.access import principal_of
from holdfast.wire.envelopes import Done

__all__ = ["SYSTEM_ROUTES"]


@get("/ping")
async def ping(request: Request[Any, Any, Any]) -> Done:
    """Answers any good token."""
    await principal_of(request)
    return Done(details={"server": "holdfast", "version": __version__})


@get("/openapi.json", include_in_schema=False, sync_to_thread=True)
def openapi(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """The description of this API. No token is needed: it says nothing about anybody."""
    return request.app.openapi_schema.to_schema()


SYSTEM_ROUTES: Final = [ping, openapi]
