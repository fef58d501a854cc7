"""Accounts, environments and deployments."""

from __future__ import annotations

from typing import Final

from litestar import Response, delete, get, post, put
from litestar.params import FromPath

from holdfast.server.api.asked import answer, answers, read_asked, read_key
from holdfast.server.api.authorize import ANY_TOKEN, AnyRequest, Query, caller, route
from holdfast.server.api.window import read_window
from holdfast.server.services.access import services_of
from holdfast.wire.envelopes import Listed, Shown
from holdfast.wire.management import AccountDetails, DeploymentDetails, EnvironmentDetails
from holdfast.wire.requests import (
    AccountChange,
    DeploymentChange,
    DeploymentCreate,
    EnvironmentChange,
    EnvironmentCreate,
)
from holdfast.wire.vocabulary import TokenScope

__all__ = ["PLACE_ROUTES"]

_READ: Final = (TokenScope.READ, TokenScope.ADMIN)
_ADMIN: Final = TokenScope.ADMIN
_ACCOUNT: Final = answers(Shown[AccountDetails])
_ENVIRONMENT: Final = answers(Shown[EnvironmentDetails])
_DEPLOYMENT: Final = answers(Shown[DeploymentDetails])


@get("/account", responses=answers(Listed[AccountDetails]), opt=route(any_of=ANY_TOKEN, paged=True))
async def list_accounts(request: AnyRequest) -> Response[bytes]:
    """The token's own account: others are none of its business."""
    who, places = caller(request), services_of(request).managed.places
    window = read_window(request.query_params)
    return await answer(lambda: places.accounts(who, window))


@get("/account/{account_id:str}", responses=_ACCOUNT, opt=route(any_of=ANY_TOKEN))
async def show_account(request: AnyRequest, account_id: FromPath[str]) -> Response[bytes]:
    who, places = caller(request), services_of(request).managed.places
    return await answer(lambda: places.account(who, account_id))


@put("/account/{account_id:str}", responses=_ACCOUNT, opt=route(_ADMIN, body=AccountChange, wrapped=True))
async def update_account(request: AnyRequest, account_id: FromPath[str]) -> Response[bytes]:
    who, places = caller(request), services_of(request).managed.places
    given, key = await read_asked(request, AccountChange)
    return await answer(lambda: places.rename_account(who, key, account_id, given))


@get(
    "/environment",
    responses=answers(Listed[EnvironmentDetails]),
    opt=route(*_READ, paged=True, query=(Query("account_id"),)),
)
async def list_environments(request: AnyRequest) -> Response[bytes]:
    who, query = caller(request), request.query_params
    places, window = services_of(request).managed.places, read_window(query)
    return await answer(lambda: places.environments(who, query.get("account_id"), window))


@get("/environment/{environment_id:str}", responses=_ENVIRONMENT, opt=route(*_READ))
async def show_environment(request: AnyRequest, environment_id: FromPath[str]) -> Response[bytes]:
    who, places = caller(request), services_of(request).managed.places
    return await answer(lambda: places.environment(who, environment_id))


@post(
    "/environment",
    status_code=200,
    responses=_ENVIRONMENT,
    opt=route(_ADMIN, body=EnvironmentCreate, wrapped=True),
)
async def create_environment(request: AnyRequest) -> Response[bytes]:
    who, places = caller(request), services_of(request).managed.places
    given, key = await read_asked(request, EnvironmentCreate)
    return await answer(lambda: places.create_environment(who, key, given))


@put(
    "/environment/{environment_id:str}",
    responses=_ENVIRONMENT,
    opt=route(_ADMIN, body=EnvironmentChange, wrapped=True),
)
async def update_environment(request: AnyRequest, environment_id: FromPath[str]) -> Response[bytes]:
    who, places = caller(request), services_of(request).managed.places
    given, key = await read_asked(request, EnvironmentChange)
    return await answer(lambda: places.rename_environment(who, key, environment_id, given))


@delete("/environment/{environment_id:str}", status_code=200, responses=_ENVIRONMENT, opt=route(_ADMIN))
async def delete_environment(request: AnyRequest, environment_id: FromPath[str]) -> Response[bytes]:
    who, places, key = caller(request), services_of(request).managed.places, await read_key(request)
    return await answer(lambda: places.delete_environment(who, key, environment_id))


@get(
    "/agent_deployment",
    responses=answers(Listed[DeploymentDetails]),
    opt=route(*_READ, paged=True, query=(Query("agent_id"),)),
)
async def list_deployments(request: AnyRequest) -> Response[bytes]:
    who, query = caller(request), request.query_params
    deployments, window = services_of(request).managed.deployments, read_window(query)
    return await answer(lambda: deployments.page(who, query.get("agent_id"), window))


@get("/agent_deployment/{deployment_id:str}", responses=_DEPLOYMENT, opt=route(*_READ))
async def show_deployment(request: AnyRequest, deployment_id: FromPath[str]) -> Response[bytes]:
    who, deployments = caller(request), services_of(request).managed.deployments
    return await answer(lambda: deployments.show(who, deployment_id))


@post(
    "/agent_deployment",
    status_code=200,
    responses=_DEPLOYMENT,
    opt=route(_ADMIN, body=DeploymentCreate, wrapped=True),
)
async def create_deployment(request: AnyRequest) -> Response[bytes]:
    who, deployments = caller(request), services_of(request).managed.deployments
    given, key = await read_asked(request, DeploymentCreate)
    return await answer(lambda: deployments.create(who, key, given))


@put(
    "/agent_deployment/{deployment_id:str}",
    responses=_DEPLOYMENT,
    opt=route(_ADMIN, body=DeploymentChange, wrapped=True),
)
async def update_deployment(request: AnyRequest, deployment_id: FromPath[str]) -> Response[bytes]:
    who, deployments = caller(request), services_of(request).managed.deployments
    given, key = await read_asked(request, DeploymentChange)
    return await answer(lambda: deployments.update(who, key, deployment_id, given))


@delete("/agent_deployment/{deployment_id:str}", status_code=200, responses=_DEPLOYMENT, opt=route(_ADMIN))
async def delete_deployment(request: AnyRequest, deployment_id: FromPath[str]) -> Response[bytes]:
    who, deployments, key = caller(request), services_of(request).managed.deployments, await read_key(request)
    return await answer(lambda: deployments.delete(who, key, deployment_id))


PLACE_ROUTES: Final = [
    list_accounts,
    show_account,
    update_account,
    list_environments,
    show_environment,
    create_environment,
    update_environment,
    delete_environment,
    list_deployments,
    show_deployment,
    create_deployment,
    update_deployment,
    delete_deployment,
]
