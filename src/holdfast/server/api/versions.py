"""Agent versions and schema versions."""

from __future__ import annotations

from typing import Final

from litestar import Response, get, post
from litestar.params import FromPath

from holdfast.server.api.asked import answer, answers, read_asked
from holdfast.server.api.authorize import AnyRequest, Query, caller, route
from holdfast.server.api.window import read_window
from holdfast.server.services.access import services_of
from holdfast.wire.envelopes import Listed, Shown
from holdfast.wire.management import AgentVersionDetails, SchemaVersionDetails
from holdfast.wire.requests import AgentVersionCreate, SchemaVersionCreate
from holdfast.wire.vocabulary import TokenScope

__all__ = ["VERSION_ROUTES"]

_READ: Final = (TokenScope.READ, TokenScope.ADMIN)
_ADMIN: Final = TokenScope.ADMIN
_VERSION: Final = answers(Shown[AgentVersionDetails])
_SCHEMA: Final = answers(Shown[SchemaVersionDetails])
_OF_AGENT: Final = (Query("agent_id"),)


@get(
    "/agent_version",
    responses=answers(Listed[AgentVersionDetails]),
    opt=route(*_READ, paged=True, query=_OF_AGENT),
)
async def list_versions(request: AnyRequest) -> Response[bytes]:
    who, query = caller(request), request.query_params
    versions, window = services_of(request).managed.versions, read_window(query)
    return await answer(lambda: versions.versions(who, query.get("agent_id"), window))


@get("/agent_version/{version_id:str}", responses=_VERSION, opt=route(*_READ))
async def show_version(request: AnyRequest, version_id: FromPath[str]) -> Response[bytes]:
    who, versions = caller(request), services_of(request).managed.versions
    return await answer(lambda: versions.version(who, version_id))


@post(
    "/agent_version",
    status_code=200,
    responses=_VERSION,
    opt=route(_ADMIN, body=AgentVersionCreate, wrapped=True),
)
async def create_version(request: AnyRequest) -> Response[bytes]:
    who, versions = caller(request), services_of(request).managed.versions
    given, key = await read_asked(request, AgentVersionCreate)
    return await answer(lambda: versions.create_version(who, key, given))


@get(
    "/agent_schema_version",
    responses=answers(Listed[SchemaVersionDetails]),
    opt=route(*_READ, paged=True, query=_OF_AGENT),
)
async def list_schema_versions(request: AnyRequest) -> Response[bytes]:
    who, query = caller(request), request.query_params
    versions, window = services_of(request).managed.versions, read_window(query)
    return await answer(lambda: versions.schema_versions(who, query.get("agent_id"), window))


@get("/agent_schema_version/{version_id:str}", responses=_SCHEMA, opt=route(*_READ))
async def show_schema_version(request: AnyRequest, version_id: FromPath[str]) -> Response[bytes]:
    who, versions = caller(request), services_of(request).managed.versions
    return await answer(lambda: versions.schema_version(who, version_id))


@post(
    "/agent_schema_version",
    status_code=200,
    responses=_SCHEMA,
    opt=route(_ADMIN, body=SchemaVersionCreate, wrapped=True),
)
async def create_schema_version(request: AnyRequest) -> Response[bytes]:
    who, versions = caller(request), services_of(request).managed.versions
    given, key = await read_asked(request, SchemaVersionCreate)
    return await answer(lambda: versions.create_schema_version(who, key, given))


VERSION_ROUTES: Final = [
    list_versions,
    show_version,
    create_version,
    list_schema_versions,
    show_schema_version,
    create_schema_version,
]
