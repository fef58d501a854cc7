"""Is the server there, who am I to it, what can it do; ids for what clients make."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get, post

from holdfast._version import __version__
from holdfast.server.api.asked import answer, answers, read_asked
from holdfast.server.api.authorize import ANY_TOKEN, NO_TOKEN, AnyRequest, caller, route
from holdfast.server.api.describe import api_description
from holdfast.server.services.access import services_of
from holdfast.server.services.managing.places import check_account
from holdfast.server.services.new_ids import new_pfid
from holdfast.server.services.reading import invalid
from holdfast.wire.envelopes import Done
from holdfast.wire.management import GeneratedIds, Ids
from holdfast.wire.requests import IdsWanted

__all__ = ["SYSTEM_ROUTES"]

_MOST: Final = 1_000


@get("/ping", responses=answers(Done), opt=route(any_of=ANY_TOKEN))
async def ping(request: AnyRequest) -> Done:
    """Answers any good token."""
    caller(request)
    return Done(details={"server": "holdfast", "version": __version__})


@post(
    "/pfid/generate",
    status_code=200,
    responses=answers(GeneratedIds),
    opt=route(any_of=ANY_TOKEN, body=IdsWanted),
)
async def generate_pfids(request: AnyRequest) -> Response[bytes]:
    """Ids of the account's partition. Nothing is reserved: they are random enough."""
    who = caller(request)
    given, _ = await read_asked(request, IdsWanted, wrapped=False)
    check_account(who, given.account_id)
    if not 1 <= given.count <= _MOST:
        raise invalid("count", f"must be a number from 1 to {_MOST}")
    now = services_of(request).clock()
    pfids = [new_pfid(who.account_id, now) for _ in range(given.count)]
    return await answer(lambda: GeneratedIds(details=Ids(pfids=pfids)))


@get("/openapi.json", include_in_schema=False, sync_to_thread=True, opt=route(any_of=NO_TOKEN))
def openapi(request: AnyRequest) -> dict[str, Any]:
    """The description of this API. No token is needed: it says nothing about anybody."""
    return api_description(request.app)


SYSTEM_ROUTES: Final = [ping, generate_pfids, openapi]
