"""What the templates of the overview see."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from holdfast.server.web.pages import Choice, CostView, Page, Shown, TimeView

__all__ = [
    "Bar",
    "Cell",
    "Change",
    "ChartKind",
    "ChartView",
    "Figures",
    "FiguresPart",
    "Line",
    "Now",
    "OpenRow",
    "OverviewPage",
    "PointRow",
    "ScopeBar",
    "Tile",
    "Tone",
    "TopRow",
    "Unit",
]


class Tone(StrEnum):
    """How a number is to be read."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Against the period before. `title` has the numbers."""

    text: str
    title: str = ""
    tone: Tone = Tone.PLAIN
    href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One large number and the runs behind it."""

    label: str
    value: str
    title: str = ""
    href: str = ""
    note: str = ""
    tone: Tone = Tone.PLAIN
    change: Change | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRow:
    """A run that needs a look: stuck, or waiting for a person. `ticks_from` as in the list of runs."""

    href: str
    title: str
    agent: str
    why: str
    tone: Tone
    ticks_from: int
    duration: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    tiles: tuple[Tile, ...]
    rows: tuple[OpenRow, ...]
    more: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A line of a list with a bar: `width` in thousandths of the longest."""

    label: str
    href: str
    value: str
    title: str
    width: int
    change: Change | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopRow:
    """One of the slowest or costliest runs."""

    href: str
    title: str
    agent: str
    status: str
    started: TimeView
    duration: str
    cost: CostView


class ChartKind(StrEnum):
    BARS = "bars"
    LINES = "lines"


class Unit(StrEnum):
    """What the values of a chart are: US dollars, seconds, or counts."""

    DOLLARS = "dollars"
    SECONDS = "seconds"
    COUNT = "count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A series. `colour` is a class of the stylesheet, the same in the chart, its legend and its table."""

    label: str
    colour: str
    href: str
    total: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """`value` is what the chart draws, in its unit, where that is not the number that `text` says."""

    text: str
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRow:
    """One point in time of all series. `whole_days`: the point is one day or more, of UTC. `href` may be empty."""

    time: TimeView
    whole_days: bool
    href: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartView:
    """A chart and the table of the same numbers, which is what a script draws it from. `empty` says what to do
    for it to show something."""

    id: str
    title: str
    kind: ChartKind
    unit: Unit
    lines: tuple[Line, ...]
    rows: tuple[PointRow, ...]
    note: str
    empty: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All numbers of the page but the charts'."""

    now: Now
    tiles: tuple[Tile, ...]
    compared: str
    changes: tuple[Change, ...]
    categories: tuple[Bar, ...]
    stops: tuple[Bar, ...]
    recoveries: tuple[Bar, ...]
    recovered: str
    slowest: tuple[TopRow, ...]
    costliest: tuple[TopRow, ...]
    looked_at: str
    unpriced: tuple[Bar, ...]
    also_unpriced: str
    slowest_href: str
    costliest_href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeBar:
    """The choices above the page. `kept` are the pairs that a form repeats besides its own."""

    ranges: tuple[Choice, ...]
    agents: tuple[Choice, ...]
    begin: str
    end: str
    own: bool
    told: str
    kept: tuple[tuple[str, str], ...]
    filtered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FiguresPart(Shown):
    template: ClassVar[str] = "part_figures.html"

    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewPage(Page):
    """`nothing_yet`: the account has no run at all. `elsewhere` leads to a range that has some."""

    template: ClassVar[str] = "overview.html"

    nothing_yet: bool
    elsewhere: Change | None
    scope: ScopeBar
    figures: Figures
    charts: tuple[ChartView, ...]
    splits: tuple[Choice, ...]
    part_href: str
