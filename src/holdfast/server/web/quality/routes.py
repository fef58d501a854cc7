"""The route of the quality page."""

from __future__ import annotations

import asyncio

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from holdfast.server.services.access import browser_session, services_of
from holdfast.server.web.answers import AnyRequest, html, shell_of
from holdfast.server.web.quality.build import quality_page
from holdfast.server.web.scope import Scope

__all__ = ["quality_routes"]


@get("/quality", include_in_schema=False)
async def quality(request: AnyRequest) -> Response[bytes]:
    session = await browser_session(request)
    services = services_of(request)
    scope = Scope.read(request.query_params)
    shell = shell_of(request, session)

    def answer() -> Response[bytes]:
        scores = services.managed.scores
        return html(
            quality_page(services.queries, scores, shell, session.account_id, scope, services.clock())
        )

    return await asyncio.to_thread(answer)


def quality_routes() -> list[HTTPRouteHandler]:
    return [quality]
