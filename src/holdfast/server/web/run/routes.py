"""The routes of one run's page: each reads its address, asks one builder, renders."""

from __future__ import annotations

import asyncio
from typing import Final

from litestar import Response, Router, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath
from litestar.response import Stream

from holdfast.errors import ApiError
from holdfast.server.services.access import browser_session, services_of
from holdfast.server.web.answers import AnyRequest, html, shell_of
from holdfast.server.web.format import ago
from holdfast.server.web.links import id_from_path
from holdfast.server.web.pages import Shown
from holdfast.server.web.run.actions import RUN_ACTIONS
from holdfast.server.web.run.build import OpenRun, open_run
from holdfast.server.web.run.head import View
from holdfast.server.web.run.live import Streams
from holdfast.server.web.run.query import RunQuery
from holdfast.server.web.run.raw import raw_part
from holdfast.server.web.run.tree_rows import ROWS
from holdfast.wire.vocabulary import ErrorCode

__all__ = ["run_routes"]

_NO_RUN: Final = "There is no such run here. It may not have arrived yet, or it may have been deleted."


async def _opened(request: AnyRequest, run_id: str) -> OpenRun:
    session = await browser_session(request)
    services = services_of(request)
    query = RunQuery.read(request.query_params)
    found = await asyncio.to_thread(
        open_run, services.queries, session.account_id, id_from_path(run_id), query, services.clock()
    )
    if found is None:
        erasures = services.managed.erasures
        gone = await asyncio.to_thread(erasures.erased_at, session.account_id, id_from_path(run_id))
        said = _NO_RUN if gone is None else f"This run was erased {ago(gone, services.clock())}."
        raise ApiError(404, ErrorCode.NOT_FOUND, said)
    return found


@get("/runs/{run_id:str}", include_in_schema=False)
async def run(request: AnyRequest, run_id: FromPath[str]) -> Response[bytes]:
    session = await browser_session(request)
    opened = await _opened(request, run_id)
    shell = shell_of(request, session)
    return await asyncio.to_thread(lambda: html(opened.page(shell)))


@get("/runs/{run_id:str}/rows", include_in_schema=False)
async def run_rows(request: AnyRequest, run_id: FromPath[str]) -> Response[bytes]:
    """Rows alone; `X-First` and `X-Total` say which of how many, `X-At` which one the reader looks for."""
    opened = await _opened(request, run_id)
    count = request.query_params.get("count", "")

    def answer() -> Response[bytes]:
        part = opened.rows(int(count) if count.isascii() and count.isdigit() and len(count) < 5 else ROWS)
        tree = part.tree
        places = {"X-First": str(tree.first), "X-Total": str(tree.total), "X-At": str(tree.aim)}
        return html(part, headers=places)

    return await asyncio.to_thread(answer)


@get("/runs/{run_id:str}/{part:str}", include_in_schema=False)
async def run_part(request: AnyRequest, run_id: FromPath[str], part: FromPath[str]) -> Response[bytes]:
    session = await browser_session(request)
    opened = await _opened(request, run_id)

    def shown() -> Shown | None:
        match part:
            case "head":
                asked = request.query_params.get("view", "")
                view = View(asked) if asked in {one.value for one in View} else View.WATERFALL
                return opened.head(shell_of(request, session), view)
            case "detail":
                return opened.detail()
            case "found":
                return opened.found()
            case "story":
                return opened.story(shell_of(request, session))
            case "steps":
                return opened.steps()
            case "events":
                return opened.events(shell_of(request, session), request.query_params)
            case "treebar":
                return opened.treebar()
            case _:
                return None

    found = await asyncio.to_thread(shown)
    if found is None:
        raise ApiError(404, ErrorCode.NOT_FOUND, "There is no such page.")
    return await asyncio.to_thread(html, found)


@get("/runs/{run_id:str}/raw", include_in_schema=False)
async def run_raw(request: AnyRequest, run_id: FromPath[str]) -> Response[bytes]:
    session = await browser_session(request)
    data = await asyncio.to_thread(
        raw_part,
        services_of(request).queries,
        session.account_id,
        id_from_path(run_id),
        request.query_params,
    )
    return Response(data, media_type="text/plain", headers={"Cache-Control": "no-store"})


@get("/runs/{run_id:str}/live", include_in_schema=False)
async def run_live(request: AnyRequest, run_id: FromPath[str], streams: NamedDependency[Streams]) -> Stream:
    session = await browser_session(request)
    services = services_of(request)
    run_id = id_from_path(run_id)
    events = streams.follow(services.queries, services.followers, session.account_id, run_id)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Stream(events, media_type="text/event-stream", headers=headers)


def run_routes() -> Router:
    streams = Streams()
    return Router(
        "/",
        route_handlers=[run, run_rows, run_part, run_raw, run_live, *RUN_ACTIONS],
        dependencies={"streams": Provide(lambda: streams, sync_to_thread=False)},
    )
