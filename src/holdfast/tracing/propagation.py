"""Carrying a run across processes in W3C trace context headers.

`traceparent` holds the run as trace id (its UUID) and the last 16 hex digits of the span as parent id.
`tracestate` adds `holdfast=<span id>` in full, or `holdfast=<run id>:<span id>` for a run whose id is not a
UUID and whose trace id is therefore a hash. A `traceparent` without Holdfast's entry comes from somebody
else's trace and names no run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, unquote

import msgspec

from holdfast.wire.trace_ids import run_of_trace, span_hex, trace_hex

__all__ = ["Remote", "read_headers", "trace_headers"]

_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?"
)
_OURS: Final = "holdfast="
_LONGEST: Final = 256


class Remote(msgspec.Struct, frozen=True, kw_only=True):
    """A run in another process, and the span there that called. None: the run itself."""

    run_id: str
    span_id: str | None = None


def trace_headers(run_id: str, span_id: str | None) -> dict[str, str]:
    """`traceparent` and `tracestate` that make the receiver's spans children of this span (or of the run)."""
    trace = trace_hex(run_id)
    state = quote(span_id or "", safe="-._~")
    if run_of_trace(trace) != run_id:
        state = f"{quote(run_id, safe='-._~')}:{state}"
    headers = {"traceparent": f"00-{trace}-{span_hex(span_id or run_id)}-01"}
    if len(state) <= _LONGEST:
        headers["tracestate"] = f"{_OURS}{state or '-'}"
    return headers


def read_headers(headers: Mapping[str, str]) -> Remote | None:
    """The run that these headers (in any case) carry; None where they are missing, malformed or another
    system's.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    found = _TRACEPARENT.fullmatch(lower.get("traceparent", "").strip().lower())
    if found is None:
        return None
    for entry in lower.get("tracestate", "").split(","):
        entry = entry.strip()
        if not entry.startswith(_OURS):
            continue
        run_id, separator, span_id = entry.removeprefix(_OURS).rpartition(":")
        if not separator:
            run_id = run_of_trace(found[1])
        span = unquote(span_id)
        return Remote(run_id=unquote(run_id), span_id=span if span and span != "-" else None)
    return None
