"""Questions that runs ask of people, and the answers to them."""

from __future__ import annotations

from typing import Final

from litestar import Response, get, post
from litestar.params import FromPath

from holdfast.server.api.asked import answer, answers, read_asked
from holdfast.server.api.authorize import AnyRequest, caller, route
from holdfast.server.services.access import services_of
from holdfast.wire.envelopes import Listed, Shown
from holdfast.wire.questions import AnswerRequest, QuestionDetails
from holdfast.wire.vocabulary import TokenScope

__all__ = ["ANSWER_ROUTES"]


@post(
    "/agent_instance/{run_id:str}/answer",
    status_code=200,
    responses=answers(Shown[QuestionDetails]),
    opt=route(TokenScope.ADMIN, body=AnswerRequest),
)
async def give_answer(request: AnyRequest, run_id: FromPath[str]) -> Response[bytes]:
    """An agent's own token records only: it cannot answer its questions."""
    who, answering = caller(request), services_of(request).managed.answering
    given, key = await read_asked(request, AnswerRequest, wrapped=False)
    return await answer(lambda: answering.answer(who, run_id, key, given))


@get(
    "/agent_instance/{run_id:str}/questions",
    responses=answers(Listed[QuestionDetails]),
    opt=route(TokenScope.READ, TokenScope.ADMIN),
)
async def list_questions(request: AnyRequest, run_id: FromPath[str]) -> Response[bytes]:
    who, answering = caller(request), services_of(request).managed.answering
    return await answer(lambda: answering.questions(who.reach, run_id))


ANSWER_ROUTES: Final = [give_answer, list_questions]
