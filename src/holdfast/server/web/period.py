"""From what an address asks for to the hours whose sums are read."""

from __future__ import annotations

from holdfast.server.services.viewing.overview import Overview, Period
from holdfast.server.web.format import utc_text
from holdfast.server.web.scope import HOUR, Scope

__all__ = ["period_of", "period_words"]

_SHORTEST = 24


def period_of(overview: Overview, account_id: str, scope: Scope, now: int) -> Period:
    """All time begins with the first hour that has a sum, and is a day long at least."""
    until = scope.until()
    last = now // HOUR + 1 if until is None else until // HOUR
    since = scope.since(now)
    if since is None:
        since = (overview.reads.first_hour(account_id, scope.agent) or last) * HOUR
        since = min(since, (last - _SHORTEST) * HOUR)
    return Period.of(account_id, scope.agent, since // HOUR, last)


def period_words(period: Period, scope: Scope) -> str:
    begin = utc_text(period.first * HOUR)[:16]
    if scope.until() is None:
        return f"since {begin} UTC"
    return f"{begin} to {utc_text(period.last * HOUR)[:16]} UTC"
