"""What a search answers."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from holdfast.wire.vocabulary import SearchKind

__all__ = ["SearchAnswer", "SearchHit", "SnippetPart"]


class SnippetPart(Struct, frozen=True, kw_only=True):
    """A piece of a text. `hit`: it is what was asked for."""

    text: str
    hit: bool


class SearchHit(Struct, frozen=True, kw_only=True):
    """A text in which everything was found that was asked for: of a run itself, of a span or of an event in it.

    `name`, `status` and `started_at` are those of the run or the span; of an event only `name` is given.
    """

    kind: SearchKind
    agent_instance_id: str
    agent_id: str
    run_name: str | None
    run_status: str
    run_started_at: str
    agent_span_id: str | None
    agent_event_id: str | None
    name: str | None
    status: str | None
    started_at: str | None
    snippet: list[SnippetPart]


class SearchAnswer(Struct, frozen=True, kw_only=True):
    """What was recorded last comes first. `next` asks for the following hits. `complete` is false where the
    search was stopped for its time before it had as many hits as were asked for: `next` goes on from there; and
    while the index is being made anew."""

    summaries: list[SearchHit]
    next: str | None
    complete: bool
    status: Literal["success"] = "success"
