"""The routes of the run list: each reads its address, asks one builder, renders."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import parse_qsl

from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect, Stream

from holdfast.server.services.access import browser_session, services_of
from holdfast.server.services.context import Services
from holdfast.server.services.own_path import is_own_path
from holdfast.server.web.answers import AnyRequest, html, shell_of
from holdfast.server.web.forms import read_form
from holdfast.server.web.runs.build import Reader, new_runs, run_list_page
from holdfast.server.web.runs.columns import COLUMNS_COOKIE, columns_of, columns_text
from holdfast.server.web.runs.export import as_csv, as_json_lines
from holdfast.server.web.runs.query import RUNS, ListQuery

__all__ = ["run_list_routes"]

_NO_STORE: Final = {"Cache-Control": "no-store"}


@get(RUNS, include_in_schema=False)
async def runs(request: AnyRequest) -> Response[bytes]:
    session = await browser_session(request)
    services, shell = services_of(request), shell_of(request, session)
    query = ListQuery.read(request.query_params)

    def answer() -> Response[bytes]:
        reader = Reader(
            account_id=session.account_id,
            saved=services.saved.lists(session.account_id),
            columns=columns_of(request.cookies.get(COLUMNS_COOKIE)),
        )
        return html(run_list_page(services.queries, services.search, shell, reader, query, services.clock()))

    return await asyncio.to_thread(answer)


@get("/list/news", include_in_schema=False)
async def news(request: AnyRequest) -> dict[str, int]:
    """How many runs of the list have come since the place `after`, a hundred at most."""
    session = await browser_session(request)
    services, query = services_of(request), ListQuery.read(request.query_params)
    count = await asyncio.to_thread(new_runs, services.queries, session.account_id, query, services.clock())
    return {"new": count}


@get("/list/columns", include_in_schema=False)
async def set_columns(request: AnyRequest) -> Redirect:
    """The choice of columns, kept by the browser."""
    await browser_session(request)
    chosen = columns_text(request.query_params.getall("col", []))
    back = request.query_params.get("back", "")
    cookie = Cookie(key=COLUMNS_COOKIE, value=chosen, max_age=31_536_000, path="/", samesite="lax")
    return Redirect(back if is_own_path(back) else RUNS, status_code=303, cookies=[cookie])


@post("/list/saved", include_in_schema=False, status_code=303)
async def save(request: AnyRequest) -> Redirect:
    """Keep a list under a name, or, with `delete`, keep it no longer."""
    session = await browser_session(request)
    form = await read_form(request)
    session.check_csrf(form.get("csrf"))
    query = ListQuery.read(dict(parse_qsl(form.get("address", ""))))
    saved, account_id = services_of(request).saved, session.account_id
    name = form.get("delete")
    if name is not None:
        await asyncio.to_thread(saved.delete, account_id, name)
    else:
        address = query.at().url().partition("?")[2]
        await asyncio.to_thread(saved.save, account_id, form.get("name", ""), address)
    return Redirect(query.at().url(), status_code=303)


@get("/list/runs.csv", include_in_schema=False)
async def export_csv(request: AnyRequest) -> Stream:
    return await _file(request, as_csv, "text/csv", "runs.csv")


@get("/list/runs.jsonl", include_in_schema=False)
async def export_json_lines(request: AnyRequest) -> Stream:
    return await _file(request, as_json_lines, "application/jsonl", "runs.jsonl")


async def _file(
    request: AnyRequest, lines: Callable[[Services, str, ListQuery], Iterator[bytes]], kind: str, name: str
) -> Stream:
    session = await browser_session(request)
    query = ListQuery.read(request.query_params).at()
    written: Any = lines(services_of(request), session.account_id, query)
    headers = _NO_STORE | {"Content-Disposition": f'attachment; filename="{name}"'}
    return Stream(written, media_type=kind, headers=headers)


def run_list_routes() -> list[HTTPRouteHandler]:
    return [runs, news, set_columns, save, export_csv, export_json_lines]
