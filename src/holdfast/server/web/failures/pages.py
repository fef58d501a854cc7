"""What the templates of the failures pages see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from holdfast.server.web.overview.pages import Bar
from holdfast.server.web.pages import Choice, ErrorView, Fact, Page, TimeView
from holdfast.server.web.sparkline import Sparkline

__all__ = ["CategoryChip", "Example", "FailedRunRow", "FailurePage", "FailureRow", "FailuresPage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryChip:
    """A category with how often it happened; the one without a label is all of them."""

    label: str
    count: str
    href: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRow:
    """A group. `completed` is the share of its newest runs that completed all the same, `completed_title` of how
    many; `mended` is what the runtime did about it."""

    href: str
    message: str
    category: str
    side: str
    error_type: str
    times: str
    runs: str
    runs_href: str
    trend: Sparkline
    first_seen: TimeView
    last_seen: TimeView
    completed: str
    completed_title: str
    mended: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailuresPage(Page):
    """`empty` says why there is nothing to show."""

    template: ClassVar[str] = "failures.html"

    agents: tuple[Choice, ...]
    ranges: tuple[Choice, ...]
    orders: tuple[Choice, ...]
    kept: tuple[tuple[str, str], ...]
    chips: tuple[CategoryChip, ...]
    rows: tuple[FailureRow, ...]
    told: str
    empty: str
    all_href: str
    newer_href: str
    older_href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A failure as it was recorded, and where."""

    href: str
    run: str
    agent: str
    time: TimeView
    error: ErrorView


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRunRow:
    """A run of the group; its link leads to the span that failed."""

    href: str
    title: str
    short: str
    status: str
    agent: str
    agent_href: str
    started: TimeView
    duration: str
    times: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailurePage(Page):
    """One group. `repaired` are sentences on what the runtime did about it."""

    template: ClassVar[str] = "failure.html"

    name: str
    category: str
    category_href: str
    all_href: str
    agents: tuple[Choice, ...]
    ranges: tuple[Choice, ...]
    path: str
    figures: tuple[Fact, ...]
    first_seen: TimeView
    last_seen: TimeView
    trend: Sparkline
    told: str
    by_agent: tuple[Bar, ...]
    outcomes: tuple[Bar, ...]
    outcomes_of: str
    repaired: tuple[str, ...]
    examples: tuple[Example, ...]
    rows: tuple[FailedRunRow, ...]
    runs_href: str
    newest_href: str
    older_href: str
    notice: str
