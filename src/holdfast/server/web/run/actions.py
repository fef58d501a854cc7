"""What a reader can do to a run from its page: stop it, answer it, judge it."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from litestar import Response, post
from litestar.params import FromPath
from litestar.response import Redirect
from msgspec import Raw

from holdfast.errors import ApiError
from holdfast.server.services.access import browser_session, person_of, services_of
from holdfast.server.web.answers import AnyRequest, message_page
from holdfast.server.web.forms import read_form
from holdfast.server.web.links import id_from_path, run_path
from holdfast.wire.questions import AnswerRequest
from holdfast.wire.vocabulary import ErrorCode

__all__ = ["RUN_ACTIONS"]

_CONSOLE: Final = "the console"


@post("/runs/{run_id:str}/stop", include_in_schema=False, status_code=303)
async def stop_run(request: AnyRequest, run_id: FromPath[str]) -> Response[Any]:
    """The form of the run page. The word reaches the agent with its next exchange with the server."""
    session = await browser_session(request)
    form = await read_form(request)
    session.check_csrf(form.get("csrf"))
    run_id = id_from_path(run_id)
    reason = form.get("reason", "").strip()[:500] or "stopped from the console"
    operation = {
        "_type": "agent_instances/terminate",
        "agent_instance_id": run_id,
        "reason": reason,
    }
    fields = {name: Raw(msgspec.json.encode(value)) for name, value in operation.items()}
    try:
        await services_of(request).ingest.one(person_of(session), fields)
    except ApiError as error:
        if error.code != ErrorCode.INVALID_ACTION:
            raise
        return message_page(request, 409, "The run has ended already: there is nothing to stop.")
    return Redirect(run_path(run_id), status_code=303)


@post("/runs/{run_id:str}/answer", include_in_schema=False, status_code=303)
async def answer_run(request: AnyRequest, run_id: FromPath[str]) -> Response[Any]:
    """The form of the run page. The answer reaches the agent as a stop does."""
    session = await browser_session(request)
    form = await read_form(request)
    session.check_csrf(form.get("csrf"))
    run_id = id_from_path(run_id)
    given = AnswerRequest(answer=form.get("answer", ""), question=form.get("question") or None)
    answering = services_of(request).managed.answering
    try:
        await asyncio.to_thread(answering.answer, person_of(session), run_id, None, given, by=_CONSOLE)
    except ApiError as error:
        if error.code != ErrorCode.INVALID_ACTION:
            raise
        said = error.message[:1].upper() + error.message[1:]
        return message_page(request, 409, f"{said}. What you wrote has not been sent.")
    return Redirect(run_path(run_id), status_code=303)


@post("/runs/{run_id:str}/thumb", include_in_schema=False, status_code=303)
async def judge_run(request: AnyRequest, run_id: FromPath[str]) -> Redirect:
    """The form of the run page: thumb up, down, or taken back."""
    session = await browser_session(request)
    form = await read_form(request)
    session.check_csrf(form.get("csrf"))
    run_id = id_from_path(run_id)
    thumb = {"up": True, "down": False}.get(form.get("thumb", ""))
    scores, comment = services_of(request).managed.scores, form.get("comment", "").strip()[:2000]
    await asyncio.to_thread(scores.thumb, person_of(session), run_id, thumb, comment)
    return Redirect(run_path(run_id), status_code=303)


RUN_ACTIONS: Final = [stop_run, answer_run, judge_run]
