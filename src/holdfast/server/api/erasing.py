"""Erasing runs, the receipts of it, and how long runs are kept."""

from __future__ import annotations

from typing import Final

from litestar import Response, delete, get, post, put
from litestar.params import FromPath

from holdfast.server.api.asked import answer, answers, read_asked, read_key
from holdfast.server.api.authorize import AnyRequest, caller, route
from holdfast.server.api.window import read_window
from holdfast.server.services.access import services_of
from holdfast.wire.envelopes import Listed, Shown
from holdfast.wire.erasing import (
    ErasureAsk,
    ErasureDetails,
    ErasureFound,
    RetentionChange,
    RetentionDetails,
)
from holdfast.wire.vocabulary import TokenScope

__all__ = ["ERASING_ROUTES"]

_ADMIN: Final = TokenScope.ADMIN
_RECEIPT: Final = answers(Shown[ErasureDetails])
_RULE: Final = answers(Shown[RetentionDetails])


@delete("/agent_instance/{run_id:str}", status_code=200, responses=_RECEIPT, opt=route(_ADMIN))
async def erase_run(request: AnyRequest, run_id: FromPath[str]) -> Response[bytes]:
    """The run with everything that belongs to it, for good. What arrives for it later is dropped."""
    who, erasures, key = caller(request), services_of(request).managed.erasures, await read_key(request)
    return await answer(lambda: erasures.erase_run(who, key, run_id))


@post(
    "/erasures",
    status_code=200,
    responses=answers(Shown[ErasureDetails] | Shown[ErasureFound]),
    opt=route(_ADMIN, body=ErasureAsk, wrapped=True),
)
async def erase(request: AnyRequest) -> Response[bytes]:
    """The receipt. One with the state `running` is not done yet: ask for it again."""
    who, erasures = caller(request), services_of(request).managed.erasures
    given, key = await read_asked(request, ErasureAsk)
    return await answer(lambda: erasures.erase(who, key, given))


@get("/erasures", responses=answers(Listed[ErasureDetails]), opt=route(_ADMIN, paged=True))
async def list_erasures(request: AnyRequest) -> Response[bytes]:
    who, erasures = caller(request), services_of(request).managed.erasures
    window = read_window(request.query_params)
    return await answer(lambda: erasures.page(who, window))


@get("/erasures/{erasure_id:str}", responses=_RECEIPT, opt=route(_ADMIN))
async def show_erasure(request: AnyRequest, erasure_id: FromPath[str]) -> Response[bytes]:
    who, erasures = caller(request), services_of(request).managed.erasures
    return await answer(lambda: erasures.show(who, erasure_id))


@get("/retention", responses=answers(Listed[RetentionDetails]), opt=route(TokenScope.READ, _ADMIN))
async def list_retention(request: AnyRequest) -> Response[bytes]:
    """The account's rule first, then those of single agents."""
    who, rules = caller(request), services_of(request).managed.retention
    return await answer(lambda: rules.rules(who))


@put("/retention", responses=_RULE, opt=route(_ADMIN, body=RetentionChange, wrapped=True))
async def keep_runs(request: AnyRequest) -> Response[bytes]:
    """Of every agent that has no rule of its own."""
    who, rules = caller(request), services_of(request).managed.retention
    given, key = await read_asked(request, RetentionChange)
    return await answer(lambda: rules.set(who, key, None, given))


@put("/retention/{agent_id:str}", responses=_RULE, opt=route(_ADMIN, body=RetentionChange, wrapped=True))
async def keep_runs_of(request: AnyRequest, agent_id: FromPath[str]) -> Response[bytes]:
    who, rules = caller(request), services_of(request).managed.retention
    given, key = await read_asked(request, RetentionChange)
    return await answer(lambda: rules.set(who, key, agent_id, given))


@delete("/retention/{agent_id:str}", status_code=200, responses=_RULE, opt=route(_ADMIN))
async def drop_rule(request: AnyRequest, agent_id: FromPath[str]) -> Response[bytes]:
    """The agent's runs are kept as long as those of others again."""
    who, rules, key = caller(request), services_of(request).managed.retention, await read_key(request)
    return await answer(lambda: rules.drop(who, key, agent_id))


ERASING_ROUTES: Final = [
    erase_run,
    erase,
    list_erasures,
    show_erasure,
    list_retention,
    keep_runs,
    keep_runs_of,
    drop_rule,
]
