"""What events say of the questions that runs ask of people."""

from __future__ import annotations

from typing import Final

import msgspec

from holdfast.server.services.reading import TEXT_LENGTH, text
from holdfast.server.stores.questions import Told
from holdfast.server.stores.rows import EventRow
from holdfast.wire.agent_events import AgentEventName
from holdfast.wire.questions import AskedPayload

__all__ = ["told_of_question"]

_ASKED: Final = AgentEventName.INPUT_REQUESTED.value
_CLOSED: Final = frozenset({AgentEventName.INPUT_PROVIDED.value, AgentEventName.INPUT_CLOSED.value})
_LONGEST_ID: Final = 100
_decode: Final = msgspec.json.Decoder(AskedPayload).decode


def told_of_question(event: EventRow) -> Told | None:
    """None for all other events, and for a question without an id: it can be answered by nobody but its process."""
    name = event.name
    if name != _ASKED and name not in _CLOSED:
        return None
    try:
        payload = _decode(event.payload or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    question = payload.question
    if not question or len(question) > _LONGEST_ID or not question.isprintable():
        return None
    if name == _ASKED:
        return Told(
            instance_key=event.instance_key,
            id=question,
            span_id=event.span_id,
            prompt=text(payload.detail, TEXT_LENGTH) or "",
            asked_at=event.timestamp,
        )
    return Told(instance_key=event.instance_key, id=question, closed_at=event.timestamp)
