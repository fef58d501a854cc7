"""What the templates of a run's page see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from holdfast.server.services.viewing.payload_view import PayloadView
from holdfast.server.web.opinions import Opinion
from holdfast.server.web.pages import (
    Choice,
    CostView,
    ErrorView,
    Fact,
    Page,
    Panel,
    Place,
    Shell,
    Shown,
    TimeView,
)

__all__ = [
    "AskedView",
    "AttemptView",
    "ControlView",
    "DensityBar",
    "DetailPart",
    "ErrorJump",
    "EventView",
    "Feedback",
    "Found",
    "FoundPart",
    "HeadPart",
    "QualityView",
    "RowsPart",
    "RunHead",
    "RunOverview",
    "RunPage",
    "SpanDetail",
    "SpanRowView",
    "TimeBar",
    "TreeWindow",
    "TreebarPart",
    "ViolationView",
]


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
    hit: bool
    critical: bool
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
class DensityBar:
    """How busy a run was in a piece of its time: `x` in thousandths, `height` in hundredths."""

    x: int
    height: int
    bad: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeBar:
    """All of a run's time in small. `x` and `width` are the part that is shown, in thousandths; a way that leads
    nowhere is empty."""

    bars: tuple[DensityBar, ...]
    x: int
    width: int
    whole_ms: int
    closer_href: str
    wider_href: str
    back_href: str
    on_href: str
    whole_href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search in the tree came to. `number` is that of the selected span among those found, or 0."""

    text: str
    total: int
    more: bool
    number: int
    next_href: str
    previous_href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeWindow:
    """Some rows of the tree. `first`, `aim` (the row that the reader looks for) and `total` count visible rows;
    `spans` counts all."""

    rows: tuple[SpanRowView, ...]
    first: int
    aim: int
    last: int
    total: int
    spans: int
    ticks: tuple[str, ...]
    time: TimeBar
    critical: bool
    critical_count: int
    critical_href: str
    found: Found | None
    earlier_href: str
    later_href: str
    all_href: str
    failed_href: str
    failed_only: bool
    failed: int
    depths: tuple[Choice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorJump:
    href: str
    name: str
    kind: str
    type: str
    message: str


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
class Feedback:
    """What the console's own thumb says of the run: `up`, `down` or empty; and where to say it."""

    href: str
    thumb: str
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedView:
    """A question that the run waits with, and where its answer goes."""

    id: str
    prompt: str
    since: TimeView
    href: str


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
    feedback: Feedback
    asked: tuple[AskedView, ...]
    views: tuple[Place, ...]
    compare_href: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlView:
    """A control that was in force: its rule in words, and how often it decided what."""

    label: str
    rule: str
    decided: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptView:
    """One attempt of several. `waited` is the time since the one before, empty where there was none to speak of;
    `x` and `width` are thousandths of the time of all of them."""

    number: int
    href: str
    name: str
    status: str
    current: bool
    waited: str
    took: str
    told: str
    x: int
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOverview:
    """What stands beside the tree while no span is selected."""

    jumps: tuple[ErrorJump, ...]
    failed: int
    failed_href: str
    quality: tuple[QualityView, ...]
    quality_clipped: bool
    scores: tuple[Opinion, ...]
    controls: tuple[ControlView, ...]
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
    controls: tuple[ControlView, ...]
    attempts: tuple[AttemptView, ...]
    story_href: str
    panels: tuple[Panel, ...]
    events: tuple[EventView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage(Page):
    """`kept` is what a search in the tree keeps of the address."""

    template: ClassVar[str] = "run.html"

    run: RunHead
    tree: TreeWindow
    kept: tuple[tuple[str, str], ...]
    span: SpanDetail | None
    overview: RunOverview | None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPart(Shown):
    """What a search in the tree came to alone, for scripts."""

    template: ClassVar[str] = "part_found.html"

    tree: TreeWindow
