"""The prices that sessions use: those registered here first, then the maintained table of `genai-prices`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

from holdfast.core.catalogue import PriceCatalogue
from holdfast.core.pricing import Cost, ModelPricing, PriceQuote, Prices, PricingTable, cost_of
from holdfast.core.usage import UsageSnapshot

__all__ = [
    "PRICING_TABLE",
    "CataloguePrices",
    "PriceBook",
    "cost",
    "default_prices",
    "has_pricing",
    "load_pricing_from_file",
    "register_pricing",
]

_log = logging.getLogger("holdfast.prices")

PRICING_TABLE: Final = PricingTable(version="registered")
"""The prices registered in this process. They win over the maintained table, by prefix too."""

_CACHED_MODELS: Final = 1024


def register_pricing(model: str, pricing: ModelPricing) -> None:
    """Set the price of `model`, and of every model whose name starts so, for this process."""
    PRICING_TABLE[model] = pricing


def load_pricing_from_file(path: str | Path) -> None:
    """Register the prices of a JSON file: `{"<model>": {"input_per_million": …, "output_per_million": …}}`.

    A file that cannot be read raises `OSError`, one of another shape `InvalidInputError`; then nothing of it
    is registered.
    """
    PRICING_TABLE.update(PricingTable.from_json(Path(path).read_bytes()))


def has_pricing(model: str) -> bool:
    return default_prices().find(model) is not None


def cost(model: str, usage: UsageSnapshot) -> Cost:
    """What a call cost, by the prices of this process."""
    return cost_of(default_prices(), model, usage)


@cache
def default_prices() -> PriceBook:
    """The one price book of this process. The first look-up of a model that is not registered loads the
    maintained table (a fifth of a second, once)."""
    return PriceBook(PRICING_TABLE, CataloguePrices())


class PriceBook:
    """Several sources of prices, asked in order. A model that none of them knows is logged, once."""

    def __init__(self, *sources: Prices) -> None:
        self._sources = sources
        self._warned: set[str] = set()

    def find(self, model: str) -> PriceQuote | None:
        """As `quote`, without a word in the log."""
        for source in self._sources:
            quote = source.quote(model)
            if quote is not None:
                return quote
        return None

    def quote(self, model: str) -> PriceQuote | None:
        quote = self.find(model)
        if quote is None and model not in self._warned and len(self._warned) < _CACHED_MODELS:
            self._warned.add(model)
            _log.warning("no price is known for model %r: its cost is unknown (see register_pricing)", model)
        return quote


class CataloguePrices:
    """The table of `genai-prices` as a source of prices: those that hold at `clock()`."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._catalogue = PriceCatalogue()

    def quote(self, model: str) -> PriceQuote | None:
        return self._catalogue.quote_at(model, self._clock().timestamp())
