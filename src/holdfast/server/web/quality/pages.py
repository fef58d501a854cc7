"""What the template of the quality page sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from holdfast.server.web.opinions import Opinion
from holdfast.server.web.pages import Choice, Page
from holdfast.server.web.sparkline import Sparkline

__all__ = ["QualityPage", "QualityRow", "ScoreRowView"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRowView:
    """The scores of one name that one agent's runs got."""

    name: str
    agent: str
    agent_href: str
    count: str
    mean: str
    spread: str
    trend: Sparkline


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRow:
    """One number in the quality records of one name, or (`field` empty) such records without numbers."""

    name: str
    field: str
    agent: str
    agent_href: str
    count: str
    mean: str
    violations: int
    trend: Sparkline | None
    latest: str
    latest_href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityPage(Page):
    template: ClassVar[str] = "quality.html"

    agents: tuple[Choice, ...]
    ranges: tuple[Choice, ...]
    scores: tuple[ScoreRowView, ...]
    opinions: tuple[Opinion, ...]
    records: tuple[QualityRow, ...]
    clipped: str
    filtered: bool
