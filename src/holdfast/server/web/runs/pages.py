"""What the template of the run list sees."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from holdfast.server.web.pages import Choice, CostView, Fact, Page, TimeView

__all__ = [
    "Chip",
    "ColumnChoice",
    "ColumnHead",
    "Empty",
    "Facet",
    "FilterBar",
    "MoreFilters",
    "RangeField",
    "RunListPage",
    "RunRow",
    "SavedList",
    "SnippetView",
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
class Chip:
    """A filter in force, and the list without it."""

    label: str
    value: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeField:
    """`name` is that in the address, before `_min` and `_max`."""

    name: str
    label: str
    unit: str
    least: str
    most: str
    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MoreFilters:
    """The second row of filters. `kept` are those of the address that have no field of their own."""

    unfolded: bool
    versions: tuple[Choice, ...]
    environments: tuple[Choice, ...]
    purposes: tuple[Choice, ...]
    categories: tuple[Choice, ...]
    model: str
    models: tuple[str, ...]
    tool: str
    tools: tuple[str, ...]
    ranges: tuple[RangeField, ...]
    begin: str
    end: str
    kept: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterBar:
    """`searches`: where a text is looked for."""

    text: str
    searches: tuple[Choice, ...]
    agents: tuple[Choice, ...]
    statuses: tuple[Choice, ...]
    periods: tuple[Choice, ...]
    orders: tuple[Choice, ...]
    more: MoreFilters
    filtered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedList:
    name: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnChoice:
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnHead:
    """`href` sorts the list by it, where that can be; `sorted` where it is."""

    name: str
    label: str
    number: bool
    href: str
    sorted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SnippetView:
    """A piece of a found text. `hit`: it is what was looked for."""

    text: str
    hit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """`ticks_from` is set while a run is going: milliseconds since 1970 from which its duration counts."""

    id: str
    href: str
    title: str
    short: str
    status: str
    reason: str
    agent: str
    agent_href: str
    version: str
    environment: str
    purpose: str
    started: TimeView
    duration: str
    ticks_from: int | None
    spans: str
    calls: str
    tools: str
    errors: int
    input_tokens: str
    output_tokens: str
    tokens: str
    tokens_title: str
    cost: CostView
    snippet: tuple[SnippetView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunListPage(Page):
    """`news_href` tells how many runs have come since; empty where the list is not at its top. Saved lists are
    made and deleted by forms with `address`, the query of this list; `here` is its address as it is understood."""

    template: ClassVar[str] = "run_list.html"

    here: str
    empty: Empty
    filters: FilterBar
    chips: tuple[Chip, ...]
    saved: tuple[SavedList, ...]
    savable: bool
    address: str
    facets: tuple[Facet, ...]
    sums: tuple[Fact, ...]
    columns: tuple[ColumnHead, ...]
    column_choices: tuple[ColumnChoice, ...]
    rows: tuple[RunRow, ...]
    top_href: str
    newer_href: str
    older_href: str
    top_word: str
    older_word: str
    newer_word: str
    notice: str
    news_href: str
    csv_href: str
    jsonl_href: str
