"""The routes of the overview."""

from __future__ import annotations

import asyncio

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from holdfast.server.services.access import browser_session, services_of
from holdfast.server.web.answers import AnyRequest, html, shell_of
from holdfast.server.web.overview.build import figures_part, overview_page
from holdfast.server.web.overview.query import OverviewQuery

__all__ = ["overview_routes"]


@get("/", include_in_schema=False)
async def overview(request: AnyRequest) -> Response[bytes]:
    session = await browser_session(request)
    services = services_of(request)
    query = OverviewQuery.read(request.query_params)
    shell = shell_of(request, session)

    def answer() -> Response[bytes]:
        page = overview_page(services.queries, shell, session.account_id, query, services.clock())
        return html(page)

    return await asyncio.to_thread(answer)


@get("/overview/figures", include_in_schema=False)
async def overview_figures(request: AnyRequest) -> Response[bytes]:
    """The numbers alone, for the page that keeps itself up to date."""
    session = await browser_session(request)
    services = services_of(request)
    query = OverviewQuery.read(request.query_params)

    def answer() -> Response[bytes]:
        return html(figures_part(services.queries, session.account_id, query, services.clock()))

    return await asyncio.to_thread(answer)


def overview_routes() -> list[HTTPRouteHandler]:
    return [overview, overview_figures]
