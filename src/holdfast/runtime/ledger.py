"""Where the usage of a session's turns goes: the running totals and the usage sink."""

from __future__ import annotations

import logging
from typing import Final

from holdfast.core.pricing import UNKNOWN_COST, Cost, Prices, cost_of
from holdfast.core.usage import UsageSnapshot
from holdfast.core.usage_totals import UsageTotals
from holdfast.runtime.sinks import UsageSink

__all__ = ["Ledger"]

_LOG: Final = logging.getLogger("holdfast")


class Ledger:
    """Prices usage and passes it on. Prices or a sink that raise are logged the first time and passed over."""

    __slots__ = ("_prices", "_sink", "_told", "_totals")

    def __init__(self, prices: Prices, totals: UsageTotals, sink: UsageSink) -> None:
        self._prices = prices
        self._totals = totals
        self._sink = sink
        self._told: set[str] = set()

    def price(self, model: str, usage: UsageSnapshot) -> Cost:
        """Unknown where the prices raise, too: the call is paid for, and its result must not be lost."""
        try:
            return cost_of(self._prices, model, usage)
        except Exception as error:  # noqa: BLE001 - prices may be an application's own
            self._raised("prices", error)
            return UNKNOWN_COST

    def record(self, model: str, usage: UsageSnapshot, cost: Cost) -> None:
        self._totals.record_turn(model, usage, cost)
        try:
            self._sink.record(model, usage, cost.usd)
        except Exception as error:  # noqa: BLE001 - a sink that raises never breaks a session
            self._raised("usage sink", error)

    def _raised(self, what: str, error: Exception) -> None:
        if what not in self._told:
            self._told.add(what)
            _LOG.warning("the %s raised; the session goes on without it", what, exc_info=error)
