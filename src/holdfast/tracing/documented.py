"""Operations as single requests of the HTTP API, with none of the fields that Holdfast adds to it.

What has no place there is left out: the names of spans, attributes, why a run failed, a payload that changed
after the start. Why a span failed becomes its result, where it has none of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import msgspec
from msgspec import Raw, Struct

from holdfast._clock import iso_utc
from holdfast.wire.operations import (
    NO_JSON,
    EventCreate,
    InstanceFinish,
    InstanceRegister,
    InstanceStart,
    InstanceTerminate,
    Operation,
    QualityRecord,
    RecordedError,
    SpanCreate,
    SpanFinish,
    Time,
)
from holdfast.wire.vocabulary import Purpose, SpanStatus

__all__ = ["DocumentedRequest", "documented", "instance_of"]

_INSTANCES: Final = "/api/v1/agent_instance"
_SPANS: Final = "/api/v1/agent_spans"
_encode: Final = msgspec.json.Encoder().encode


class DocumentedRequest(Struct, frozen=True, kw_only=True):
    """`repeatable`: an answer of 409 says that what is asked for has happened before, or cannot happen any more."""

    path: str
    body: bytes
    repeatable: bool = False


def documented(operation: Operation) -> DocumentedRequest | None:
    """The request that carries out the operation; None for what the API has no request for."""
    match operation:
        case InstanceRegister():
            return _request(f"{_INSTANCES}/register", _registration(operation))
        case InstanceStart():
            path = f"{_instance(operation.agent_instance_id)}/start"
            return _request(path, _timed(operation), repeatable=True)
        case InstanceFinish():
            path = f"{_instance(operation.agent_instance_id)}/finish"
            return _request(path, {"status": operation.status, **_timed(operation)}, repeatable=True)
        case InstanceTerminate():
            path = f"{_instance(operation.agent_instance_id)}/terminate"
            return _request(path, {"reason": operation.reason}, repeatable=True)
        case QualityRecord():
            path = f"{_instance(operation.agent_instance_id)}/record_quality"
            named = {"name": operation.name, "idempotency_key": operation.idempotency_key}
            return _request(path, named, always={"payload": operation.payload})
        case SpanCreate():
            return _request(_SPANS, {"details": _present(_span(operation))})
        case SpanFinish():
            path = f"{_SPANS}/{quote(operation.agent_span_id, safe='')}/finish"
            result = _result(operation.result_payload, operation.error)
            fields = {"status": operation.status, "result_payload": result, **_timed(operation)}
            return _request(path, fields, repeatable=True)
        case EventCreate():
            return None


def instance_of(operation: Operation) -> str | None:
    """The run that an operation belongs to, where it says so."""
    return operation.id if isinstance(operation, InstanceRegister) else operation.agent_instance_id


def _request(
    path: str,
    fields: Mapping[str, object],
    *,
    always: Mapping[str, object] | None = None,
    repeatable: bool = False,
) -> DocumentedRequest:
    return DocumentedRequest(
        path=path, body=_encode({**_present(fields), **(always or {})}), repeatable=repeatable
    )


def _present(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def _instance(instance_id: str) -> str:
    return f"{_INSTANCES}/{quote(instance_id, safe='')}"


def _iso(time: Time | None) -> str | None:
    return iso_utc(time) if isinstance(time, int) else time


def _timed(operation: InstanceStart | InstanceFinish | SpanFinish) -> dict[str, object]:
    return {"timestamp": _iso(operation.timestamp), "idempotency_key": operation.idempotency_key}


def _payload(payload: Raw) -> Raw | None:
    return None if bytes(payload) == bytes(NO_JSON) else payload


def _registration(operation: InstanceRegister) -> dict[str, object]:
    return {
        "agent_id": operation.agent_id,
        "environment_id": operation.environment_id,
        "agent_version": operation.agent_version,
        "agent_schema_version": operation.agent_schema_version,
        "update_current_version": operation.update_current_version,
        "id": operation.id,
        "idempotency_key": operation.idempotency_key,
        # The default is left out for servers that are older than purposes.
        "purpose": None if operation.purpose is Purpose.LIVE else operation.purpose,
        "external_identifier": operation.external_identifier,
    }


def _span(operation: SpanCreate) -> dict[str, object]:
    pending = operation.status is SpanStatus.PENDING
    return {
        "agent_instance_id": operation.agent_instance_id,
        "schema_name": operation.schema_name,
        "status": operation.status,
        "id": operation.id,
        "parent_span_id": operation.parent_span_id,
        "payload": _payload(operation.payload) or {},
        "result_payload": _result(operation.result_payload, operation.error)
        if operation.status.final
        else None,
        "started_at": None if pending else _iso(operation.started_at),
        "finished_at": _iso(operation.finished_at),
        "idempotency_key": operation.idempotency_key,
    }


def _result(result: Raw, error: RecordedError | None) -> object:
    if error is None or _payload(result) is not None:
        return _payload(result)
    return {"error": {"error_type": error.type, "message": error.message, "stacktrace": error.stack}}
