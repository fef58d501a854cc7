"""What the query of the run list's address says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Final, Self
from urllib.parse import urlencode

from holdfast.server.stores.reads.run_list import Range, RunListFilter, RunPlace
from holdfast.server.web.links import number_in
from holdfast.server.web.scope import Scope
from holdfast.wire.vocabulary import FacetKind, InstanceStatus, Purpose, RunOrder

__all__ = ["RUNS", "ListQuery"]

RUNS: Final = "/runs"
_LONGEST: Final = 200
_NANO: Final = 1_000_000_000
_LARGEST: Final = (1 << 63) - 1
_FACETS: Final = {kind.value: kind for kind in FacetKind}
_WORDS: Final = ("version", "env", "purpose", "status", *_FACETS)
_CLOSED: Final = {
    "status": {status.value for status in InstanceStatus},
    "purpose": {purpose.value for purpose in Purpose},
}
_OPEN: Final = Range()
_RANGES: Final = {"cost": _NANO, "took": _NANO, "tokens": 1}
"""The names in addresses, and how many of our units one there is: dollars, seconds, tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """What the run list is asked for. Anything unusable in a query counts as not given.

    `words` and `ranges` are by their names in addresses: version, env, purpose, status and facets; cost, took
    and tokens. `everywhere`: the text is looked for in all that was recorded, not in names and ids. `before` and
    `after` are places of the order that is asked for; of a search everywhere only the key counts.
    """

    scope: Scope = field(default_factory=Scope)
    words: Mapping[str, str] = field(default_factory=dict[str, str])
    ranges: Mapping[str, Range] = field(default_factory=dict[str, Range])
    text: str | None = None
    everywhere: bool = False
    order: RunOrder = RunOrder.NEWEST
    before: RunPlace | None = None
    after: RunPlace | None = None

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self:
        words = {name: word for name in _WORDS if (word := query.get(name, "").strip()[:_LONGEST])}
        for name, known in _CLOSED.items():
            if words.get(name) not in known:
                words.pop(name, None)
        text = query.get("q", "").strip()[:_LONGEST] or None
        sort = query.get("sort", "")
        return cls(
            scope=Scope.read(query),
            words=words,
            ranges={name: wanted for name in _RANGES if (wanted := _range(query, name))},
            text=text,
            everywhere=text is not None and query.get("in") == "all",
            order=RunOrder(sort) if sort in {order.value for order in RunOrder} else RunOrder.NEWEST,
            before=_place(query.get("before")),
            after=_place(query.get("after")),
        )

    def having(self, **words: str) -> Self:
        """The same list from its top, with these words instead of its own."""
        return replace(self.at(), words={**self.words, **words})

    @property
    def filtered(self) -> bool:
        """Whether it asks for less than all runs."""
        return any(name not in ("sort", "before", "after") for name in self.pairs())

    @property
    def detailed(self) -> bool:
        """Whether it asks for something besides agent, status, time and text."""
        plain = {"agent", "within", "from", "to", "status", "q", "in", "before", "after"}
        return any(name not in plain for name in self.pairs())

    def pairs(self) -> dict[str, str]:
        """As in its address."""
        given: dict[str, str | None] = {**self.scope.pairs(), **self.words}
        for name, wanted in self.ranges.items():
            unit = _RANGES[name]
            given[f"{name}_min"], given[f"{name}_max"] = _text(wanted.least, unit), _text(wanted.most, unit)
        given |= {
            "q": self.text,
            "in": "all" if self.everywhere else None,
            "sort": None if self.order is RunOrder.NEWEST else self.order.value,
            "before": _place_text(self.before),
            "after": _place_text(self.after),
        }
        return {name: value for name, value in given.items() if value}

    def url(self, path: str = RUNS) -> str:
        pairs = self.pairs()
        return f"{path}?{urlencode(pairs)}" if pairs else path

    def without(self, *names: str) -> str:
        """The address of the list from its top, without these."""
        left = {name: value for name, value in self.at().pairs().items() if name not in names}
        return f"{RUNS}?{urlencode(left)}" if left else RUNS

    def at(self, *, before: RunPlace | None = None, after: RunPlace | None = None) -> Self:
        """The same list at another place."""
        return replace(self, before=before, after=after)

    def wanted(self, account_id: str, now: int) -> RunListFilter:
        word, wanted = self.words.get, self.ranges.get
        return RunListFilter(
            account_id=account_id,
            agent_id=self.scope.agent,
            version_id=word("version"),
            environment_id=word("env"),
            purpose=word("purpose"),
            status=word("status"),
            since=self.scope.since(now),
            until=self.scope.until(),
            facets=tuple((kind, self.words[name]) for name, kind in _FACETS.items() if name in self.words),
            cost=wanted("cost", _OPEN),
            duration=wanted("took", _OPEN),
            tokens=wanted("tokens", _OPEN),
            text=None if self.everywhere else self.text,
        )


def _range(query: Mapping[str, str], name: str) -> Range:
    unit = _RANGES[name]
    found = Range(_number(query.get(f"{name}_min"), unit), _number(query.get(f"{name}_max"), unit))
    if found.least is not None and found.most is not None and found.least > found.most:
        return Range()
    return found


def _number(text: str | None, unit: int) -> int | None:
    try:
        number = Decimal((text or "").strip()[:30]) * unit
    except InvalidOperation:
        return None
    return int(number) if number.is_finite() and 0 <= number <= _LARGEST else None


def _text(value: int | None, unit: int) -> str | None:
    if value is None:
        return None
    return format((Decimal(value) / unit).normalize(), "f")


def _place(text: str | None) -> RunPlace | None:
    value, _, key = (text or "").partition(".")
    numbers = number_in(value), number_in(key)
    return None if numbers[0] is None or numbers[1] is None else RunPlace(numbers[0], numbers[1])


def _place_text(place: RunPlace | None) -> str | None:
    return None if place is None else f"{place.value}.{place.key}"
