"""Tokens. Managing them takes the scope `admin`."""

from __future__ import annotations

from typing import Final

from litestar import Response, delete, get, post
from litestar.params import FromPath

from holdfast.server.api.asked import answer, answers, read_asked
from holdfast.server.api.authorize import AnyRequest, caller, route
from holdfast.server.api.window import read_window
from holdfast.server.services.access import services_of
from holdfast.wire.envelopes import Listed, Shown
from holdfast.wire.management import TokenDetails, TokenMade
from holdfast.wire.requests import TokenCreate
from holdfast.wire.vocabulary import TokenScope, TokenStatus

__all__ = ["TOKEN_ROUTES"]

_ADMIN: Final = TokenScope.ADMIN
_ONE: Final = answers(Shown[TokenDetails])


@get("/api_token", responses=answers(Listed[TokenDetails]), opt=route(_ADMIN, paged=True))
async def list_tokens(request: AnyRequest) -> Response[bytes]:
    who, tokens = caller(request), services_of(request).managed.tokens
    window = read_window(request.query_params)
    return await answer(lambda: tokens.page(who, window))


@get("/api_token/{token_id:str}", responses=_ONE, opt=route(_ADMIN))
async def show_token(request: AnyRequest, token_id: FromPath[str]) -> Response[bytes]:
    who, tokens = caller(request), services_of(request).managed.tokens
    return await answer(lambda: tokens.show(who, token_id))


@post(
    "/api_token",
    status_code=200,
    responses=answers(TokenMade),
    opt=route(_ADMIN, body=TokenCreate, wrapped=True),
)
async def create_token(request: AnyRequest) -> Response[bytes]:
    """The fields may also lie outside of `details`. The secret is in the top-level `token`, this once."""
    who, tokens = caller(request), services_of(request).managed.tokens
    given, key = await read_asked(request, TokenCreate, wrapped=False)
    return await answer(lambda: tokens.create(who, key, given))


@post("/api_token/{token_id:str}/suspend", status_code=200, responses=_ONE, opt=route(_ADMIN))
async def suspend_token(request: AnyRequest, token_id: FromPath[str]) -> Response[bytes]:
    return await _set_status(request, token_id, TokenStatus.SUSPENDED)


@post("/api_token/{token_id:str}/activate", status_code=200, responses=_ONE, opt=route(_ADMIN))
async def activate_token(request: AnyRequest, token_id: FromPath[str]) -> Response[bytes]:
    return await _set_status(request, token_id, TokenStatus.ACTIVE)


@post("/api_token/{token_id:str}/revoke", status_code=200, responses=_ONE, opt=route(_ADMIN))
async def revoke_token(request: AnyRequest, token_id: FromPath[str]) -> Response[bytes]:
    return await _set_status(request, token_id, TokenStatus.REVOKED)


@delete("/api_token/{token_id:str}", status_code=200, responses=_ONE, opt=route(_ADMIN))
async def delete_token(request: AnyRequest, token_id: FromPath[str]) -> Response[bytes]:
    who, tokens = caller(request), services_of(request).managed.tokens
    return await answer(lambda: tokens.delete(who, token_id))


async def _set_status(request: AnyRequest, token_id: str, status: TokenStatus) -> Response[bytes]:
    """A repeat changes nothing, so that no key is needed."""
    who, tokens = caller(request), services_of(request).managed.tokens
    return await answer(lambda: tokens.set_status(who, token_id, status))


TOKEN_ROUTES: Final = [
    list_tokens,
    show_token,
    create_token,
    suspend_token,
    activate_token,
    revoke_token,
    delete_token,
]
