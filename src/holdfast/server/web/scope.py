"""The range of time and the agent that a page is about: the same words in every page's address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlencode

from holdfast._ids import MAX_ID_LENGTH

__all__ = ["HOUR", "RANGES", "Scope"]

HOUR: Final = 3_600_000_000_000
RANGES: Final = {
    "1h": ("last hour", 1),
    "24h": ("last 24 hours", 24),
    "7d": ("last 7 days", 168),
    "30d": ("last 30 days", 720),
    "90d": ("last 90 days", 2160),
}
"""What may be asked for, with its name and its length in hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """`within` is a key of `RANGES`, or None for all time. Anything unusable counts as not given."""

    agent: str | None = None
    within: str | None = None

    @classmethod
    def read(cls, query: Mapping[str, str], *, within: str | None = None) -> Self:
        """`within` is the range where the address names none; `within=all` asks for all time."""
        asked = query.get("within") or within
        return cls(
            agent=(query.get("agent") or "")[:MAX_ID_LENGTH] or None,
            within=asked if asked in RANGES else within if asked != "all" else None,
        )

    def since(self, now: int) -> int | None:
        """The beginning of the range in nanoseconds, at a whole hour, as the sums are kept: lists and sums
        then speak of the same runs. None for all time."""
        if self.within is None:
            return None
        return (now // HOUR - RANGES[self.within][1]) * HOUR

    def pairs(self) -> dict[str, str]:
        """For the query of another page's address."""
        given = {"agent": self.agent, "within": self.within}
        return {name: value for name, value in given.items() if value is not None}

    def url(self, path: str, **more: str) -> str:
        """The address of another page about the same, with `more` in its query."""
        pairs = self.pairs() | more
        return f"{path}?{urlencode(pairs)}" if pairs else path
