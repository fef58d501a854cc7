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


SYSTEM_ROUTES: Final = [ping]
