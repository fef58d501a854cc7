"""The routes of the settings page: showing it, and its forms."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from holdfast._clock import iso_utc, parse_span
from holdfast.errors import ApiError
from holdfast.server.services.access import browser_session, person_of, services_of
from holdfast.server.services.clean_text import one_line
from holdfast.server.web.answers import AnyRequest, html, message_page, shell_of
from holdfast.server.web.forms import read_form
from holdfast.server.web.settings.build import settings_page
from holdfast.server.web.settings.pages import Secret
from holdfast.wire.erasing import RetentionChange
from holdfast.wire.requests import TokenCreate
from holdfast.wire.vocabulary import ErrorCode, TokenScope, TokenStatus

__all__ = ["settings_routes"]

_DOINGS: Final = {
    "suspend": TokenStatus.SUSPENDED,
    "activate": TokenStatus.ACTIVE,
    "revoke": TokenStatus.REVOKED,
}


@get("/settings", include_in_schema=False)
async def show_settings(request: AnyRequest) -> Response[bytes]:
    session = await browser_session(request)
    services, shell = services_of(request), shell_of(request, session)
    sizes = request.query_params.get("sizes") == "1"
    return await asyncio.to_thread(
        lambda: html(settings_page(services, shell, person_of(session), sizes=sizes))
    )


@post("/settings/tokens", include_in_schema=False, status_code=200)
async def make_token(request: AnyRequest) -> Response[bytes]:
    """The page with the token on it: sent twice, the form shows the same one."""
    session = await browser_session(request)
    form = await read_form(request)
    session.check_csrf(form.get("csrf"))
    services, shell, who = services_of(request), shell_of(request, session), person_of(session)
    scopes = [scope for scope in TokenScope if form.get(f"may_{scope.value}") == "on"]
    if not scopes:
        return message_page(request, 422, "A token must be allowed something.", "Nothing was made.")
    life = parse_span(form.get("life", ""))
    given = TokenCreate(
        name=form.get("name", "").strip(),
        scopes=scopes,
        agent_id=form.get("agent") or None,
        expires_at=None if life is None else iso_utc(services.clock() + life),
    )

    def work() -> Response[bytes]:
        made = services.managed.tokens.create(who, form.get("form_key") or None, given)
        name = one_line(made.details.name, 80)
        secret = None if made.token is None else Secret(name=name, token=made.token)
        return html(settings_page(services, shell, who, secret=secret))

    return await asyncio.to_thread(work)


@post("/settings/tokens/{token_id:str}/{doing:str}", include_in_schema=False, status_code=303)
async def change_token(request: AnyRequest, token_id: FromPath[str], doing: FromPath[str]) -> Response[Any]:
    status = _DOINGS.get(doing)
    if status is None:
        raise ApiError(404, ErrorCode.NOT_FOUND, "There is nothing of that kind to do with a token.")
    session = await browser_session(request)
    session.check_csrf((await read_form(request)).get("csrf"))
    tokens = services_of(request).managed.tokens
    return await _done(request, "tokens", lambda: tokens.set_status(person_of(session), token_id, status))


@post("/settings/retention", include_in_schema=False, status_code=303)
async def change_retention(request: AnyRequest) -> Response[Any]:
    """`keep` empty is for ever; with `drop` the agent's own rule goes."""
    session = await browser_session(request)
    form = await read_form(request)
    session.check_csrf(form.get("csrf"))
    rules, who = services_of(request).managed.retention, person_of(session)
    agent, keep = form.get("agent") or None, form.get("keep", "").strip() or None
    if agent is not None and "drop" in form:
        return await _done(request, "retention", lambda: rules.drop(who, None, agent))
    change = RetentionChange(keep=keep)
    return await _done(request, "retention", lambda: rules.set(who, None, agent, change))


async def _done(request: AnyRequest, part: str, work: Callable[[], object]) -> Response[Any]:
    """Back to the part of the page, or what is wrong with the form."""
    try:
        await asyncio.to_thread(work)
    except ApiError as error:
        if error.status not in (404, 409, 422):
            raise
        said = error.message[:1].upper() + error.message[1:]
        return message_page(request, error.status, f"{said}.", "Nothing was changed.")
    return Redirect(f"/settings#{part}", status_code=303)


def settings_routes() -> list[HTTPRouteHandler]:
    return [show_settings, make_token, change_token, change_retention]
