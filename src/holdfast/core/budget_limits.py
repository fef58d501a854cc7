"""The vocabulary of budgets: what may be limited, what a call takes, what a budget answers."""

from __future__ import annotations

from math import inf

from msgspec import Struct

from holdfast.errors import BudgetExceededError, InvalidInputError
from holdfast.wire.runtime_vocabulary import LimitKind

__all__ = ["BudgetNotice", "LimitKind", "LimitReached", "Limits", "Spend"]


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a budget allows; None is no limit, 0 allows nothing. `seconds` is wall time from the first call
    on. A notice is given once `warn_at` of a limit (a part of 1) is used."""

    usd: float | None = None
    tokens: int | None = None
    turns: int | None = None
    tool_calls: int | None = None
    seconds: float | None = None
    warn_at: float = 0.8

    def __post_init__(self) -> None:
        for kind in LimitKind:
            limit = self.of(kind)
            if limit is not None and not 0 <= limit < inf:
                raise InvalidInputError(
                    kind.value, f"{limit} is not a limit", "give a number of 0 or more, or None for no limit"
                )
        if not 0 < self.warn_at <= 1:
            raise InvalidInputError("warn_at", f"{self.warn_at} is not a part of 1", "say 0.8 for 80 percent")

    def of(self, kind: LimitKind) -> float | None:
        if kind is LimitKind.USD:
            return self.usd
        if kind is LimitKind.TOKENS:
            return self.tokens
        if kind is LimitKind.TURNS:
            return self.turns
        if kind is LimitKind.TOOL_CALLS:
            return self.tool_calls
        return self.seconds


class Spend(Struct, frozen=True, kw_only=True):
    """What a call takes, or is thought to take. `usd` None is a cost that is not known."""

    usd: float | None = 0.0
    tokens: int = 0
    turns: int = 0
    tool_calls: int = 0

    def __post_init__(self) -> None:
        if self.usd is not None and not 0 <= self.usd < inf:
            raise InvalidInputError(
                "usd", f"{self.usd} is not an amount", "give 0 or more, or None if unknown"
            )
        if self.tokens < 0 or self.turns < 0 or self.tool_calls < 0:
            raise InvalidInputError("spend", "a count is negative", "give 0 or more")


class LimitReached(Struct, frozen=True, kw_only=True):
    """Why a call may not begin. `used` and `limit` are in the unit of `kind`; `held` is what calls in flight
    have reserved, `asked` what this call wanted to reserve; `budget` names the budget, own or a parent's."""

    kind: LimitKind
    limit: float
    used: float
    held: float = 0.0
    asked: float = 0.0
    budget: str = "budget"

    def error(self) -> BudgetExceededError:
        is_money = self.kind is LimitKind.USD
        return BudgetExceededError(
            self.limit if is_money else None,
            self.used if is_money else None,
            kind=self.kind.value,
            limit=self.limit,
            used=self.used,
            budget=self.budget,
        )


class BudgetNotice(Struct, frozen=True, kw_only=True):
    """A budget came to its warning mark (`exceeded` False) or beyond its limit. Each is told once a kind."""

    kind: LimitKind
    limit: float
    used: float
    exceeded: bool
    budget: str = "budget"
