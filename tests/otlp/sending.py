"""Trace requests by hand, in JSON, and what the server then has of them."""

from __future__ import annotations

import os
import time
from typing import Any
from uuid import UUID

import msgspec

from server.client import Api

NOW = time.time_ns()
SECOND = 1_000_000_000


def new_trace() -> str:
    return os.urandom(16).hex()


def new_span_id() -> str:
    return os.urandom(8).hex()


def run_id(trace_id: str) -> str:
    return str(UUID(trace_id))


def value(given: Any) -> dict[str, Any]:
    if given is None:
        return {"stringValue": None}
    if isinstance(given, bool):
        return {"boolValue": given}
    if isinstance(given, int):
        return {"intValue": str(given)}
    if isinstance(given, float):
        return {"doubleValue": given}
    if isinstance(given, list):
        return {"arrayValue": {"values": [value(item) for item in given]}}
    if isinstance(given, dict):
        return {"kvlistValue": {"values": pairs(given)}}
    return {"stringValue": given}


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": value(given)} for name, given in attributes.items()]


def span(trace_id: str, attributes: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "traceId": trace_id,
        "spanId": new_span_id(),
        "name": "work",
        "kind": 1,
        "startTimeUnixNano": str(NOW),
        "endTimeUnixNano": str(NOW + SECOND),
        "attributes": pairs(attributes or {}),
        "status": {},
        **fields,
    }


def request(*spans: dict[str, Any], resource: dict[str, Any] | None = None) -> dict[str, Any]:
    about = {"service.name": "by hand"} if resource is None else resource
    scope = {"scope": {"name": "hand", "version": "1"}, "spans": list(spans)}
    return {"resourceSpans": [{"resource": {"attributes": pairs(about)}, "scopeSpans": [scope]}]}


def send(api: Api, *spans: dict[str, Any], resource: dict[str, Any] | None = None) -> None:
    """Send and expect everything to be taken."""
    status, answer = post(api, request(*spans, resource=resource))
    assert (status, answer) == (200, {})


def post(api: Api, body: Any) -> tuple[int, Any]:
    answer = api.raw("POST", "/v1/traces", msgspec.json.encode(body))
    assert answer.headers["content-type"].startswith("application/json")
    return answer.status, msgspec.json.decode(answer.data)


def run_of(api: Api, trace_id: str) -> dict[str, Any]:
    status, answer = api.get(f"/agent_instance/{run_id(trace_id)}")
    assert status == 200, answer
    details: dict[str, Any] = answer["details"]
    return details


def spans_of(api: Api, run: str) -> dict[str, dict[str, Any]]:
    """By id."""
    status, answer = api.get(f"/agent_spans?agent_instance_id={run}&page_size=100")
    assert status == 200, answer
    return {found["id"]: found for found in answer["summaries"]}


def only_span(api: Api, trace_id: str) -> dict[str, Any]:
    (found,) = spans_of(api, run_id(trace_id)).values()
    return found
