"""What each page's template may see, and nothing else. Texts are ready to be shown; templates escape them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from holdfast.server.services.payload_view import PayloadView

__all__ = [
    "Choice",
    "CostView",
    "DetailPart",
    "Empty",
    "ErrorJump",
    "ErrorView",
    "EventView",
    "Facet",
    "Fact",
    "HeadPart",
    "LoginPage",
    "MessagePage",
    "Page",
    "Panel",
    "QualityView",
    "RowsPart",
    "RunHead",
    "RunListPage",
    "RunOverview",
    "RunPage",
    "RunRow",
    "Shell",
    "Shown",
    "SpanDetail",
    "SpanRowView",
    "Theme",
    "TimeView",
    "TreeWindow",
    "TreebarPart",
    "ViolationView",
]


class Theme(StrEnum):
    """Light or dark, or as the reader's system says."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


class Empty(StrEnum):
    """Why a list shows nothing."""

    NO = "no"
    NOTHING_YET = "nothing_yet"
    NO_MATCH = "no_match"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """What is around every page. `csrf` is empty where nobody is logged in."""

    theme: Theme
    csrf: str
    here: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeView:
    iso: str
    text: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CostView:
    text: str
    title: str
    unknown: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """How many runs have a status, and the list of them."""

    status: str
    count: str
    href: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    label: str
    value: str
    title: str = ""
    href: str = ""
    bad: bool = False


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
class SpanRowView:
    """One line of the waterfall.

    `hint` is the span's summary, where the name is not that already. `x` and `width` are thousandths of the
    time axis; `fold_href` is empty where nothing is inside the span.
    """

    place: int
    href: str
    name: str
    hint: str
    kind: str
    indent: int
    status: str
    lost: bool
    selected: bool
    fold_href: str
    folded: bool
    hidden: int
    tokens: str
    cost: str
    duration: str
    title: str
    x: int
    width: int
    violations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeWindow:
    """Some rows of the tree. `first` and `total` count visible rows; `spans` counts all."""

    rows: tuple[SpanRowView, ...]
    first: int
    last: int
    total: int
    spans: int
    ticks: tuple[str, ...]
    earlier_href: str
    later_href: str
    all_href: str
    failed_href: str
    failed_only: bool
    failed: int
    depths: tuple[Choice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorView:
    type: str
    category: str
    message: str
    stack: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorJump:
    href: str
    name: str
    kind: str
    type: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    title: str
    view: PayloadView
    raw_href: str
    size: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    name: str
    level: str
    offset: str
    time: TimeView
    view: PayloadView | None
    raw_href: str
    span_href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityView:
    name: str
    summary: str
    view: PayloadView | None
    violations: int
    time: TimeView


@dataclass(frozen=True, slots=True, kw_only=True)
class ViolationView:
    part: str
    path: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHead:
    """The head of a run page. `stop_href` is empty where the run cannot be stopped."""

    id: str
    title: str
    status: str
    live: bool
    stamp: str
    agent: str
    agent_href: str
    version: str
    purpose: str
    started: TimeView
    duration: str
    ticks_from: int | None
    facts: tuple[Fact, ...]
    cost: CostView
    reason: str
    error: ErrorView | None
    stop_href: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOverview:
    """What stands beside the tree while no span is selected."""

    jumps: tuple[ErrorJump, ...]
    failed: int
    failed_href: str
    quality: tuple[QualityView, ...]
    quality_clipped: bool
    events: tuple[EventView, ...]
    events_total: int
    attributes: Panel | None
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanDetail:
    """One span with everything in it. `unsettled`: it may still change."""

    id: str
    name: str
    kind: str
    type_name: str
    status: str
    unsettled: bool
    crumbs: tuple[Fact, ...]
    close_href: str
    summary: str
    notes: tuple[str, ...]
    facts: tuple[Fact, ...]
    error: ErrorView | None
    violations: tuple[ViolationView, ...]
    panels: tuple[Panel, ...]
    events: tuple[EventView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Something that is rendered: its fields are all the variables of its `template`."""

    template: ClassVar[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Shown):
    """A whole page."""

    shell: Shell


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage(Page):
    template: ClassVar[str] = "run.html"

    run: RunHead
    tree: TreeWindow
    span: SpanDetail | None
    overview: RunOverview | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage(Page):
    """An error, told to a person. `code` is the HTTP status."""

    template: ClassVar[str] = "message.html"

    code: int
    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginPage(Page):
    template: ClassVar[str] = "login.html"

    used_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsPart(Shown):
    """Rows of the waterfall alone, for scripts."""

    template: ClassVar[str] = "part_rows.html"

    tree: TreeWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailPart(Shown):
    """What stands beside the tree alone, for scripts."""

    template: ClassVar[str] = "part_detail.html"

    span: SpanDetail | None
    overview: RunOverview | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadPart(Shown):
    """The head of a run page alone, for scripts."""

    template: ClassVar[str] = "part_head.html"

    run: RunHead
    shell: Shell


@dataclass(frozen=True, slots=True, kw_only=True)
class TreebarPart(Shown):
    """The bar above the waterfall alone, for scripts."""

    template: ClassVar[str] = "part_treebar.html"

    tree: TreeWindow
