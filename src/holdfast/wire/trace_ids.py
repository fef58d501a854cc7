"""What runs and spans are called in W3C trace context, which has room for 32 and for 16 hex digits.

The same id always has the same name there, so that whoever sees it twice sees one thing. What OpenTelemetry
made itself keeps its name.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final
from uuid import UUID

__all__ = ["run_of_trace", "span_hex", "trace_hex"]

_SPAN: Final = re.compile(r"(?!0{16})[0-9a-f]{16}")
_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16


def trace_hex(run_id: str) -> str:
    """The trace id of a run: its UUID, or a hash of an id that is none."""
    digits = _uuid_digits(run_id)
    return digits if digits is not None and digits != _NO_TRACE else _hash(run_id)[:32]


def run_of_trace(trace: str) -> str:
    """The id of the run that a trace is, where nobody names another: the trace id written as a UUID."""
    # as `str(UUID(…))` has it, at a tenth of the time
    return f"{trace[:8]}-{trace[8:12]}-{trace[12:16]}-{trace[16:20]}-{trace[20:]}"


def span_hex(identifier: str) -> str:
    """The span id of a span, or of a run itself: the last digits of its UUID, or of a hash of it."""
    if _SPAN.fullmatch(identifier):
        return identifier
    digits = _uuid_digits(identifier)
    if digits is None or digits.endswith(_NO_SPAN):
        digits = _hash(identifier)
    return digits[-16:]


def _uuid_digits(identifier: str) -> str | None:
    try:
        return UUID(identifier).hex
    except ValueError:
        return None


def _hash(identifier: str) -> str:
    return hashlib.sha256(identifier.encode(errors="replace")).hexdigest()
