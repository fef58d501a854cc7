"""Agents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from litestar import Response, delete, get, post, put
from litestar.params import FromPath

from holdfast.server.api.asked import answer, answers, read_asked, read_key
from holdfast.server.api.authorize import AnyRequest, Query, caller, route
from holdfast.server.api.window import read_window
from holdfast.server.services.access import services_of
from holdfast.server.stores.agents import AgentFilter
from holdfast.wire.envelopes import Listed, Shown
from holdfast.wire.management import AgentDetails
from holdfast.wire.requests import AgentChange, AgentCreate
from holdfast.wire.vocabulary import TokenScope

__all__ = ["AGENT_ROUTES", "agent_filter"]

_READ: Final = (TokenScope.READ, TokenScope.ADMIN)
_ADMIN: Final = TokenScope.ADMIN
_FILTERS: Final = ("risk_profile_id", "team_id", "owner_person_id")
_ONE: Final = answers(Shown[AgentDetails])


def agent_filter(query: Mapping[str, str]) -> AgentFilter:
    """`null` as a value asks for agents without one."""
    return AgentFilter(
        equal={name: None if query[name] == "null" else query[name] for name in _FILTERS if name in query}
    )


@get(
    "/agent",
    responses=answers(Listed[AgentDetails]),
    opt=route(*_READ, paged=True, query=tuple(Query(name, "`null`: those without one") for name in _FILTERS)),
)
async def list_agents(request: AnyRequest) -> Response[bytes]:
    who, query = caller(request), request.query_params
    agents = services_of(request).managed.agents
    wanted, window = agent_filter(query), read_window(query)
    return await answer(lambda: agents.page(who, wanted, window))


@get(
    "/agent/show",
    responses=_ONE,
    opt=route(
        *_READ,
        query=(
            Query("agent_id", "this, or the next"),
            Query("external_identifier"),
            Query("environment_id", "counts runs in this environment only"),
        ),
    ),
)
async def show_agent_by(request: AnyRequest) -> Response[bytes]:
    who, query = caller(request), request.query_params
    agents = services_of(request).managed.agents
    return await answer(
        lambda: agents.show(
            who,
            agent_id=query.get("agent_id"),
            external_identifier=query.get("external_identifier"),
            environment_id=query.get("environment_id"),
        )
    )


@get("/agent/{agent_id:str}", responses=_ONE, opt=route(*_READ))
async def show_agent(request: AnyRequest, agent_id: FromPath[str]) -> Response[bytes]:
    who, agents = caller(request), services_of(request).managed.agents
    return await answer(lambda: agents.show(who, agent_id=agent_id))


@post("/agent", status_code=200, responses=_ONE, opt=route(_ADMIN, body=AgentCreate, wrapped=True))
async def create_agent(request: AnyRequest) -> Response[bytes]:
    who, agents = caller(request), services_of(request).managed.agents
    given, key = await read_asked(request, AgentCreate)
    return await answer(lambda: agents.create(who, key, given))


@put("/agent/{agent_id:str}", responses=_ONE, opt=route(_ADMIN, body=AgentChange, wrapped=True))
async def update_agent(request: AnyRequest, agent_id: FromPath[str]) -> Response[bytes]:
    who, agents = caller(request), services_of(request).managed.agents
    given, key = await read_asked(request, AgentChange)
    return await answer(lambda: agents.update(who, key, agent_id, given))


@post("/agent/{agent_id:str}/retire", status_code=200, responses=_ONE, opt=route(_ADMIN))
async def retire_agent(request: AnyRequest, agent_id: FromPath[str]) -> Response[bytes]:
    who, agents, key = caller(request), services_of(request).managed.agents, await read_key(request)
    return await answer(lambda: agents.retire(who, key, agent_id))


@post("/agent/{agent_id:str}/reinstate", status_code=200, responses=_ONE, opt=route(_ADMIN))
async def reinstate_agent(request: AnyRequest, agent_id: FromPath[str]) -> Response[bytes]:
    who, agents, key = caller(request), services_of(request).managed.agents, await read_key(request)
    return await answer(lambda: agents.reinstate(who, key, agent_id))


@delete("/agent/{agent_id:str}", status_code=200, responses=_ONE, opt=route(_ADMIN))
async def delete_agent(request: AnyRequest, agent_id: FromPath[str]) -> Response[bytes]:
    who, agents, key = caller(request), services_of(request).managed.agents, await read_key(request)
    return await answer(lambda: agents.delete(who, key, agent_id))


AGENT_ROUTES: Final = [
    list_agents,
    show_agent_by,
    show_agent,
    create_agent,
    update_agent,
    retire_agent,
    reinstate_agent,
    delete_agent,
]
