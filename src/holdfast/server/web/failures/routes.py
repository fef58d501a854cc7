"""The routes of the failures pages."""

from __future__ import annotations

import asyncio

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from holdfast.errors import ApiError
from holdfast.server.services.access import browser_session, services_of
from holdfast.server.web.answers import AnyRequest, html, shell_of
from holdfast.server.web.failures.build import failures_page
from holdfast.server.web.failures.group import failure_page
from holdfast.server.web.failures.query import FailuresQuery, GroupQuery
from holdfast.wire.vocabulary import ErrorCode

__all__ = ["failure_routes"]

_LONGEST_NAME = 100


@get("/failures", include_in_schema=False)
async def failures(request: AnyRequest) -> Response[bytes]:
    session = await browser_session(request)
    services = services_of(request)
    query = FailuresQuery.read(request.query_params)
    shell = shell_of(request, session)

    def answer() -> Response[bytes]:
        return html(failures_page(services.queries, shell, session.account_id, query, services.clock()))

    return await asyncio.to_thread(answer)


@get("/failures/{fingerprint:str}", include_in_schema=False)
async def failure(request: AnyRequest, fingerprint: FromPath[str]) -> Response[bytes]:
    session = await browser_session(request)
    services = services_of(request)
    query = GroupQuery.read(request.query_params)
    shell = shell_of(request, session)

    def answer() -> Response[bytes]:
        name = fingerprint[:_LONGEST_NAME]
        page = failure_page(services.queries, shell, session.account_id, name, query, services.clock())
        if page is None:
            raise ApiError(404, ErrorCode.NOT_FOUND, "No failure of this kind is in the record.")
        return html(page)

    return await asyncio.to_thread(answer)


def failure_routes() -> list[HTTPRouteHandler]:
    return [failures, failure]
