"""What people and programs say of runs."""

from __future__ import annotations

from typing import Final

from litestar import Response, delete, get, post
from litestar.params import FromPath

from holdfast.server.api.asked import answer, answers, read_asked, read_key
from holdfast.server.api.authorize import AnyRequest, Query, caller, route
from holdfast.server.api.window import read_window
from holdfast.server.services.access import services_of
from holdfast.server.stores.scores import ScoreFilter
from holdfast.wire.envelopes import Listed, Shown
from holdfast.wire.scores import ScoreCreate, ScoreDetails
from holdfast.wire.vocabulary import TokenScope

__all__ = ["SCORE_ROUTES"]

_READ: Final = (TokenScope.READ, TokenScope.ADMIN)
_GIVE: Final = (TokenScope.INGEST, TokenScope.ADMIN)
_ONE: Final = answers(Shown[ScoreDetails])


@post("/score", status_code=200, responses=_ONE, opt=route(*_GIVE, body=ScoreCreate, wrapped=True))
async def give_score(request: AnyRequest) -> Response[bytes]:
    who, scores = caller(request), services_of(request).managed.scores
    given, key = await read_asked(request, ScoreCreate)
    return await answer(lambda: scores.give(who, key, given))


@get(
    "/score",
    responses=answers(Listed[ScoreDetails]),
    opt=route(
        *_READ, paged=True, query=(Query("agent_instance_id"), Query("agent_id"), Query("name", "exactly"))
    ),
)
async def list_scores(request: AnyRequest) -> Response[bytes]:
    who, query = caller(request), request.query_params
    scores = services_of(request).managed.scores
    wanted = ScoreFilter(
        run_id=query.get("agent_instance_id"), agent_id=query.get("agent_id"), name=query.get("name")
    )
    window = read_window(query)
    return await answer(lambda: scores.page(who.reach, wanted, window))


@delete("/score/{score_id:str}", status_code=200, responses=_ONE, opt=route(*_GIVE))
async def delete_score(request: AnyRequest, score_id: FromPath[str]) -> Response[bytes]:
    who, scores, key = caller(request), services_of(request).managed.scores, await read_key(request)
    return await answer(lambda: scores.take_back(who, key, score_id))


SCORE_ROUTES: Final = [give_score, list_scores, delete_score]
