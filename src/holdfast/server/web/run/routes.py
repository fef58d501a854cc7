"""The routes of one run's page: each reads its address, asks one builder, renders."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from litestar import Response, Router, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath
from litestar.response import Redirect, Stream
from msgspec import Raw

from holdfast.errors import ApiError
from holdfast.server.services.access import browser_session, person_of, services_of
from holdfast.server.web.answers import AnyRequest, html, message_page, shell_of
from holdfast.server.web.forms import read_form
from holdfast.server.web.links import id_from_path, run_path
from holdfast.server.web.pages import Shown
from holdfast.server.web.run.build import OpenRun, open_run
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
        raise ApiError(404, ErrorCode.NOT_FOUND, _NO_RUN)
    return found


@get("/runs/{run_id:str}", include_in_schema=False)
async def run(request: AnyRequest, run_id: FromPath[str]) -> Response[bytes]:
    session = await browser_session(request)
    opened = await _opened(request, run_id)
    shell = shell_of(request, session)
    return await asyncio.to_thread(lambda: html(opened.page(shell)))


@get("/runs/{run_id:str}/rows", include_in_schema=False)
async def run_rows(request: AnyRequest, run_id: FromPath[str]) -> Response[bytes]:
    """Rows alone; `X-First` and `X-Total` say which of how many."""
    opened = await _opened(request, run_id)
    count = request.query_params.get("count", "")

    def answer() -> Response[bytes]:
        part = opened.rows(int(count) if count.isascii() and count.isdigit() and len(count) < 5 else ROWS)
        return html(part, headers={"X-First": str(part.tree.first), "X-Total": str(part.tree.total)})

    return await asyncio.to_thread(answer)


@get("/runs/{run_id:str}/{part:str}", include_in_schema=False)
async def run_part(request: AnyRequest, run_id: FromPath[str], part: FromPath[str]) -> Response[bytes]:
    session = await browser_session(request)
    opened = await _opened(request, run_id)

    def shown() -> Shown | None:
        match part:
            case "head":
                return opened.head(shell_of(request, session))
            case "detail":
                return opened.detail()
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


@post("/runs/{run_id:str}/stop", include_in_schema=False, status_code=303)
async def stop_run(request: AnyRequest, run_id: FromPath[str]) -> Response[Any]:
    """The form of the run page. The word reaches the agent with its next exchange with the server."""
    session = await browser_session(request)
    form = await read_form(request)
    session.check_csrf(form.get("csrf"))
    run_id = id_from_path(run_id)
    reason = form.get("reason", "").strip()[:500] or "stopped from the console"
    operation = {
        "_type": "agent_instances/terminate",
        "agent_instance_id": run_id,
        "reason": reason,
    }
    fields = {name: Raw(msgspec.json.encode(value)) for name, value in operation.items()}
    try:
        await services_of(request).ingest.one(person_of(session), fields)
    except ApiError as error:
        if error.code != ErrorCode.INVALID_ACTION:
            raise
        return message_page(request, 409, "The run has ended already: there is nothing to stop.")
    return Redirect(run_path(run_id), status_code=303)


@post("/runs/{run_id:str}/thumb", include_in_schema=False, status_code=303)
async def judge_run(request: AnyRequest, run_id: FromPath[str]) -> Redirect:
    """The form of the run page: thumb up, down, or taken back."""
    session = await browser_session(request)
    form = await read_form(request)
    session.check_csrf(form.get("csrf"))
    run_id = id_from_path(run_id)
    thumb = {"up": True, "down": False}.get(form.get("thumb", ""))
    scores, comment = services_of(request).managed.scores, form.get("comment", "").strip()[:2000]
    await asyncio.to_thread(scores.thumb, person_of(session), run_id, thumb, comment)
    return Redirect(run_path(run_id), status_code=303)


def run_routes() -> Router:
    streams = Streams()
    return Router(
        "/",
        route_handlers=[run, run_rows, run_part, run_raw, run_live, stop_run, judge_run],
        dependencies={"streams": Provide(lambda: streams, sync_to_thread=False)},
    )
