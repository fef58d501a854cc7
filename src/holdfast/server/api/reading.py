"""The endpoints that read what was recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from holdfast.errors import ApiError
from holdfast.server.api.asked import answer, answers
from holdfast.server.api.authorize import AnyRequest, Query, caller, route
from holdfast.server.api.body import read_body
from holdfast.server.api.window import read_window
from holdfast.server.services.access import services_of
from holdfast.server.services.managing.places import check_account
from holdfast.server.services.reading import invalid, time_or
from holdfast.server.services.risk import PROFILES
from holdfast.wire.details import EventDetails, InstanceDetails, SpanDetails
from holdfast.wire.envelopes import ControlAnswer, ControlRequest, Listed, Shown
from holdfast.wire.management import AgentContextAnswer, Count, RiskProfileDetails
from holdfast.wire.vocabulary import ErrorCode, TokenScope

__all__ = ["READING_ROUTES"]

_CONTROL_BODY: Final = 1 << 20
_YES: Final = ("true", "false")


@get(
    "/agent_instance/{run_id:str}",
    responses=answers(Shown[InstanceDetails]),
    opt=route(TokenScope.READ, TokenScope.INGEST),
)
async def show_run(request: AnyRequest, run_id: FromPath[str]) -> Response[bytes]:
    """Also with an ingest token: clients ask for their own runs, to learn that they should stop."""
    who, records = caller(request), services_of(request).records
    return await answer(lambda: Shown(details=records.run(who.reach, run_id)))


@get(
    "/agent_instance",
    responses=answers(Listed[InstanceDetails]),
    opt=route(TokenScope.READ, paged=True, query=(Query("agent_id", "an id or a name"),)),
)
async def list_runs(request: AnyRequest) -> Response[bytes]:
    who, query = caller(request), request.query_params
    records, window = services_of(request).records, read_window(query)
    return await answer(lambda: records.runs(who.reach, query.get("agent_id"), window))


@get(
    "/agent_instance/{run_id:str}/agent_context",
    responses=answers(AgentContextAnswer),
    opt=route(TokenScope.READ),
)
async def show_context(request: AnyRequest, run_id: FromPath[str]) -> Response[bytes]:
    """A run with its agent, its span types and an outline of its spans."""
    who, contexts = caller(request), services_of(request).managed.contexts
    return await answer(lambda: contexts.show(who, run_id))


@get(
    "/agent_spans",
    responses=answers(Listed[SpanDetails]),
    opt=route(
        TokenScope.READ,
        paged=True,
        query=(
            Query("agent_id", "this, or the next"),
            Query("agent_instance_id"),
            Query("start_time", "began then or later: ISO 8601"),
            Query("end_time", "began then or earlier: ISO 8601"),
            Query("include_summaries", values=_YES),
            Query("include_risk_level", values=_YES),
        ),
    ),
)
async def list_spans(request: AnyRequest) -> Response[bytes]:
    who, query = caller(request), request.query_params
    agent_id, run_id = query.get("agent_id"), query.get("agent_instance_id")
    if agent_id is None and run_id is None:
        raise invalid("agent_id", "give agent_id or agent_instance_id")
    since, until, window = _time(query, "start_time"), _time(query, "end_time"), read_window(query)
    records = services_of(request).records
    return await answer(
        lambda: records.spans(
            who.reach,
            agent_id=agent_id,
            run_id=run_id,
            since=since,
            until=until,
            summaries=query.get("include_summaries") == "true",
            risk=query.get("include_risk_level") == "true",
            window=window,
        )
    )


@get(
    "/agent_events",
    responses=answers(Listed[EventDetails]),
    opt=route(TokenScope.READ, paged=True, query=(Query("agent_instance_id"),)),
)
async def list_events(request: AnyRequest) -> Response[bytes]:
    who, query = caller(request), request.query_params
    run_id = query.get("agent_instance_id")
    if run_id is None:
        raise invalid("agent_instance_id", "is missing")
    records, window = services_of(request).records, read_window(query, order="timestamp")
    return await answer(lambda: records.events(who.reach, run_id, window))


@get("/alerts/count", responses=answers(Count), opt=route(TokenScope.READ, TokenScope.ADMIN))
async def count_alerts(request: AnyRequest) -> Response[bytes]:
    """Runs that began in the last 24 hours and failed."""
    who, agents = caller(request), services_of(request).managed.agents
    return await answer(lambda: Count(count=agents.alerts(who)))


@get(
    "/risk_profile",
    responses=answers(Listed[RiskProfileDetails]),
    opt=route(TokenScope.READ, TokenScope.ADMIN, query=(Query("account_id"),)),
)
async def list_risk_profiles(request: AnyRequest) -> Response[bytes]:
    """The same for every account."""
    check_account(caller(request), request.query_params.get("account_id"))
    rows = [
        RiskProfileDetails(id=profile.id, name=profile.name, description=profile.description)
        for profile in PROFILES.values()
    ]
    return await answer(lambda: Listed(summaries=rows, pagination=None, sorting=None))


@post(
    "/control",
    status_code=200,
    responses=answers(ControlAnswer),
    opt=route(TokenScope.INGEST, body=ControlRequest),
)
async def control(request: AnyRequest) -> ControlAnswer:
    """Word for live runs that have nothing to send."""
    who = caller(request)
    body = await read_body(request, _CONTROL_BODY)
    try:
        wanted = msgspec.json.decode(body, type=ControlRequest)
    except msgspec.DecodeError as error:
        raise ApiError(422, ErrorCode.VALIDATION, f"agent_instance_ids: {error}") from None
    if len(wanted.agent_instance_ids) > 1000:
        raise invalid("agent_instance_ids", "at most 1,000 in one request")
    records = services_of(request).records
    return ControlAnswer(
        control=await asyncio.to_thread(records.control, who.reach, wanted.agent_instance_ids)
    )


def _time(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    return None if text is None else time_or(text, 0, name)


READING_ROUTES: Final = [
    show_run,
    list_runs,
    show_context,
    list_spans,
    list_events,
    count_alerts,
    list_risk_profiles,
    control,
]
