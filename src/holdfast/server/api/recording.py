"""The endpoints that record: each turns its path and body into one operation."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from litestar import Response, post, put
from litestar.params import FromPath
from msgspec import Raw, Struct, field

from holdfast.server.api.asked import answers, key_outside, read_asked
from holdfast.server.api.authorize import ANY_TOKEN, AnyRequest, caller, route
from holdfast.server.api.body import read_body
from holdfast.server.services.access import services_of
from holdfast.server.services.reading import invalid
from holdfast.server.services.recording.decoding import decode_fields
from holdfast.server.services.recording.mixed_bulk import names_agents
from holdfast.wire.bulk import BulkAnswer, MinimalBulkAnswer
from holdfast.wire.details import SINGLE_QUALITY, EventDetails, InstanceDetails, SpanDetails
from holdfast.wire.envelopes import Listed, Shown
from holdfast.wire.operations import (
    EventCreate,
    InstanceFinish,
    InstanceRegister,
    InstanceStart,
    InstanceTerminate,
    QualityRecord,
    SpanCreate,
    SpanFinish,
)
from holdfast.wire.requests import InstanceChange, TestSpans
from holdfast.wire.spool_state import SPOOL_HEADER
from holdfast.wire.vocabulary import OnError, TokenScope

__all__ = ["RECORDING_ROUTES"]

_encode: Final = msgspec.json.Encoder().encode
_RUN: Final = answers(Shown[InstanceDetails])
_SPAN: Final = answers(Shown[SpanDetails])


class BulkItem(Struct, kw_only=True):
    """One operation. Beside these it has the fields of the single call, and the ids that has in its path as
    `agent_instance_id`, `agent_span_id` or `agent_id`."""

    type: Literal[
        "agent_instances/register",
        "agent_instances/start",
        "agent_instances/finish",
        "agent_instances/terminate",
        "agent_instances/record_quality",
        "agent_spans/create",
        "agent_spans/finish",
        "agent_events/create",
        "agents/list",
        "agents/show",
        "agents/create",
        "agents/update",
        "agents/retire",
        "agents/reinstate",
        "agents/delete",
    ] = field(name="_type")
    idempotency_key: str


class BulkBody(Struct, kw_only=True):
    """`stop`: in order, up to the first item that fails. `continue`: each on its own, in any order."""

    items: list[BulkItem]
    on_error: OnError = OnError.STOP


def _opens(body: type[Struct], *, wrapped: bool = False) -> dict[str, Any]:
    return route(TokenScope.INGEST, body=body, wrapped=wrapped)


async def _record(request: AnyRequest, kind: str, **known: str) -> Response[bytes]:
    """Carry out one operation: the body's fields, those from the path, and the key from wherever it came."""
    who = caller(request)
    services = services_of(request)
    fields = decode_fields(await read_body(request, services.config.max_body))
    key = key_outside(request)
    if key is not None:
        fields.setdefault("idempotency_key", Raw(_encode(key)))
    fields["_type"] = Raw(_encode(kind))
    for name, value in known.items():
        fields[name] = Raw(_encode(value))
    return _json(await services.ingest.one(who, fields))


async def _record_details(request: AnyRequest, kind: str) -> Response[bytes]:
    """As `_record`, for bodies that have the fields under `details`; the key may lie in or beside it."""
    who = caller(request)
    services = services_of(request)
    body = decode_fields(await read_body(request, services.config.max_body))
    if "details" not in body:
        raise invalid("details", "is missing")
    fields = decode_fields(bytes(body["details"]))
    if "idempotency_key" in body:
        fields["idempotency_key"] = body["idempotency_key"]
    elif (key := key_outside(request)) is not None:
        fields.setdefault("idempotency_key", Raw(_encode(key)))
    fields["_type"] = Raw(_encode(kind))
    return _json(await services.ingest.one(who, fields))


def _json(body: bytes) -> Response[bytes]:
    return Response(body, media_type="application/json")


@post("/agent_instance/register", status_code=200, responses=_RUN, opt=_opens(InstanceRegister))
async def register(request: AnyRequest) -> Response[bytes]:
    return await _record(request, "agent_instances/register")


@post("/agent_instance/{run_id:str}/start", status_code=200, responses=_RUN, opt=_opens(InstanceStart))
async def start(request: AnyRequest, run_id: FromPath[str]) -> Response[bytes]:
    return await _record(request, "agent_instances/start", agent_instance_id=run_id)


@post("/agent_instance/{run_id:str}/finish", status_code=200, responses=_RUN, opt=_opens(InstanceFinish))
async def finish(request: AnyRequest, run_id: FromPath[str]) -> Response[bytes]:
    return await _record(request, "agent_instances/finish", agent_instance_id=run_id)


@post(
    "/agent_instance/{run_id:str}/terminate", status_code=200, responses=_RUN, opt=_opens(InstanceTerminate)
)
async def terminate(request: AnyRequest, run_id: FromPath[str]) -> Response[bytes]:
    return await _record(request, "agent_instances/terminate", agent_instance_id=run_id)


@post(
    "/agent_instance/{run_id:str}/record_quality",
    status_code=200,
    responses=_RUN,
    opt=_opens(QualityRecord),
)
async def record_quality(request: AnyRequest, run_id: FromPath[str]) -> Response[bytes]:
    return await _record(request, "agent_instances/record_quality", agent_instance_id=run_id)


@put("/agent_instance/{run_id:str}", responses=_RUN, opt=_opens(InstanceChange, wrapped=True))
async def change_run(request: AnyRequest, run_id: FromPath[str]) -> Response[bytes]:
    """The one unnamed judgement of older clients, kept as the quality record named `quality`."""
    given, key = await read_asked(request, InstanceChange)
    fields = {
        "_type": "agent_instances/record_quality",
        "agent_instance_id": run_id,
        "name": SINGLE_QUALITY,
        "payload": given.quality_payload,
        "idempotency_key": key,
    }
    raw = {name: Raw(_encode(value)) for name, value in fields.items()}
    return _json(await services_of(request).ingest.one(caller(request), raw))


@post("/agent_spans", status_code=200, responses=_SPAN, opt=_opens(SpanCreate, wrapped=True))
async def create_span(request: AnyRequest) -> Response[bytes]:
    return await _record_details(request, "agent_spans/create")


@post("/agent_spans/{span_id:str}/finish", status_code=200, responses=_SPAN, opt=_opens(SpanFinish))
async def finish_span(request: AnyRequest, span_id: FromPath[str]) -> Response[bytes]:
    return await _record(request, "agent_spans/finish", agent_span_id=span_id)


@post(
    "/agent_spans/create_test_spans",
    status_code=200,
    responses=answers(Listed[SpanDetails]),
    opt=_opens(TestSpans),
)
async def create_test_spans(request: AnyRequest) -> Response[bytes]:
    """Finished spans of the run's own types, to try things with."""
    given, key = await read_asked(request, TestSpans, wrapped=False)
    made = await services_of(request).managed.span_maker.make(caller(request), key, given)
    return _json(_encode(made))


@post(
    "/agent_events",
    status_code=200,
    responses=answers(Shown[EventDetails]),
    opt=_opens(EventCreate, wrapped=True),
)
async def create_event(request: AnyRequest) -> Response[bytes]:
    return await _record_details(request, "agent_events/create")


@post(
    "/bulk",
    status_code=200,
    responses=answers(BulkAnswer | MinimalBulkAnswer),
    opt=route(any_of=ANY_TOKEN, body=BulkBody),
)
async def bulk(request: AnyRequest) -> Response[bytes]:
    """Recording takes the scope `ingest`; items about agents take what the single calls take."""
    who = caller(request)
    services = services_of(request)
    body = await read_body(request, services.config.max_body)
    minimal = "return=minimal" in request.headers.get("prefer", "")
    if names_agents(body):
        return _json(await services.managed.mixed_bulk.carry_out(who, body, minimal=minimal))
    who.need(TokenScope.INGEST)
    services.ingest.heard(who, request.headers.get(SPOOL_HEADER))
    return _json(await services.ingest.bulk(who, body, minimal=minimal))


RECORDING_ROUTES: Final = [
    register,
    start,
    finish,
    terminate,
    record_quality,
    change_run,
    create_span,
    finish_span,
    create_test_spans,
    create_event,
    bulk,
]
