"""What the templates of the agents pages see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from holdfast.server.web.overview.pages import Tile
from holdfast.server.web.pages import Choice, CostView, Page, TimeView
from holdfast.server.web.quality.pages import QualityRow, ScoreRowView
from holdfast.server.web.sparkline import Sparkline

__all__ = [
    "AgentPage",
    "AgentRowView",
    "AgentsPage",
    "DriftRow",
    "FailureLine",
    "SchemaRow",
    "UsedRow",
    "VersionRow",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRowView:
    """`newest` is what its newest version is called."""

    href: str
    name: str
    description: str
    retired: bool
    newest: str
    versions: str
    runs: str
    runs_href: str
    success: str
    success_title: str
    bad: bool
    cost: CostView
    each: CostView
    trend: Sparkline
    last: TimeView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentsPage(Page):
    template: ClassVar[str] = "agents.html"

    ranges: tuple[Choice, ...]
    orders: tuple[Choice, ...]
    kept: tuple[tuple[str, str], ...]
    told: str
    rows: tuple[AgentRowView, ...]
    notice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """`each` is the cost of one that succeeded."""

    name: str
    since: TimeView
    runs: str
    runs_href: str
    success: str
    success_title: str
    bad: bool
    failed: str
    failed_href: str
    cost: CostView
    each: CostView
    median: str
    late: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRow:
    """A field, or a whole span type. `sign` is `+`, `−` or `~`, `word` the same in words."""

    sign: str
    word: str
    span_type: str
    path: str
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaRow:
    """A version of the schemas. `first`: there is none before it to compare with."""

    name: str
    since: TimeView
    runs: str
    spans: str
    violations: str
    bad: bool
    first: bool
    summary: str
    changes: tuple[DriftRow, ...]
    more: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedRow:
    """A tool or a model."""

    name: str
    href: str
    runs: str
    calls: str
    failed: str
    failed_title: str
    bad: bool
    mean: str
    tokens: str
    cost: CostView


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureLine:
    href: str
    message: str
    category: str
    times: str
    trend: Sparkline


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPage(Page):
    """`path` is the page's own address without a query."""

    template: ClassVar[str] = "agent.html"

    name: str
    description: str
    retired: bool
    id: str
    path: str
    all_href: str
    ranges: tuple[Choice, ...]
    told: str
    tiles: tuple[Tile, ...]
    trend: Sparkline
    versions: tuple[VersionRow, ...]
    versions_more: str
    schemas: tuple[SchemaRow, ...]
    tools: tuple[UsedRow, ...]
    models: tuple[UsedRow, ...]
    failures: tuple[FailureLine, ...]
    failures_href: str
    scores: tuple[ScoreRowView, ...]
    records: tuple[QualityRow, ...]
    quality_href: str
