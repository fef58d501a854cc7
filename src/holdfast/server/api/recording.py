"""The endpoints that record: each turns its path and body into one operation."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Request, Response, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath
from msgspec import Raw

from holdfast.server.api.body import read_body
from holdfast.server.services.access import principal_of, services_of
from holdfast.server.services.decoding import decode_fields
from holdfast.server.services.reading import invalid
from holdfast.wire.bulk import BulkAnswer, MinimalBulkAnswer
from holdfast.wire.details import EventDetails, InstanceDetails, SpanDetails
from holdfast.wire.envelopes import ErrorAnswer, Shown
from holdfast.wire.vocabulary import TokenScope

__all__ = ["RECORDING_ROUTES"]

_AnyRequest = Request[Any, Any, Any]
_encode: Final = msgspec.json.Encoder().encode
_ERROR: Final = ResponseSpec(ErrorAnswer, generate_examples=False, description="What is wrong")


def _documented(answer: Any) -> dict[int, ResponseSpec]:
    return {200: ResponseSpec(answer, generate_examples=False), **dict.fromkeys((401, 404, 409, 422), _ERROR)}


async def _record(request: _AnyRequest, kind: str, **known: str) -> Response[bytes]:
    """Carry out one operation: the body's fields, those from the path, and the key from wherever it came."""
    who = await principal_of(request)
    who.need(TokenScope.INGEST)
    services = services_of(request)
    fields = decode_fields(await read_body(request, services.config.max_body))
    key = request.headers.get("idempotency-key")
    if key is not None:
        fields.setdefault("idempotency_key", Raw(_encode(key)))
    fields["_type"] = Raw(_encode(kind))
    for name, value in known.items():
        fields[name] = Raw(_encode(value))
    return _json(await services.ingest.one(who, fields))


async def _record_details(request: _AnyRequest, kind: str) -> Response[bytes]:
    """As `_record`, for bodies that have the fields under `details`; the key may lie in or beside it."""
    who = await principal_of(request)
    who.need(TokenScope.INGEST)
    services = services_of(request)
    body = decode_fields(await read_body(request, services.config.max_body))
    if "details" not in body:
        raise invalid("details", "is missing")
    fields = decode_fields(bytes(body["details"]))
    if "idempotency_key" in body:
        fields["idempotency_key"] = body["idempotency_key"]
    elif (key := request.headers.get("idempotency-key")) is not None:
        fields.setdefault("idempotency_key", Raw(_encode(key)))
    fields["_type"] = Raw(_encode(kind))
    return _json(await services.ingest.one(who, fields))


def _json(body: bytes) -> Response[bytes]:
    return Response(body, media_type="application/json")


@post("/agent_instance/register", status_code=200, responses=_documented(Shown[InstanceDetails]))
async def register(request: _AnyRequest) -> Response[bytes]:
    return await _record(request, "agent_instances/register")


@post("/agent_instance/{run_id:str}/start", status_code=200, responses=_documented(Shown[InstanceDetails]))
async def start(request: _AnyRequest, run_id: FromPath[str]) -> Response[bytes]:
    return await _record(request, "agent_instances/start", agent_instance_id=run_id)


@post("/agent_instance/{run_id:str}/finish", status_code=200, responses=_documented(Shown[InstanceDetails]))
async def finish(request: _AnyRequest, run_id: FromPath[str]) -> Response[bytes]:
    return await _record(request, "agent_instances/finish", agent_instance_id=run_id)


@post(
    "/agent_instance/{run_id:str}/terminate", status_code=200, responses=_documented(Shown[InstanceDetails])
)
async def terminate(request: _AnyRequest, run_id: FromPath[str]) -> Response[bytes]:
    return await _record(request, "agent_instances/terminate", agent_instance_id=run_id)


@post(
    "/agent_instance/{run_id:str}/record_quality",
    status_code=200,
    responses=_documented(Shown[InstanceDetails]),
)
async def record_quality(request: _AnyRequest, run_id: FromPath[str]) -> Response[bytes]:
    return await _record(request, "agent_instances/record_quality", agent_instance_id=run_id)


@post("/agent_spans", status_code=200, responses=_documented(Shown[SpanDetails]))
async def create_span(request: _AnyRequest) -> Response[bytes]:
    return await _record_details(request, "agent_spans/create")


@post("/agent_spans/{span_id:str}/finish", status_code=200, responses=_documented(Shown[SpanDetails]))
async def finish_span(request: _AnyRequest, span_id: FromPath[str]) -> Response[bytes]:
    return await _record(request, "agent_spans/finish", agent_span_id=span_id)


@post("/agent_events", status_code=200, responses=_documented(Shown[EventDetails]))
async def create_event(request: _AnyRequest) -> Response[bytes]:
    return await _record_details(request, "agent_events/create")


@post("/bulk", status_code=200, responses=_documented(BulkAnswer | MinimalBulkAnswer))
async def bulk(request: _AnyRequest) -> Response[bytes]:
    who = await principal_of(request)
    who.need(TokenScope.INGEST)
    services = services_of(request)
    body = await read_body(request, services.config.max_body)
    minimal = "return=minimal" in request.headers.get("prefer", "")
    return _json(await services.ingest.bulk(who, body, minimal=minimal))


RECORDING_ROUTES: Final = [
    register,
    start,
    finish,
    terminate,
    record_quality,
    create_span,
    finish_span,
    create_event,
    bulk,
]
