"""How long the other side asks to be left alone, in seconds, from every form in which it says so.

Headers win over the body, the body over the sentence. Of the headers `retry-after-ms` is the most exact,
`Retry-After` the standard (RFC 9110, section 10.2.3: seconds or an HTTP date), and the reset times of
`x-ratelimit-*` and `anthropic-ratelimit-*` count only where the limit beside them is used up.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

__all__ = ["duration", "moment", "wait_from_headers", "wait_from_text"]

_UNITS: Final = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "us": 1e-6,
    "µs": 1e-6,
    "ns": 1e-9,
}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|s|m|h|d)", re.IGNORECASE)
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
_EPOCH_FROM: Final = 1e9  # a bare number this large is a time since 1970 (in 2001), not a wait of 31 years
_WORD_UNITS: Final = r"(milliseconds?|msecs?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)"
_SENTENCE: Final = re.compile(
    r"\b(?:(?:re)?try|retrying|available|reset\w*|wait|back ?off|retry[ _-]?(?:after|delay|in))\b[^.\d]{0,40}?"
    rf"((?:\d+(?:\.\d+)?\s*{_WORD_UNITS}\b[\s,]*(?:and )?)+|\d+(?:h|m|s|ms)\d[\dhms.]*s?)",
    re.IGNORECASE,
)
_SPELLED: Final = re.compile(rf"(\d+(?:\.\d+)?)\s*{_WORD_UNITS}\b", re.IGNORECASE)
_RESETS: Final = re.compile(
    r"^(?:x-|anthropic-)?ratelimit-(?:reset(?:-(?P<after>[\w-]+))?|(?P<before>[\w-]+?)-reset)$"
)


def duration(text: str) -> float | None:
    """Seconds from "20", "1s", "6m0s", "350ms" or "1h2m3.5s"."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    end = 0
    total = 0.0
    for part in _PART.finditer(text):
        if part.start() != end:
            return None
        end = part.end()
        total += float(part[1]) * _UNITS[part[2].lower()]
    return total if end and end == len(text) else None


def moment(text: str) -> float | None:
    """Seconds since 1970 from an HTTP date or from ISO 8601 (no zone is UTC)."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        try:
            when = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    try:
        return when.timestamp()
    except (OverflowError, ValueError):
        return None


def _wait(text: str, unix_now: float | None) -> float | None:
    """Seconds to wait from a duration, a time since 1970 or a date; a time that has passed is 0."""
    seconds = duration(text)
    if seconds is not None and seconds < _EPOCH_FROM:
        return seconds
    if seconds is not None:
        at = seconds / 1000 if seconds > 1e12 else seconds  # OpenRouter writes milliseconds
    else:
        dated = moment(text)
        if dated is None:
            return None
        at = dated
    return None if unix_now is None else max(0.0, at - unix_now)


def _sane(seconds: float | None) -> float | None:
    return seconds if seconds is not None and math.isfinite(seconds) and seconds >= 0 else None


def wait_from_headers(headers: Mapping[str, str], unix_now: float | None) -> float | None:
    """The wait that the headers ask for. `headers` has lower-case names. Without `unix_now` (seconds since
    1970) a date or a time since 1970 cannot be told from now and counts as not said."""
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        if (value := headers.get(name)) and (milliseconds := duration(value)) is not None:
            return _sane(milliseconds / 1000)
    if (value := headers.get("retry-after")) and (seconds := _wait(value, unix_now)) is not None:
        return _sane(seconds)
    waits: list[float] = []
    for name, value in headers.items():
        if (match := _RESETS.match(name)) and _used_up(headers, match["after"] or match["before"]):
            seconds = _sane(_wait(value, unix_now))
            if seconds is not None:
                waits.append(seconds)
    return max(waits, default=None)


def _used_up(headers: Mapping[str, str], limit: str | None) -> bool:
    """Whether nothing remains of the limit that a reset time belongs to; True where nobody says."""
    for name in (
        (
            f"x-ratelimit-remaining-{limit}",
            f"anthropic-ratelimit-{limit}-remaining",
            f"ratelimit-{limit}-remaining",
        )
        if limit
        else ("x-ratelimit-remaining", "ratelimit-remaining")
    ):
        if (left := headers.get(name)) is not None:
            return left.strip() in ("0", "0.0", "-1")
    return not any("remaining" in name for name in headers)


def wait_from_text(text: str) -> float | None:
    """The wait in a sentence such as "Please try again in 1m30s" or "retry after 20 seconds"."""
    found = _SENTENCE.search(text)
    if not found:
        return None
    compact = duration(found[1].strip(" ,."))
    if compact is not None:
        return _sane(compact)
    total = 0.0
    for part in _SPELLED.finditer(found[1]):
        unit = part[2].lower()
        key = "ms" if unit.startswith(("ms", "milli")) else unit[0]
        total += float(part[1]) * _UNITS[key]
    return _sane(total) if total else None
