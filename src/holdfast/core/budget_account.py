"""The sums of one budget: spent and held, in whole numbers, so that rounding leaves nothing behind."""

from __future__ import annotations

from math import ceil
from typing import Final

from holdfast.core.budget_limits import BudgetNotice, LimitKind, LimitReached, Limits, Spend

__all__ = ["Account", "Amounts", "amounts_of"]

Amounts = tuple[int, int, int, int]
"""Money in units of 1e-9 US dollars, tokens, turns, tool calls."""

_KINDS: Final = (LimitKind.USD, LimitKind.TOKENS, LimitKind.TURNS, LimitKind.TOOL_CALLS)
_UNITS: Final = (1_000_000_000, 1, 1, 1)
_MOST: Final = 10**18
"""Beyond it every amount is as good as endless, and floats could not be made into whole units."""
_NO_NOTICES: Final[tuple[BudgetNotice, ...]] = ()


def amounts_of(spend: Spend) -> Amounts:
    """Unknown money counts 0."""
    usd = spend.usd
    return _units(0, usd) if usd else 0, spend.tokens, spend.turns, spend.tool_calls


def _units(index: int, amount: float) -> int:
    return round(min(amount, _MOST) * _UNITS[index])


class Account:
    """Not safe for threads by itself: the budgets that share it hold one lock around each use."""

    __slots__ = (
        "_limited",
        "_noticed",
        "_usd_limit",
        "_warn_from",
        "held",
        "limits",
        "name",
        "spent",
        "started",
        "unpriced",
    )

    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        self.limits = limits
        self.spent = [0, 0, 0, 0]
        self.held = [0, 0, 0, 0]
        self.started: float | None = None
        self.unpriced = 0
        self._limited = tuple(
            (index, _units(index, limit))
            for index, kind in enumerate(_KINDS)
            if (limit := limits.of(kind)) is not None
        )
        self._usd_limit = None if limits.usd is None else _units(0, limits.usd)
        self._warn_from = {index: max(1, ceil(limit * limits.warn_at)) for index, limit in self._limited}
        self._noticed: dict[LimitKind, bool] = {}

    def has_room(self, asked: Amounts, now: float) -> bool:
        """Whether `asked` comes near no limit at all: the quick answer, which is the one for most calls. Where
        there is none, `spent_out` and `full` tell why, if there is a reason."""
        seconds = self.limits.seconds
        if seconds is not None and self.elapsed(now) >= seconds:
            return False
        for index, limit in self._limited:
            taken = self.spent[index] + self.held[index]
            if taken >= limit or taken + asked[index] > limit:
                return False
        return True

    def spent_out(self, asked: Amounts, now: float) -> LimitReached | None:
        """The limit that `asked` can never meet, whatever becomes of the calls in flight."""
        seconds = self.limits.seconds
        if seconds is not None and self.elapsed(now) >= seconds:
            return LimitReached(
                kind=LimitKind.SECONDS, limit=seconds, used=self.elapsed(now), budget=self.name
            )
        for index, limit in self._limited:
            if _concerns(index, asked):
                spent = self.spent[index]
                if spent >= limit or spent + asked[index] > limit:
                    return self._reached(index, limit, asked)
        return None

    def full(self, asked: Amounts) -> LimitReached | None:
        """The limit that has no room for `asked` because of what calls in flight hold."""
        for index, limit in self._limited:
            if self.held[index] and _concerns(index, asked):
                taken = self.spent[index] + self.held[index]
                if taken >= limit or taken + asked[index] > limit:
                    return self._reached(index, limit, asked)
        return None

    def hold(self, asked: Amounts, sign: int = 1) -> None:
        """Hold money and tokens, and count turns and tool calls as spent; -1 undoes it."""
        self.held[0] += sign * asked[0]
        self.held[1] += sign * asked[1]
        self.spent[2] += sign * asked[2]
        self.spent[3] += sign * asked[3]

    def settle(self, asked: Amounts, actual: Amounts, priced: bool) -> None:
        """Turn what was held into what was spent: all of it, where the price is not known."""
        self.held[0] -= asked[0]
        self.held[1] -= asked[1]
        self.spent[0] += actual[0] if priced else asked[0]
        self.spent[1] += actual[1]
        self.unpriced += not priced

    def charge(self, actual: Amounts, priced: bool) -> None:
        for index, amount in enumerate(actual):
            self.spent[index] += amount
        self.unpriced += not priced

    def notices(self, now: float) -> tuple[BudgetNotice, ...]:
        """What is to be told now and was not told before."""
        found: tuple[BudgetNotice, ...] = _NO_NOTICES
        for index, limit in self._limited:
            spent = self.spent[index]
            if spent >= self._warn_from[index]:
                found += self._notice(_KINDS[index], limit / _UNITS[index], spent / _UNITS[index])
        seconds = self.limits.seconds
        if seconds is not None and self.elapsed(now) >= self.limits.warn_at * seconds:
            found += self._notice(LimitKind.SECONDS, seconds, self.elapsed(now))
        return found

    def used(self, kind: LimitKind, now: float) -> float:
        if kind is LimitKind.SECONDS:
            return self.elapsed(now)
        index = _KINDS.index(kind)
        return self.spent[index] / _UNITS[index]

    def overspent(self) -> bool:
        """Whether more money is spent than the limit on it."""
        limit = self._usd_limit
        return limit is not None and self.spent[0] > limit

    def elapsed(self, now: float) -> float:
        return 0.0 if self.started is None else now - self.started

    def _notice(self, kind: LimitKind, limit: float, used: float) -> tuple[BudgetNotice, ...]:
        exceeded = used > limit
        if kind in self._noticed and self._noticed[kind] >= exceeded:
            return _NO_NOTICES
        self._noticed[kind] = exceeded
        return (BudgetNotice(kind=kind, limit=limit, used=used, exceeded=exceeded, budget=self.name),)

    def _reached(self, index: int, limit: int, asked: Amounts) -> LimitReached:
        unit = _UNITS[index]
        return LimitReached(
            kind=_KINDS[index],
            limit=limit / unit,
            used=self.spent[index] / unit,
            held=self.held[index] / unit,
            asked=asked[index] / unit,
            budget=self.name,
        )


def _concerns(index: int, asked: Amounts) -> bool:
    # A tool call that costs nothing is not kept from running by money or tokens; a model call always is,
    # since one without an estimate costs something all the same.
    return asked[index] > 0 or (index < 2 and not asked[3])
