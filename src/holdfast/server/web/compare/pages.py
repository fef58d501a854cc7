"""What the templates of the comparison see."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from holdfast.server.web.pages import Page, TimeView

__all__ = [
    "ChoosePage",
    "ComparePage",
    "DiffKind",
    "DiffLine",
    "FactRow",
    "Mark",
    "PairDiff",
    "RunSide",
    "StepCell",
    "StepRow",
    "StepWindow",
    "TextDiff",
    "UseRow",
    "Uses",
]


class Mark(StrEnum):
    """How the two sides of a row stand to each other."""

    SAME = "same"
    DIFFERS = "differs"
    ONLY_A = "only_a"
    ONLY_B = "only_b"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSide:
    """The head of one side."""

    letter: str
    id: str
    href: str
    title: str
    status: str
    agent: str
    version: str
    started: TimeView
    previous_href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FactRow:
    """One property of both runs. `note` is the difference in words, empty where there is none."""

    label: str
    a: str
    b: str
    note: str
    differs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UseRow:
    """How a tool or a model was used. Texts are empty where a run did not use it."""

    name: str
    a: str
    b: str
    differs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Uses:
    """`more` says how many are left out."""

    rows: tuple[UseRow, ...]
    more: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCell:
    href: str
    name: str
    kind: str
    indent: int
    status: str
    duration: str
    cost: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """`why` names what differs. `parting`: it is the first row at which the runs part."""

    a: StepCell | None
    b: StepCell | None
    mark: Mark
    why: str
    href: str
    chosen: bool
    parting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StepWindow:
    """Some of the rows: `first` to before `last` of `total`."""

    rows: tuple[StepRow, ...]
    first: int
    last: int
    total: int
    differing: int
    only_differing: bool
    all_href: str
    differing_href: str
    earlier_href: str
    later_href: str


class DiffKind(StrEnum):
    BOTH = "both"
    ONLY_A = "only_a"
    ONLY_B = "only_b"
    GAP = "gap"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffLine:
    kind: DiffKind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDiff:
    """`same`: nothing differs. `note` says what was left out."""

    title: str
    lines: tuple[DiffLine, ...]
    same: bool
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PairDiff:
    """What the chosen row took in and gave back."""

    title: str
    parts: tuple[TextDiff, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoosePage(Page):
    """Two runs are still to be named; `problem` says what is wrong with what was."""

    template: ClassVar[str] = "compare_choose.html"

    a: str
    b: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparePage(Page):
    """`parted` says where the runs part; the links lead there."""

    template: ClassVar[str] = "compare.html"

    a: RunSide
    b: RunSide
    swap_href: str
    parted: str
    parting_href: str
    result_parted: str
    result_href: str
    notes: tuple[str, ...]
    properties: tuple[FactRow, ...]
    tools: Uses
    models: Uses
    steps: StepWindow
    diff: PairDiff | None
