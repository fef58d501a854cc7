"""The routes of the agents pages."""

from __future__ import annotations

import asyncio

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from holdfast._ids import MAX_ID_LENGTH
from holdfast.errors import ApiError
from holdfast.server.services.access import browser_session, services_of
from holdfast.server.web.agents.build import agents_page
from holdfast.server.web.agents.one import agent_page
from holdfast.server.web.agents.query import AgentsQuery
from holdfast.server.web.answers import AnyRequest, html, shell_of
from holdfast.server.web.links import id_from_path
from holdfast.wire.vocabulary import ErrorCode

__all__ = ["agent_routes"]


@get("/agents", include_in_schema=False)
async def agents(request: AnyRequest) -> Response[bytes]:
    session = await browser_session(request)
    services = services_of(request)
    query = AgentsQuery.read(request.query_params)
    shell = shell_of(request, session)

    def answer() -> Response[bytes]:
        return html(agents_page(services.queries, shell, session.account_id, query, services.clock()))

    return await asyncio.to_thread(answer)


@get("/agents/{agent_id:str}", include_in_schema=False)
async def agent(request: AnyRequest, agent_id: FromPath[str]) -> Response[bytes]:
    session = await browser_session(request)
    services = services_of(request)
    wanted = id_from_path(agent_id)[:MAX_ID_LENGTH]
    query = AgentsQuery.read(request.query_params, agent=wanted)
    shell = shell_of(request, session)

    def answer() -> Response[bytes]:
        page = agent_page(services.queries, shell, session.account_id, wanted, query, services.clock())
        if page is None:
            raise ApiError(404, ErrorCode.NOT_FOUND, "There is no such agent here. It may have been deleted.")
        return html(page)

    return await asyncio.to_thread(answer)


def agent_routes() -> list[HTTPRouteHandler]:
    return [agents, agent]
