"""The endpoint that searches what was recorded."""

from __future__ import annotations

from typing import Final

from litestar import Response, get

from holdfast.server.api.asked import answer, answers
from holdfast.server.api.authorize import AnyRequest, Query, caller, route
from holdfast.server.services.access import services_of
from holdfast.server.services.reading import invalid, time_or
from holdfast.server.services.searching.search import SearchFilter
from holdfast.wire.search import SearchAnswer
from holdfast.wire.vocabulary import TokenScope

__all__ = ["SEARCH_ROUTES"]

_MOST: Final = 100


@get(
    "/search",
    responses=answers(SearchAnswer),
    opt=route(
        TokenScope.READ,
        query=(
            Query("q", 'words, "phrases", beginnings*, -not; all of them must be found'),
            Query("agent_id", "in runs of this agent"),
            Query("agent_instance_id", "in this run alone; otherwise at most three hits of a run on a page"),
            Query("start_time", "in runs that began then or later: ISO 8601"),
            Query("end_time", "in runs that began earlier: ISO 8601"),
            Query("limit", "hits on a page, 1 to 100; 20 where it is left out"),
            Query("cursor", "`next` of the page before"),
        ),
    ),
)
async def search(request: AnyRequest) -> Response[bytes]:
    """Texts of runs, spans and events: their names, payloads, results, errors and attributes.

    What was recorded last comes first. A text can be found a moment after it was recorded.
    """
    who, query = caller(request), request.query_params
    searched = services_of(request).search
    since, until = query.get("start_time"), query.get("end_time")
    within = SearchFilter(
        agent_id=query.get("agent_id"),
        since=None if since is None else time_or(since, 0, "start_time"),
        until=None if until is None else time_or(until, 0, "end_time"),
    )
    limit = _limit(query.get("limit"))
    return await answer(
        lambda: searched.find(
            who.reach,
            query.get("q") or "",
            within=within,
            run_id=query.get("agent_instance_id"),
            cursor=query.get("cursor"),
            limit=limit,
        )
    )


def _limit(text: str | None) -> int:
    if text is None:
        return 20
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= _MOST):
        raise invalid("limit", f"must be a number from 1 to {_MOST}")
    return int(text)


SEARCH_ROUTES: Final = [search]
