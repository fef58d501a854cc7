"""The choices above a list: agents and ranges of time."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.server.services.clean_text import clip, one_line
from holdfast.server.web.pages import Choice
from holdfast.server.web.scope import RANGES, Scope

__all__ = ["agent_choices", "choices", "range_choices"]

_LABEL = 60


def choices(labels: Mapping[str, str], chosen: str | None) -> tuple[Choice, ...]:
    """Values with their labels; '' is the one for no choice."""
    return tuple(Choice(value=v, label=label, chosen=v == (chosen or "")) for v, label in labels.items())


def agent_choices(names: Mapping[str, str], chosen: str | None) -> tuple[Choice, ...]:
    """Names by agent id. One that was asked for is among them, known or not."""
    shown = {agent_id: one_line(name, _LABEL) or agent_id for agent_id, name in names.items()}
    if chosen is not None and chosen not in shown:
        shown = {chosen: clip(chosen, _LABEL), **shown}
    return choices({"": "all agents", **shown}, chosen)


def range_choices(scope: Scope) -> tuple[Choice, ...]:
    """`all` is all time; a range of one's own is the choice without a value."""
    labels = {key: label for key, (label, _) in RANGES.items()} | {"all": "all time"}
    if scope.begin is not None or scope.end is not None:
        return choices({"": "own range", **labels}, None)
    return choices(labels, scope.within or "all")
