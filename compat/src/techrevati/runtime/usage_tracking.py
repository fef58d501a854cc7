"""Usage, prices and budgets, which are Holdfast's own but for the shape that a snapshot writes."""

from __future__ import annotations

from msgspec.structs import asdict

from holdfast.core import usage as core
from holdfast.core.pricing import ModelPricing
from holdfast.runtime import BudgetExceededError, UsageTracker
from holdfast.runtime.prices import PRICING_TABLE, has_pricing, load_pricing_from_file, register_pricing

__all__ = [
    "PRICING_TABLE",
    "BudgetExceededError",
    "ModelPricing",
    "UsageSnapshot",
    "UsageTracker",
    "as_snapshot",
    "has_pricing",
    "load_pricing_from_file",
    "register_pricing",
]


class UsageSnapshot(core.UsageSnapshot, frozen=True):
    """Token counts. `reasoning_tokens`, which the original did not have, are written where there are any."""

    def to_dict(self) -> dict[str, int]:
        shaped = super().to_dict()
        if not self.reasoning_tokens:
            del shaped["reasoning_tokens"]
        return shaped


def as_snapshot(usage: core.UsageSnapshot) -> UsageSnapshot:
    """The same counts, as this API's class."""
    return usage if isinstance(usage, UsageSnapshot) else UsageSnapshot(**asdict(usage))
