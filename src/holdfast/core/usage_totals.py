"""Running totals of tokens and money: each turn costs the same to add, however many went before."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import nan
from threading import Lock
from typing import Final

from msgspec import Struct

from holdfast.core.pricing import Cost, CostSource, NoPrices, Prices, cost_of
from holdfast.core.usage import MOST_TOKENS, NO_USAGE, UsageSnapshot

__all__ = ["ModelTotals", "UsageTotals"]

_KEPT: Final = 10_000


class ModelTotals(Struct, frozen=True, kw_only=True):
    """What one model took. `usd` is the known part of the cost; `unpriced_turns` have no known cost."""

    turns: int = 0
    usage: UsageSnapshot = NO_USAGE
    usd: float = 0.0
    unpriced_turns: int = 0


class UsageTotals:
    """The turns of a session and what they come to. Threads and tasks may share it.

    The methods that answer with a plain `float` know only money that is known: `total_cost`,
    `budget_remaining` and `is_over_budget` count the turns that have a cost, and `unpriced_models` names the
    models that they leave out. `cost` says it in one: unknown as soon as one turn is.
    """

    def __init__(
        self, turns: Iterable[tuple[str, UsageSnapshot]] = (), *, prices: Prices | None = None
    ) -> None:
        self._prices = NoPrices() if prices is None else prices
        self._lock = Lock()
        self._turns: deque[tuple[str, UsageSnapshot]] = deque(maxlen=_KEPT)
        self._models: dict[str, _Sums] = {}
        self._all = _Sums()
        for model, usage in turns:
            self.record_turn(model, usage)

    @property
    def turns(self) -> list[tuple[str, UsageSnapshot]]:
        """The latest ten thousand turns, in order: a copy. The totals know all of them."""
        return list(self._turns)

    def record_turn(self, model: str, usage: UsageSnapshot, cost: Cost | None = None) -> Cost:
        """Add a turn; `cost` where it is known better than from the prices, as when the provider states it.
        Returns the cost that was counted."""
        counted = cost_of(self._prices, model, usage) if cost is None else cost
        with self._lock:
            self._turns.append((model, usage))
            sums = self._models.get(model)
            if sums is None:
                sums = self._models[model] = _Sums()
            sums.add(usage, counted)
            self._all.add(usage, counted)
        return counted

    @property
    def total_input_tokens(self) -> int:
        return self._all.input

    @property
    def total_output_tokens(self) -> int:
        return self._all.output

    @property
    def usage(self) -> UsageSnapshot:
        with self._lock:
            return self._all.usage()

    @property
    def unpriced_models(self) -> tuple[str, ...]:
        """The models of which at least one turn has no known cost, in order of first use."""
        with self._lock:
            return tuple(model for model, sums in self._models.items() if sums.unpriced)

    def cost(self) -> Cost:
        """All of it. Estimated as soon as one turn is; `version` only where all turns share it."""
        with self._lock:
            return self._all.cost()

    def cost_for_turn(self, model: str, usage: UsageSnapshot) -> float:
        """What such a turn would cost, without recording it: not a number (`nan`) where that is unknown."""
        usd = cost_of(self._prices, model, usage).usd
        return nan if usd is None else usd

    def total_cost(self) -> float:
        """The known part, in US dollars."""
        return self._all.usd

    def format_cost(self) -> str:
        """The known part in dollars, four decimals under one cent and else two, and how many turns it leaves
        out; "unknown" where none is known."""
        with self._lock:
            usd, unpriced, turns = self._all.usd, self._all.unpriced, self._all.turns
        if unpriced and unpriced == turns:
            return "unknown"
        shown = f"${usd:.4f}" if usd < 0.01 else f"${usd:.2f}"
        return f"{shown} + {unpriced} of {turns} turns unknown" if unpriced else shown

    def budget_remaining(self, budget_usd: float) -> float:
        return budget_usd - self._all.usd

    def is_over_budget(self, budget_usd: float) -> bool:
        return self._all.usd > budget_usd

    def per_model(self) -> dict[str, ModelTotals]:
        with self._lock:
            return {model: sums.totals() for model, sums in self._models.items()}

    def per_model_summary(self) -> dict[str, float | None]:
        """The cost of each model, None where any of its turns has no known cost."""
        with self._lock:
            return {model: sums.cost().usd for model, sums in self._models.items()}

    def summary(self) -> dict[str, object]:
        """Everything, ready for JSON. `total_cost_usd` is None where any turn's cost is unknown;
        `known_cost_usd` is the part that is known."""
        total, usage = self.cost(), self.usage
        return {
            "turns": self._all.turns,
            **{f"total_{name}": count for name, count in usage.to_dict().items()},
            "total_cost_usd": total.usd,
            "known_cost_usd": self._all.usd,
            "cost_source": total.source.value,
            "price_version": total.version,
            "unpriced_models": list(self.unpriced_models),
            "per_model_cost": self.per_model_summary(),
        }


class _Sums:
    """Sums that grow in place: an immutable snapshot per turn would cost as much as all the rest of it."""

    __slots__ = (
        "cache_read",
        "cache_write",
        "estimated",
        "input",
        "output",
        "reasoning",
        "reported",
        "turns",
        "unpriced",
        "usd",
        "version",
        "versions_differ",
    )

    def __init__(self) -> None:
        self.turns = self.input = self.output = 0
        self.cache_write = self.cache_read = self.reasoning = 0
        self.usd = 0.0
        self.unpriced = self.estimated = self.reported = 0
        self.version: str | None = None
        self.versions_differ = False

    def add(self, usage: UsageSnapshot, cost: Cost) -> None:
        self.turns += 1
        self.input += usage.input_tokens
        self.output += usage.output_tokens
        self.cache_write += usage.cache_write_tokens
        self.cache_read += usage.cache_read_tokens
        self.reasoning += usage.reasoning_tokens
        if cost.usd is None:
            self.unpriced += 1
            return
        self.usd += cost.usd
        if cost.source is CostSource.ESTIMATED:
            self.estimated += 1
        elif cost.source is CostSource.REPORTED:
            self.reported += 1
        if self.version != cost.version:
            self.versions_differ = self.versions_differ or self.turns - self.unpriced > 1
            self.version = cost.version

    def usage(self) -> UsageSnapshot:
        sums = (self.input, self.output, self.cache_write, self.cache_read, self.reasoning)
        return UsageSnapshot(*(min(one, MOST_TOKENS) for one in sums))

    def cost(self) -> Cost:
        if self.unpriced:
            return Cost(None, CostSource.UNKNOWN)
        if self.estimated:
            source = CostSource.ESTIMATED
        elif self.turns and self.reported == self.turns:
            source = CostSource.REPORTED
        else:
            source = CostSource.COMPUTED
        return Cost(self.usd, source, None if self.versions_differ else self.version)

    def totals(self) -> ModelTotals:
        return ModelTotals(turns=self.turns, usage=self.usage(), usd=self.usd, unpriced_turns=self.unpriced)
