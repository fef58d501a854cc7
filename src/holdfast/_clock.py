"""Time as Holdfast writes it: UTC, whole nanoseconds since 1970, in one `int`."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from holdfast.errors import InvalidInputError

__all__ = ["LATEST_NS", "iso_utc", "parse_span", "parse_utc", "utc_now_ns"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_NS: Final = 2**63 - 1
"""The year 2262: the last instant that a signed 64-bit column can hold."""

_SPAN: Final = re.compile(r"(\d{1,9})\s*([smhdw])", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

utc_now_ns = time.time_ns


def iso_utc(ns: int) -> str:
    """ISO 8601 in UTC with exactly six decimals and a `Z`, so that the strings sort as the times do.

    Nanoseconds below a microsecond are cut off, never rounded: a time is not shown before it happened.
    """
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{_iso_second(seconds)}.{rest // 1000:06d}Z"


@lru_cache(maxsize=64)  # events of one moment share their second, and to write it out costs 2 µs
def _iso_second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")


def parse_utc(value: int | str, field: str = "timestamp") -> int:
    """Nanoseconds since 1970 from an ISO 8601 string or from an `int` that is nanoseconds already.

    A string with no zone is read as UTC. Raises `InvalidInputError` naming `field` for anything else, and
    for times before 1970 or after `LATEST_NS`.
    """
    if isinstance(value, int):
        ns = value
    else:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise InvalidInputError(
                field, f"{value[:40]!r} is not a time", "write ISO 8601 such as 2026-01-31T12:00:00.000Z"
            ) from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        since = moment - _EPOCH
        ns = (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000
    if not 0 <= ns <= LATEST_NS:
        raise InvalidInputError(field, "is outside 1970 to 2262", "send nanoseconds since 1970 or ISO 8601")
    return ns


def parse_span(text: str) -> int | None:
    """Nanoseconds of `90s`, `12h`, `30d` or `8w`; None for anything else."""
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None:
        return None
    return min(int(found.group(1)) * _SECONDS[found.group(2)] * 1_000_000_000, LATEST_NS)
