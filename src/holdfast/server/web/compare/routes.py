"""The route of the comparison."""

from __future__ import annotations

import asyncio

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from holdfast.server.services.access import browser_session, services_of
from holdfast.server.web.answers import AnyRequest, html, shell_of
from holdfast.server.web.compare.build import compare_page
from holdfast.server.web.compare.pages import ChoosePage
from holdfast.server.web.compare.query import CompareQuery

__all__ = ["compare_routes"]


@get("/compare", include_in_schema=False)
async def compare(request: AnyRequest) -> Response[bytes]:
    session = await browser_session(request)
    services = services_of(request)
    query = CompareQuery.read(request.query_params)
    shell = shell_of(request, session)

    def answer() -> Response[bytes]:
        page = compare_page(services.queries, shell, session.account_id, query, services.clock())
        missing = isinstance(page, ChoosePage) and bool(page.problem)
        return html(page, status=404 if missing else 200)

    return await asyncio.to_thread(answer)


def compare_routes() -> list[HTTPRouteHandler]:
    return [compare]
