"""Questions that runs ask of people, and the answers, as the HTTP API and events carry them."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

__all__ = ["AnswerGiven", "AnswerRequest", "AskedPayload", "QuestionDetails"]


class AskedPayload(Struct, frozen=True, kw_only=True):
    """What of the payload of an `input.…` event says which question it is about."""

    question: str | None = None
    detail: str | None = None


class AnswerGiven(Struct, frozen=True, kw_only=True):
    """An answer on its way to the run; `by` says who gave it."""

    value: str
    by: str


class AnswerRequest(Struct, frozen=True, kw_only=True):
    """`question` may be left out where the run waits for one answer only."""

    answer: str
    question: str | None = None


class QuestionDetails(Struct, frozen=True, kw_only=True):
    """`open`: it waits for an answer. `closed_at`: when the run stopped waiting, whatever made it; an answer
    without it is still on its way."""

    id: str
    agent_instance_id: str
    agent_span_id: str | None
    prompt: str
    open: bool
    asked_at: str | None
    closed_at: str | None
    answer: str | None
    answered_by: str | None
    answered_at: str | None
    type: Literal["agent_question"] = "agent_question"
