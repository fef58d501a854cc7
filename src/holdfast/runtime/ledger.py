"""Where the usage of a session's turns goes: the running totals and the usage sink."""

from __future__ import annotations

import logging
from typing import Final

from holdfast.core.pricing import Cost, Prices, cost_of
from holdfast.core.usage import UsageSnapshot
from holdfast.core.usage_totals import UsageTotals
from holdfast.runtime.sinks import UsageSink

__all__ = ["Ledger"]

_LOG: Final = logging.getLogger("holdfast")


class Ledger:
    """Prices usage and passes it on. A sink that raises is logged the first time and passed over."""

    __slots__ = ("_prices", "_sink", "_sink_raised", "_totals")

    def __init__(self, prices: Prices, totals: UsageTotals, sink: UsageSink) -> None:
        self._prices = prices
        self._totals = totals
        self._sink = sink
        self._sink_raised = False

    def price(self, model: str, usage: UsageSnapshot) -> Cost:
        return cost_of(self._prices, model, usage)

    def record(self, model: str, usage: UsageSnapshot, cost: Cost) -> None:
        self._totals.record_turn(model, usage, cost)
        try:
            self._sink.record(model, usage, cost.usd)
        except Exception as error:  # noqa: BLE001 - a sink that raises never breaks a session
            if not self._sink_raised:
                self._sink_raised = True
                _LOG.warning("the usage sink raised; the session goes on without it", exc_info=error)
