"""Whether this server may be sent requests: for balancers and whatever restarts servers."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from litestar import Request, get

from holdfast.errors import ApiError, StoreUnavailableError
from holdfast.server.services.access import services_of
from holdfast.server.stores.alive import read_something
from holdfast.wire.envelopes import Done
from holdfast.wire.vocabulary import ErrorCode

__all__ = ["HEALTH_ROUTES"]


@get("/health/live", include_in_schema=False)
async def live() -> Done:
    """The process answers. No token is needed: it says nothing about anybody."""
    return Done()


@get("/health/ready", include_in_schema=False)
async def ready(request: Request[Any, Any, Any]) -> Done:
    """The record can be read; 503 otherwise. A restart of the server would not mend that."""
    try:
        await asyncio.to_thread(read_something, services_of(request).store)
    except StoreUnavailableError as error:
        # not how it is called: who asks may be anybody
        raise ApiError(503, ErrorCode.UNAVAILABLE, "the database cannot be read") from error
    return Done()


HEALTH_ROUTES: Final = [live, ready]
