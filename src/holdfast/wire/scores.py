"""What people and programs say of a run afterwards: thumbs and scores, as the HTTP API carries them.

A score is not a quality record: an agent records quality with its run, by its schema, in the order of the
run's operations; scores come from outside, from users and graders, whenever they have an opinion.
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from holdfast.wire.vocabulary import ScoreSource

__all__ = ["THUMB", "ScoreCreate", "ScoreDetails"]

THUMB: Final = "thumb"
"""The score that the console's thumbs give: 1 for up, 0 for down."""


class ScoreCreate(Struct, frozen=True, kw_only=True):
    """`value` is a number, or true (1) or false (0). Any text serves as `id`; a score with an id that is
    known is replaced. `author` says whose opinion it is, where that is not the token's holder's."""

    agent_instance_id: str
    name: str
    value: float | bool
    id: str | None = None
    agent_span_id: str | None = None
    comment: str | None = None
    author: str | None = None


class ScoreDetails(Struct, frozen=True, kw_only=True):
    id: str
    agent_instance_id: str
    agent_span_id: str | None
    name: str
    value: float
    comment: str | None
    author: str | None
    source: ScoreSource
    inserted_at: str
    updated_at: str
    type: Literal["score"] = "score"
