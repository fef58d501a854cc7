"""What the template of the run list sees."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from holdfast.server.web.pages import Choice, CostView, Fact, Page, TimeView

__all__ = [
    "Empty",
    "Facet",
    "RunListPage",
    "RunRow",
]


class Empty(StrEnum):
    """Why a list shows nothing."""

    NO = "no"
    NOTHING_YET = "nothing_yet"
    NO_MATCH = "no_match"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """How many runs have a status, and the list of them."""

    status: str
    count: str
    href: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """`ticks_from` is set while a run is going: milliseconds since 1970 from which its duration counts."""

    href: str
    title: str
    short: str
    status: str
    reason: str
    agent: str
    agent_href: str
    version: str
    purpose: str
    started: TimeView
    duration: str
    ticks_from: int | None
    spans: str
    errors: int
    tokens: str
    tokens_title: str
    cost: CostView


@dataclass(frozen=True, slots=True, kw_only=True)
class RunListPage(Page):
    template: ClassVar[str] = "run_list.html"

    empty: Empty
    facets: tuple[Facet, ...]
    sums: tuple[Fact, ...]
    rows: tuple[RunRow, ...]
    agents: tuple[Choice, ...]
    statuses: tuple[Choice, ...]
    ranges: tuple[Choice, ...]
    text: str
    filtered: bool
    newest_href: str
    newer_href: str
    older_href: str
    notice: str
