"""Spans of a trace, whichever encoding of OTLP they came in."""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct

from holdfast.errors import ApiError
from holdfast.wire.vocabulary import ErrorCode, TraceSpanKind, TraceStatus

__all__ = [
    "MOST_EVENTS",
    "MOST_LINKS",
    "MOST_SPANS",
    "Attributes",
    "Export",
    "Scope",
    "TraceEvent",
    "TraceLink",
    "TraceSpan",
    "kept_number",
    "malformed",
]

MOST_SPANS: Final = 100_000
"""In one request; those beyond it are refused as partial success says."""
MOST_EVENTS: Final = 2_000
MOST_LINKS: Final = 500
"""Of one span; what is left out is counted in its attributes."""

Attributes = dict[str, object]
"""Values are what JSON can say; bytes are base64."""


class Scope(Struct, frozen=True):
    """The instrumentation that made a span."""

    name: str
    version: str


class TraceEvent(Struct, frozen=True):
    """`time` is nanoseconds since 1970, 0 where unknown."""

    name: str
    time: int
    attributes: Attributes


class TraceLink(Struct, frozen=True):
    trace_id: str
    span_id: str
    attributes: Attributes


class TraceSpan(Struct, frozen=True, kw_only=True):
    """Ids are lower-case hex; times are nanoseconds since 1970, 0 where unknown. `resource` is shared by the
    spans of one process. `dropped` counts what the sender or this server left out, by its name."""

    trace_id: str
    span_id: str
    parent_id: str | None
    trace_state: str
    name: str
    kind: TraceSpanKind
    start: int
    end: int
    attributes: Attributes
    events: list[TraceEvent]
    links: list[TraceLink]
    status: TraceStatus
    message: str
    resource: Attributes
    scope: Scope
    dropped: dict[str, int]


class Export(Struct, frozen=True, kw_only=True):
    """What a request brought: the usable spans, how many were not, and why not."""

    spans: list[TraceSpan]
    rejected: int
    problem: str


def kept_number(value: float) -> float | str:
    """A number as JSON can hold it: what is not finite, or beyond 64 bits, becomes text."""
    if isinstance(value, int):
        return value if -(1 << 63) <= value < 1 << 63 else str(value)
    return value if math.isfinite(value) else str(value)


def malformed(encoding: str, problem: str) -> ApiError:
    """The answer to a body that cannot be decoded."""
    return ApiError(
        400, ErrorCode.BAD_REQUEST, f"the body is not an OTLP trace request in {encoding}: {problem}"
    )
