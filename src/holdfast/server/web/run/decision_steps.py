"""Decisions of a run's controls as steps of its story."""

from __future__ import annotations

from typing import Final

from holdfast.server.services.clean_text import clean, one_line
from holdfast.server.services.json_read import as_object, decode_json
from holdfast.server.stores.reads.run_views import RunEvent
from holdfast.server.web.format import duration
from holdfast.server.web.pages import Fact
from holdfast.server.web.run.decisions import kind_of
from holdfast.server.web.run.story_pages import StepKind, StoryStep
from holdfast.server.web.shown import clock_time
from holdfast.wire.vocabulary import EventLevel

__all__ = ["decision_step", "event_words"]

_TEXT: Final = 2_000
_FACTS: Final = 8
_SAID: Final = frozenset({"detail", "status", "question", "answer", "prompt"})


def event_words(name: str) -> str:
    """An event's name as people say it: `agent.recovery.attempted` is “Recovery attempted”."""
    words = one_line(name, 160).removeprefix("agent.").replace(".", " ").replace("_", " ")
    return words[:1].upper() + words[1:]


def decision_step(event: RunEvent, began: int, href: str) -> StoryStep:
    payload = _payload(event)
    kind = kind_of(event.name)
    bad = event.level in (EventLevel.WARNING, EventLevel.ERROR)
    texts = [str(payload[name]) for name in ("detail", "answer") if payload.get(name)]
    return StoryStep(
        kind=StepKind.DECISION,
        icon=f"d-{kind.key}" if kind is not None else "k-step",
        anchor=f"e-{one_line(event.id, 128)}",
        href=href,
        offset=duration(event.timestamp - began),
        time=clock_time(event.timestamp),
        title=event_words(event.name),
        about="" if kind is None else kind.label,
        bad=bad,
        text=clean("\n".join(texts)[:_TEXT]),
        facts=tuple(_facts(payload)),
    )


def _payload(event: RunEvent) -> dict[str, object]:
    try:
        return as_object(decode_json(event.payload or b"{}"))
    except ValueError:
        return {}


def _facts(payload: dict[str, object]) -> list[Fact]:
    """What else a decision says, as far as it is short."""
    facts: list[Fact] = []
    for name, value in payload.items():
        if name in _SAID or value is None or isinstance(value, dict | list) or len(facts) == _FACTS:
            continue
        told = f"{value:g}" if isinstance(value, float) else str(value)
        facts.append(Fact(label=one_line(name.replace("_", " "), 40), value=one_line(told, 120)))
    return facts
