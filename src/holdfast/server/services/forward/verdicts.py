"""What a receiver's answer to an export request means: a pure decision over status, headers and body.

https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from msgspec import Struct
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from holdfast.core.failures.waits import wait_from_headers
from holdfast.server.services.json_read import as_object

__all__ = ["Later", "Refused", "Taken", "TooLarge", "Verdict", "WrongPlace", "judge"]

_LONGEST_WAIT: Final = 300.0
_LATER: Final = frozenset({408, 429, 502, 503, 504})
_SAID: Final = 300
_decode: Final = msgspec.json.Decoder(dict[str, object]).decode


class Taken(Struct, frozen=True):
    """All of it but `rejected` spans, which the receiver will never want."""

    rejected: int = 0
    problem: str = ""


class Later(Struct, frozen=True):
    """Nothing is known to have been taken. `after` is the receiver's wish in seconds."""

    problem: str
    after: float | None = None


class TooLarge(Struct, frozen=True):
    """Less of it may be welcome."""


class Refused(Struct, frozen=True):
    """This request will never be taken; others may."""

    problem: str


class WrongPlace(Struct, frozen=True):
    """No request will be taken until somebody has changed address or headers."""

    problem: str


Verdict = Taken | Later | TooLarge | Refused | WrongPlace


def judge(status: int, headers: Mapping[str, str], body: bytes, unix_now: float) -> Verdict:
    """`headers` has lower-case names; `unix_now` (seconds since 1970) serves a Retry-After that is a date."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if 200 <= status < 300:
        return _taken(kind, body)
    problem = f"HTTP {status}{_reason(kind, body)}"
    if status in _LATER:
        after = wait_from_headers(headers, unix_now)
        return Later(problem, None if after is None else min(after, _LONGEST_WAIT))
    if status == 413:
        return TooLarge()
    if status in (401, 403, 404, 405, 407, 415) or status < 400:
        return WrongPlace(problem)
    return Refused(problem)


def _taken(kind: str, body: bytes) -> Verdict:
    if kind == "application/json":
        try:
            told = _decode(body or b"{}").get("partialSuccess")
        except msgspec.DecodeError:
            return WrongPlace("the answer is no OTLP answer")
        partial = as_object(told)
        count, message = str(partial.get("rejectedSpans", "0")), str(partial.get("errorMessage", ""))
        return Taken(int(count) if count.isdecimal() else 0, message[:_SAID])
    if kind not in ("", "application/x-protobuf", "application/protobuf", "application/octet-stream"):
        if body:
            return WrongPlace(f"what answers sends {kind}, not OTLP")
        return Taken()
    answer = ExportTraceServiceResponse()
    try:
        answer.ParseFromString(body)
    except DecodeError:
        return WrongPlace("the answer is no OTLP answer")
    partial_success = answer.partial_success
    return Taken(max(0, partial_success.rejected_spans), partial_success.error_message[:_SAID])


def _reason(kind: str, body: bytes) -> str:
    text = ""
    if kind == "application/json":
        try:
            text = str(_decode(body).get("message", ""))
        except msgspec.DecodeError:
            return ""
    elif kind in ("application/x-protobuf", "application/protobuf"):
        status = Status()
        try:
            status.ParseFromString(body)
        except DecodeError:
            return ""
        text = str(status.message)
    elif kind == "text/plain":
        text = body[: 4 * _SAID].decode("utf-8", "replace")
    text = " ".join(text.split())[:_SAID]
    return f": {text}" if text else ""
