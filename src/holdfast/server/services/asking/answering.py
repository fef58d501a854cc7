"""Answers to questions that runs ask: given once, carried to the run with the server's word to it."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw

from holdfast._clock import iso_utc
from holdfast.errors import ApiError
from holdfast.server.services.auth import Principal
from holdfast.server.services.managing.changes import Changes, not_found
from holdfast.server.services.reading import TEXT_LENGTH, invalid, text
from holdfast.server.services.recording.apply_runs import add_event
from holdfast.server.services.recording.working_set import WorkingSet
from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.questions import Question, QuestionReads, keep_answer, question
from holdfast.server.stores.reach import Reach
from holdfast.server.stores.rows import InstanceRow
from holdfast.server.stores.tokens import token_by_id
from holdfast.wire.agent_events import AgentEventName
from holdfast.wire.envelopes import Listed, Shown
from holdfast.wire.operations import EventCreate
from holdfast.wire.questions import AnswerRequest, QuestionDetails
from holdfast.wire.vocabulary import ErrorCode, InstanceStatus

__all__ = ["Answering"]

_MOST: Final = 200
_encode: Final = msgspec.json.Encoder().encode


class Answering:
    """Blocking; keep it off the event loop. A run that the token does not reach looks unknown."""

    def __init__(self, store: Store, changes: Changes) -> None:
        self._store = store
        self._reads = QuestionReads(store)
        self._changes = changes

    def answer(
        self, who: Principal, run_id: str, key: str | None, given: AnswerRequest, *, by: str | None = None
    ) -> bytes:
        """Keep the answer to an open question; the run gets it with its next exchange with the server. The
        record says who gave it: `by`, or the token's name.

        Raises `ApiError`: 404 for the run or the question, 409 `invalid_action` where nobody waits (any more).
        """
        if not 0 < len(given.answer) <= TEXT_LENGTH:
            raise invalid("answer", f"must have 1 to {TEXT_LENGTH:,} characters")
        value = text(given.answer, TEXT_LENGTH) or ""

        def keep(transaction: WriteTransaction, now: int) -> Shown[QuestionDetails]:
            run = transaction.instances(who.account_id, [run_id]).get(run_id)
            if run is None or not who.reach.covers(run.account_id, run.agent_id, run.environment_id):
                raise not_found("agent instance", run_id)
            asked = self._asked(transaction, run, given.question)
            name = by or self._name(transaction, who)
            keep_answer(transaction.connection, asked, value, name, now)
            _put_on_record(transaction, run, asked, value, name, now)
            kept = question(transaction.connection, run.key, asked.id)
            assert kept is not None
            return Shown(details=_details(run_id, kept, waits=True))

        return self._changes.once(who, f"agent_instances/answer {run_id}", key, keep)

    def questions(self, reach: Reach, run_id: str) -> Listed[QuestionDetails]:
        """The first 200 of a run, in the order in which they were asked. Raises `ApiError` 404."""
        run = self._reads.run(reach, run_id)
        if run is None:
            raise not_found("agent instance", run_id)
        key, status = run
        waits = not InstanceStatus(status).final
        found = [_details(run_id, asked, waits=waits) for asked in self._reads.of_run(key, _MOST)]
        return Listed(summaries=found, pagination=None, sorting=None)

    def _name(self, transaction: WriteTransaction, who: Principal) -> str:
        row = token_by_id(transaction.connection, who.reach, who.token_id)
        return f"token {row.name}" if row is not None else "a token"

    def _asked(self, transaction: WriteTransaction, run: InstanceRow, question_id: str | None) -> Question:
        if InstanceStatus(run.status).final:
            raise _too_late(f"the run is {run.status}: nobody waits for an answer")
        if question_id is None:
            waiting = self._reads.of_run(run.key, 2, only_open=True)
            if not waiting:
                raise _too_late("the run waits for no answer")
            if len(waiting) > 1:
                raise invalid("question", "must say which one: the run waits for several answers")
            question_id = waiting[0].id
        asked = question(transaction.connection, run.key, question_id)
        if asked is None or asked.asked_at is None:
            raise not_found("question", question_id)
        if asked.answer is not None:
            raise _too_late(f"{asked.answered_by} has answered already")
        if asked.closed_at is not None:
            raise _too_late("the run has stopped waiting for this answer")
        return asked


def _put_on_record(
    transaction: WriteTransaction, run: InstanceRow, asked: Question, value: str, by: str, now: int
) -> None:
    work = WorkingSet(transaction, now)
    work.adopt(run)
    add_event(
        work,
        run,
        EventCreate(
            idempotency_key=f"answer-{asked.id}",
            agent_instance_id=run.id,
            id=f"answer-{asked.id}"[:128],
            agent_span_id=asked.span_id,
            name=AgentEventName.INPUT_ANSWERED.value,
            timestamp=now,
            payload=Raw(_encode({"question": asked.id, "answer": value, "by": by})),
        ),
    )
    work.write()


def _details(run_id: str, asked: Question, *, waits: bool) -> QuestionDetails:
    return QuestionDetails(
        id=asked.id,
        agent_instance_id=run_id,
        agent_span_id=asked.span_id,
        prompt=asked.prompt or "",
        open=waits and asked.closed_at is None and asked.answer is None,
        asked_at=_iso(asked.asked_at),
        closed_at=_iso(asked.closed_at),
        answer=asked.answer,
        answered_by=asked.answered_by,
        answered_at=_iso(asked.answered_at),
    )


def _too_late(problem: str) -> ApiError:
    return ApiError(409, ErrorCode.INVALID_ACTION, problem)


def _iso(ns: int | None) -> str | None:
    return None if ns is None else iso_utc(ns)
