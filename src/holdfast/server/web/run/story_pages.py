"""What the templates of a run's story and of its events see."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from holdfast.server.services.viewing.chat_view import ChatMessage
from holdfast.server.web.pages import Choice, ErrorView, Fact, Page, Shown, TimeView
from holdfast.server.web.run.pages import EventView, RunHead

__all__ = ["EventsPage", "StepKind", "StepsPart", "StoryPage", "StoryStep", "StoryWindow"]


class StepKind(StrEnum):
    """What a step of a story is."""

    MESSAGE = "message"
    TOOL = "tool"
    PART = "part"  # an agent, a handoff or a phase begins
    DECISION = "decision"
    ATTEMPT = "attempt"
    WORK = "work"  # any other span


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryStep:
    """One thing that happened. `anchor` is its name within the page, `href` shows its span in the waterfall;
    `about` is the kind of decision, or empty. `asked` and `got` are what went into a tool and what came out; the
    notes say how much of them is not shown. `times`: so many alike stand here as one."""

    kind: StepKind
    icon: str
    anchor: str
    href: str
    offset: str
    time: TimeView
    title: str
    status: str = ""
    bad: bool = False
    about: str = ""
    text: str = ""
    message: ChatMessage | None = None
    asked: str = ""
    asked_note: str = ""
    got: str = ""
    got_note: str = ""
    error: ErrorView | None = None
    facts: tuple[Fact, ...] = ()
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryWindow:
    """The steps of the spans from `first` (counted from one) to `last`, of `total`."""

    steps: tuple[StoryStep, ...]
    first: int
    last: int
    total: int
    earlier_href: str
    later_href: str
    beginning_href: str
    end_href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryPage(Page):
    template: ClassVar[str] = "story.html"

    run: RunHead
    story: StoryWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class StepsPart(Shown):
    """The steps of a story alone, for scripts."""

    template: ClassVar[str] = "part_steps.html"

    story: StoryWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsPage(Page):
    """The events of a run by their times: all, or those about one kind of decision."""

    template: ClassVar[str] = "run_events.html"

    run: RunHead
    kinds: tuple[Choice, ...]
    events: tuple[EventView, ...]
    earliest_href: str
    later_href: str
