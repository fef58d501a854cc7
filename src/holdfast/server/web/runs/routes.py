"""The routes of the run list."""

from __future__ import annotations

import asyncio

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from holdfast.server.services.access import browser_session, services_of
from holdfast.server.web.answers import AnyRequest, html, shell_of
from holdfast.server.web.runs.build import run_list_page
from holdfast.server.web.runs.query import ListQuery

__all__ = ["run_list_routes"]


@get("/runs", include_in_schema=False)
async def runs(request: AnyRequest) -> Response[bytes]:
    session = await browser_session(request)
    services = services_of(request)
    query = ListQuery.read(request.query_params)
    page = await asyncio.to_thread(
        run_list_page,
        services.queries,
        shell_of(request, session),
        session.account_id,
        query,
        services.clock(),
    )
    return await asyncio.to_thread(html, page)


def run_list_routes() -> list[HTTPRouteHandler]:
    return [runs]
