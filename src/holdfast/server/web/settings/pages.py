"""What the template of the settings page sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from holdfast.server.web.pages import Choice, Fact, Page, TimeView
from holdfast.server.web.sparkline import Sparkline

__all__ = [
    "ErasureView",
    "Health",
    "Prices",
    "RuleView",
    "Secret",
    "SettingsPage",
    "SizeView",
    "Storage",
    "TokenView",
    "UnpricedModel",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenView:
    """`href` is where its forms go. `done` is empty for one that still works, else why it does not."""

    href: str
    name: str
    hint: str
    may: str
    bound: str
    done: str
    made: TimeView
    used: TimeView | None
    expires: TimeView | None
    can_suspend: bool
    can_activate: bool
    can_revoke: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A token that has just been made. It is shown this once."""

    name: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleView:
    """`agent` is the id that the form sends, empty for all agents without a rule of their own."""

    agent: str
    name: str
    keep: str
    forever: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureView:
    time: TimeView
    cause: str
    by: str
    selection: str
    runs: str
    rows: str
    running: bool
    dropped: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeView:
    """`width` is the share, from 0 to 1000."""

    label: str
    size: str
    share: str
    title: str
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """`measure_href` is empty where the parts are shown; `measured` says when they were measured."""

    facts: tuple[Fact, ...]
    parts: tuple[SizeView, ...]
    measured: str
    measure_href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    facts: tuple[Fact, ...]
    trend: Sparkline
    refused: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpricedModel:
    name: str
    href: str
    calls: str
    share: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    table: str
    unpriced: tuple[UnpricedModel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsPage(Page):
    """`form_key` makes a form that is sent twice take effect once."""

    template: ClassVar[str] = "settings.html"

    form_key: str
    secret: Secret | None
    tokens: tuple[TokenView, ...]
    more_tokens: int
    agents: tuple[Choice, ...]
    lives: tuple[Choice, ...]
    rules: tuple[RuleView, ...]
    erasures: tuple[ErasureView, ...]
    storage: Storage | None
    health: Health
    prices: Prices
    about: tuple[Fact, ...]
