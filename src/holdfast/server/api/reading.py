"""The endpoints that read."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath

from holdfast.errors import ApiError
from holdfast.server.api.body import read_body
from holdfast.server.api.window import read_window
from holdfast.server.services.access import principal_of, services_of
from holdfast.server.services.reading import invalid, time_or
from holdfast.wire.details import EventDetails, InstanceDetails, SpanDetails
from holdfast.wire.envelopes import ControlAnswer, ControlRequest, Listed, Shown
from holdfast.wire.vocabulary import ErrorCode, TokenScope

__all__ = ["READING_ROUTES"]

_AnyRequest = Request[Any, Any, Any]
_CONTROL_BODY: Final = 1 << 20


@get("/agent_instance/{run_id:str}")
async def show_run(request: _AnyRequest, run_id: FromPath[str]) -> Shown[InstanceDetails]:
    """Also with an ingest token: clients ask for their own runs, to learn that they should stop."""
    who = await principal_of(request)
    who.need(TokenScope.READ, TokenScope.INGEST)
    records = services_of(request).records
    return Shown(details=await asyncio.to_thread(records.run, who.account_id, run_id))


@get("/agent_instance")
async def list_runs(request: _AnyRequest) -> Listed[InstanceDetails]:
    who = await principal_of(request)
    who.need(TokenScope.READ)
    query = request.query_params
    records = services_of(request).records
    return await asyncio.to_thread(records.runs, who.account_id, query.get("agent_id"), read_window(query))


@get("/agent_spans")
async def list_spans(request: _AnyRequest) -> Listed[SpanDetails]:
    who = await principal_of(request)
    who.need(TokenScope.READ)
    query = request.query_params
    agent_id, run_id = query.get("agent_id"), query.get("agent_instance_id")
    if agent_id is None and run_id is None:
        raise invalid("agent_id", "give agent_id or agent_instance_id")
    since, until = query.get("start_time"), query.get("end_time")
    return await asyncio.to_thread(
        services_of(request).records.spans,
        who.account_id,
        agent_id=agent_id,
        run_id=run_id,
        since=None if since is None else time_or(since, 0, "start_time"),
        until=None if until is None else time_or(until, 0, "end_time"),
        summaries=query.get("include_summaries") == "true",
        window=read_window(query),
    )


@get("/agent_events")
async def list_events(request: _AnyRequest) -> Listed[EventDetails]:
    who = await principal_of(request)
    who.need(TokenScope.READ)
    query = request.query_params
    run_id = query.get("agent_instance_id")
    if run_id is None:
        raise invalid("agent_instance_id", "is missing")
    window = read_window(query, order="timestamp")
    return await asyncio.to_thread(services_of(request).records.events, who.account_id, run_id, window)


@post("/control", status_code=200)
async def control(request: _AnyRequest) -> ControlAnswer:
    """Word for live runs that have nothing to send."""
    who = await principal_of(request)
    who.need(TokenScope.INGEST)
    body = await read_body(request, _CONTROL_BODY)
    try:
        wanted = msgspec.json.decode(body, type=ControlRequest)
    except msgspec.DecodeError as error:
        raise ApiError(422, ErrorCode.VALIDATION, f"agent_instance_ids: {error}") from None
    if len(wanted.agent_instance_ids) > 1000:
        raise invalid("agent_instance_ids", "at most 1,000 in one request")
    records = services_of(request).records
    return ControlAnswer(
        control=await asyncio.to_thread(records.control, who.account_id, wanted.agent_instance_ids)
    )


READING_ROUTES: Final = [show_run, list_runs, list_spans, list_events, control]
