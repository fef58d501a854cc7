"""The bytes of a payload, as plain text, for readers who want all of it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from holdfast.errors import ApiError
from holdfast.server.services.json_read import decode_json, resolve_pointer
from holdfast.server.services.viewing.queries import Queries
from holdfast.wire.vocabulary import ErrorCode

__all__ = ["raw_part"]


def raw_part(queries: Queries, account_id: str, run_id: str, query: Mapping[str, str]) -> bytes:
    """What `query` names: `span` and `part`, or `event`, or `part=attributes` of the run; indented where it is
    JSON. `at`, an RFC 6901 pointer, picks one text out of it. Raises `ApiError` 404."""
    data = _stored(queries, account_id, run_id, query)
    if data is None:
        raise ApiError(404, ErrorCode.NOT_FOUND, "There is no such payload.")
    pointer = query.get("at")
    try:
        if pointer:
            found = resolve_pointer(decode_json(data), pointer)
            if isinstance(found, str):
                return found.encode("utf-8", "replace")
            return msgspec.json.format(msgspec.json.encode(found), indent=2)
        return msgspec.json.format(data, indent=2)
    except KeyError:
        raise ApiError(404, ErrorCode.NOT_FOUND, "There is nothing at that place of the payload.") from None
    except (ValueError, RecursionError):
        return data


def _stored(queries: Queries, account_id: str, run_id: str, query: Mapping[str, str]) -> bytes | None:
    run = queries.runs.run(account_id, run_id)
    if run is None:
        return None
    event_id, span_id, part = query.get("event"), query.get("span"), query.get("part")
    if event_id is not None:
        return queries.runs.event_payload(run.key, event_id)
    if span_id is None:
        body = queries.runs.body(run.key)
        return _both(body.attributes, body.finish_attributes) if part == "attributes" else None
    span = queries.spans.record(run.key, span_id)
    if span is None:
        return None
    found = queries.spans.body(span.body_key)
    if part == "payload":
        return found.payload
    if part == "result":
        return found.result_payload
    return _both(found.attributes, found.finish_attributes) if part == "attributes" else None


def _both(start: bytes | None, finish: bytes | None) -> bytes | None:
    """One JSON object, or two as they came where they cannot be merged."""
    if start is None or finish is None:
        return start or finish
    try:
        merged = msgspec.json.decode(start, type=dict[str, msgspec.Raw])
        return msgspec.json.encode(merged | msgspec.json.decode(finish, type=dict[str, msgspec.Raw]))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return start + b"\n" + finish
