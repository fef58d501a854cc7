"""The usage tracker that users make themselves: running totals with the prices of this process."""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.core.pricing import Prices
from holdfast.core.usage import UsageSnapshot
from holdfast.core.usage_totals import UsageTotals
from holdfast.runtime.prices import default_prices

__all__ = ["UsageTracker"]


class UsageTracker(UsageTotals):
    """`UsageTotals` that finds prices by itself, unless it is given some."""

    def __init__(
        self, turns: Iterable[tuple[str, UsageSnapshot]] = (), *, prices: Prices | None = None
    ) -> None:
        super().__init__(turns, prices=default_prices() if prices is None else prices)
