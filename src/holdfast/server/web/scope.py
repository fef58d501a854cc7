"""The range of time and the agent that a page is about: the same words in every page's address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Self
from urllib.parse import urlencode

from holdfast._clock import iso_utc, parse_utc
from holdfast._ids import MAX_ID_LENGTH
from holdfast.errors import InvalidInputError

__all__ = ["ALL_TIME", "HOUR", "RANGES", "Scope"]

HOUR: Final = 3_600_000_000_000
RANGES: Final = {
    "1h": ("last hour", 1),
    "24h": ("last 24 hours", 24),
    "7d": ("last 7 days", 168),
    "30d": ("last 30 days", 720),
    "90d": ("last 90 days", 2160),
}
"""What may be asked for, with its name and its length in hours."""
ALL_TIME: Final = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """`within` is a key of `RANGES`, or None for all time or for a range of one's own: `begin` (included) and
    `end` (not included) in nanoseconds, at whole hours, either of which may be open. In addresses these are
    `from` and `to`, ISO 8601, UTC where no zone is named. Anything unusable counts as not given."""

    agent: str | None = None
    within: str | None = None
    begin: int | None = None
    end: int | None = None

    @classmethod
    def read(cls, query: Mapping[str, str], *, within: str | None = None) -> Self:
        """`within` is the range where the address names none; `within=all` asks for all time."""
        agent = (query.get("agent") or "")[:MAX_ID_LENGTH] or None
        begin, end = _time(query.get("from")), _time(query.get("to"))
        asked = query.get("within") or ""
        if asked not in RANGES and (begin is not None or end is not None):
            begin = None if begin is None else begin // HOUR * HOUR
            end = None if end is None else -(-end // HOUR) * HOUR
            if begin is None or end is None or begin < end:
                return cls(agent=agent, begin=begin, end=end)
        return cls(agent=agent, within=asked if asked in RANGES else within if asked != ALL_TIME else None)

    def since(self, now: int) -> int | None:
        """The beginning of the range in nanoseconds, at a whole hour, as the sums are kept: lists and sums
        then speak of the same runs. None for all time."""
        if self.within is None:
            return self.begin
        return (now // HOUR - RANGES[self.within][1]) * HOUR

    def until(self) -> int | None:
        """The end of the range in nanoseconds, at a whole hour. None where it reaches to the present."""
        return self.end

    def before(self, now: int) -> Self | None:
        """The period of the same length that ends where this one begins; None where this one has no
        beginning. A range up to now begins at a whole hour: the earlier one is as long, with the hour that
        is going on counted in full."""
        since = self.since(now)
        if since is None:
            return None
        length = (self.end if self.end is not None else (now // HOUR + 1) * HOUR) - since
        return replace(self, within=None, begin=max(0, since - length), end=since)

    def pairs(self) -> dict[str, str]:
        """For the query of another page's address."""
        given = {
            "agent": self.agent,
            "within": self.within,
            "from": _text(self.begin),
            "to": _text(self.end),
        }
        return {name: value for name, value in given.items() if value is not None}

    def full_pairs(self) -> dict[str, str]:
        """As `pairs`, with all time told too: for pages that show another range where none is named."""
        pairs = self.pairs()
        return (
            pairs
            if self.within or self.begin is not None or self.end is not None
            else {"within": ALL_TIME, **pairs}
        )

    def url(self, path: str, **more: str) -> str:
        """The address of another page about the same, with `more` in its query."""
        pairs = self.pairs() | more
        return f"{path}?{urlencode(pairs)}" if pairs else path


def _time(text: str | None) -> int | None:
    if not text:
        return None
    try:
        return parse_utc(text[:40])
    except InvalidInputError:
        return None


def _text(ns: int | None) -> str | None:
    """Without a zone; a whole day is its date alone."""
    if ns is None:
        return None
    return iso_utc(ns)[: 10 if ns % (24 * HOUR) == 0 else 16]
