"""The usage sink as this API knows it: costs are numbers, always."""

from __future__ import annotations

from math import nan
from typing import Protocol

from holdfast.core import usage as core
from techrevati.runtime.usage_tracking import UsageSnapshot, as_snapshot

__all__ = ["NumericUsageSink", "UsageSink"]


class UsageSink(Protocol):
    """Receives the usage of every turn. `cost_usd` is not a number (`nan`) where the price is not known: the
    original said 0, which adds up to a wrong sum."""

    def record(self, model: str, usage: UsageSnapshot, cost_usd: float) -> None: ...


class NumericUsageSink:
    """A sink of this API as Holdfast wants one."""

    def __init__(self, sink: UsageSink) -> None:
        self._sink = sink

    def record(self, model: str, usage: core.UsageSnapshot, cost_usd: float | None) -> None:
        self._sink.record(model, as_snapshot(usage), nan if cost_usd is None else cost_usd)
