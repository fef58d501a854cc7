"""Spans as steps of a story: what was said, which tools were called with what, what came of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import msgspec

from holdfast.server.services.clean_text import clean, one_line
from holdfast.server.services.json_read import as_list, as_object, decode_json
from holdfast.server.services.viewing.chat_forms import find_messages
from holdfast.server.services.viewing.chat_view import ChatMessage, show_message
from holdfast.server.services.viewing.run_tree import short_id
from holdfast.server.stores.reads.spans import SpanBody, SpanRecord
from holdfast.server.web.format import duration
from holdfast.server.web.pages import Fact
from holdfast.server.web.run.story_pages import StepKind, StoryStep
from holdfast.server.web.run.tree_rows import span_name
from holdfast.server.web.shown import clock_time, show_error, span_cost, span_kind, total_tokens
from holdfast.wire.attributes import AGENT_NAME
from holdfast.wire.vocabulary import SpanStatus, SpanType

__all__ = ["Heard", "steps_of_span"]

_ASKED: Final = 1_500
_GOT: Final = 3_000
_NEW: Final = 12
_ANSWERS: Final = 6
_WRAPPERS: Final = frozenset({"arguments", "args", "input", "output", "result", "value", "content", "text"})
"""Keys that say no more than that there is something in them."""
_PARTS: Final = frozenset({"agent", "handoff"})
_SAID_BY_SPANS: Final = frozenset({"assistant", "model", "ai", "tool", "function"})
"""What a prompt repeats of earlier answers and tool results, which have steps of their own."""


class Heard:
    """What the story has told of the conversation so far: a prompt repeats all that came before it."""

    def __init__(self) -> None:
        self._messages: list[dict[str, object]] = []
        self._answers: deque[str] = deque(maxlen=_ANSWERS)

    def answered(self, text: str) -> None:
        """What a model said may be another one's question: then it is not told twice."""
        if text:
            self._answers.append(text)

    def has_told(self, said: ChatMessage) -> bool:
        return bool(said.text) and said.text in self._answers

    def new_in(self, messages: list[dict[str, object]]) -> list[dict[str, object]]:
        """The messages that no earlier prompt had; answers and tool results are told by their own spans."""
        known = self._messages
        same = 0
        while same < min(len(known), len(messages)) and known[same] == messages[same]:
            same += 1
        fresh = messages[same:]
        if messages:
            self._messages = messages
        if not known and len(fresh) > 1:
            return [message for message in fresh if message.get("role") not in {"tool", "function"}]
        return [message for message in fresh if message.get("role") not in _SAID_BY_SPANS]


def steps_of_span(
    span: SpanRecord, body: SpanBody, heard: Heard, began: int, href: str
) -> Iterator[StoryStep]:
    """Turns tell nothing themselves: what is in them does."""
    kind = span_kind(span.schema_name)
    if span.schema_name == SpanType.TURN:
        return
    if kind == "llm":
        yield from _model_steps(span, body, heard, began, href)
    elif kind == "attempt":
        if span.status != SpanStatus.COMPLETE:
            yield _step(span, body, StepKind.ATTEMPT, began, href, title="A call failed and was tried again")
    elif kind in _PARTS:
        yield _step(span, body, StepKind.PART, began, href, text=clean((span.summary or "")[:_ASKED]))
    elif kind == "tool":
        asked, asked_note = _text_of(body.payload, _ASKED)
        got, got_note = _text_of(body.result_payload, _GOT)
        yield _step(
            span,
            body,
            StepKind.TOOL,
            began,
            href,
            asked=asked,
            asked_note=asked_note,
            got="" if span.status == SpanStatus.FAILED and span.error_type else got,
            got_note=got_note,
        )
    else:
        got, got_note = _text_of(body.result_payload, _ASKED)
        summary = clean((span.summary or "")[:_ASKED])
        yield _step(span, body, StepKind.WORK, began, href, text=summary, got=got, got_note=got_note)


def _model_steps(
    span: SpanRecord, body: SpanBody, heard: Heard, began: int, href: str
) -> Iterator[StoryStep]:
    fresh = heard.new_in(find_messages(_json(body.payload)))
    for number, fields in enumerate(fresh[-_NEW:]):
        said = show_message(fields)
        if (said.text or said.calls) and not heard.has_told(said):
            at = f"s-{short_id(span.id)}-{number}"
            yield _step(span, SpanBody(*[None] * 5), StepKind.MESSAGE, began, href, anchor=at, message=said)
    answers = [show_message(fields) for fields in find_messages(_json(body.result_payload))]
    answer: ChatMessage | None = answers[-1] if answers else None
    if answer is not None:
        heard.answered(answer.text)
        who = _speaker(body)
        answer = replace(answer, name=who) if who and answer.name is None else answer
    got, got_note = ("", "") if answer is not None else _text_of(body.result_payload, _GOT)
    yield _step(
        span,
        body,
        StepKind.MESSAGE,
        began,
        href,
        message=answer,
        got=got,
        got_note=got_note,
        facts=_call_facts(span),
    )


def _speaker(body: SpanBody) -> str:
    """The agent that spoke, where the record names it otherwise than “agent”."""
    name = as_object(_json(body.attributes)).get(AGENT_NAME)
    return one_line(name, 60) if isinstance(name, str) and name != "agent" else ""


def _call_facts(span: SpanRecord) -> tuple[Fact, ...]:
    facts = [Fact(label="model", value=one_line(span.model or span.name or "", 80))]
    if span.input_tokens or span.output_tokens:
        facts.append(Fact(label="tokens", value=total_tokens(span)))
    if cost := span_cost(span):
        facts.append(Fact(label="cost", value=cost))
    return tuple(facts)


def _step(
    span: SpanRecord,
    body: SpanBody,
    kind: StepKind,
    began: int,
    href: str,
    *,
    title: str | None = None,
    anchor: str | None = None,
    text: str = "",
    message: ChatMessage | None = None,
    asked: str = "",
    asked_note: str = "",
    got: str = "",
    got_note: str = "",
    facts: tuple[Fact, ...] = (),
) -> StoryStep:
    started = span.started_at if span.started_at is not None else span.inserted_at
    timed = anchor is None and kind is not StepKind.ATTEMPT
    if timed and span.started_at is not None and span.finished_at is not None:
        facts = (*facts, Fact(label="took", value=duration(span.finished_at - span.started_at)))
    status = span.status if anchor is None else SpanStatus.COMPLETE.value
    return StoryStep(
        kind=kind,
        icon=f"k-{span_kind(span.schema_name)}",
        anchor=anchor or f"s-{short_id(span.id)}",
        href=href,
        offset=duration(started - began),
        time=clock_time(started),
        title=span_name(span) if title is None else title,
        status="" if status == SpanStatus.COMPLETE or kind is StepKind.ATTEMPT else status,
        bad=status == SpanStatus.FAILED,
        text=text,
        message=message,
        asked=asked,
        asked_note=asked_note,
        got=got,
        got_note=got_note,
        error=show_error(body.error, span.error_type) if anchor is None else None,
        facts=facts,
    )


def _json(data: bytes | None) -> object:
    try:
        return None if data is None else decode_json(data)
    except ValueError:
        return None


def _text_of(data: bytes | None, most: int) -> tuple[str, str]:
    """Some JSON as text (a text as it is, without what is only wrapped around it), and what of it is left out."""
    if data is None or data == b"null":
        return "", ""
    try:
        value = _only(decode_json(data))
    except ValueError:
        value = data.decode("utf-8", "replace")
    if isinstance(value, str):
        text = value
    elif parts := _texts(value):
        text = "\n".join(parts)
    else:
        try:
            text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode("utf-8", "replace")
        except (ValueError, RecursionError):
            text = data.decode("utf-8", "replace")
    note = f"the first {most:,} of {len(text):,} characters" if len(text) > most else ""
    return clean(text[:most]), note


def _only(value: object) -> object:
    while len(fields := as_object(value)) == 1:
        name, inner = next(iter(fields.items()))
        if name not in _WRAPPERS or not (isinstance(inner, str) or as_object(inner) or as_list(inner)):
            break
        value = inner
    return value


def _texts(value: object) -> list[str]:
    """The texts of a list of content parts; none where there is anything else in it."""
    found = [as_object(part).get("text") for part in as_list(value)]
    return [text for text in found if isinstance(text, str)] if all(isinstance(t, str) for t in found) else []
