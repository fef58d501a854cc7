"""What a page's template may see, and nothing else: the parts that several pages share. Texts are ready to be shown;
templates escape them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from holdfast.server.services.viewing.payload_view import PayloadView

__all__ = [
    "Choice",
    "CostView",
    "ErrorView",
    "Fact",
    "LoginPage",
    "MessagePage",
    "Page",
    "Panel",
    "Place",
    "Shell",
    "Shown",
    "Theme",
    "TimeView",
]


class Theme(StrEnum):
    """Light or dark, or as the reader's system says."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A link of the main navigation."""

    label: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """What is around every page. `csrf` is empty where nobody is logged in."""

    theme: Theme
    csrf: str
    here: str
    places: tuple[Place, ...]
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
class Fact:
    label: str
    value: str
    title: str = ""
    href: str = ""
    bad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorView:
    type: str
    category: str
    message: str
    stack: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    title: str
    view: PayloadView
    raw_href: str
    size: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Something that is rendered: its fields are all the variables of its `template`."""

    template: ClassVar[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Shown):
    """A whole page."""

    shell: Shell


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
