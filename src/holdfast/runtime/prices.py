"""The prices that sessions use: those registered here first, then the maintained table of `genai-prices`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from holdfast.core.pricing import Cost, ModelPricing, PriceQuote, Prices, PriceTier, PricingTable, cost_of
from holdfast.core.usage import UsageSnapshot

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

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
    """The table of `genai-prices`, loaded at the first look-up.

    Names are tried as they are, then as the spellings of routers and clouds (`openai/gpt-4o`,
    `us.anthropic.claude-…-v1:0`, `models/gemini-…`). Prices that hold from a date or at an hour of day are
    those of `clock()`. A model that is priced by anything but tokens and requests has no price here.
    """

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._models: dict[str, ModelInfo | None] = {}
        self._pricing: dict[int, tuple[ModelPrice, ModelPricing | None]] = {}

    def quote(self, model: str) -> PriceQuote | None:
        if model in self._models:
            info = self._models[model]
        else:
            if len(self._models) >= _CACHED_MODELS:  # names may come from anywhere: no process grows by them
                self._models.clear()
            info = self._models[model] = _look_up(model)
        if info is None:
            return None
        prices = info.get_prices(self._clock()) if isinstance(info.prices, list) else info.prices
        known = self._pricing.get(id(prices))
        if known is None:
            known = self._pricing[id(prices)] = (prices, _convert(prices))
        return None if known[1] is None else PriceQuote(known[1], _version())


@cache
def _version() -> str:
    import genai_prices

    return f"genai-prices {genai_prices.__version__}"


def _look_up(model: str) -> ModelInfo | None:
    from genai_prices.data_snapshot import get_snapshot

    for name, provider in _spellings(model.strip().lower()):
        try:
            return get_snapshot().find_provider_model(name, None, provider, None)[1]
        except LookupError:
            continue
    return None


def _spellings(model: str) -> Iterator[tuple[str, str | None]]:
    if not model:
        return
    yield model, None
    head, slash, rest = model.partition("/")
    if slash:
        yield rest, head
        yield model, "openrouter"
        yield from _spellings(rest)
    elif "." in model:
        yield model, "aws"


def _convert(prices: ModelPrice) -> ModelPricing | None:
    """Our form of a price; None where some of it cannot be told from counts of tokens."""
    keys = {key for key, value in vars(prices).items() if value is not None}
    if not keys & {"input_mtok", "output_mtok"} or "output_reasoning_mtok" in keys:
        return None
    nothing = Decimal(0)
    input_rate = prices.input_mtok or nothing
    output_rate = prices.output_mtok or nothing
    # Where a kind of cached token has no price of its own, it costs what any other input does.
    write_rate = input_rate if prices.cache_write_mtok is None else prices.cache_write_mtok
    read_rate = input_rate if prices.cache_read_mtok is None else prices.cache_read_mtok
    rates = (input_rate, output_rate, write_rate, read_rate)
    starts = sorted({tier.start for rate in rates if not isinstance(rate, Decimal) for tier in rate.tiers})
    return ModelPricing(
        _at(input_rate, 0),
        _at(output_rate, 0),
        _at(write_rate, 0),
        _at(read_rate, 0),
        per_request=_at(prices.requests_kcount or nothing, 0) / 1000,
        tiers=tuple(
            PriceTier(
                above=start,
                input_per_million=_at(input_rate, start + 1),
                output_per_million=_at(output_rate, start + 1),
                cache_write_per_million=_at(write_rate, start + 1),
                cache_read_per_million=_at(read_rate, start + 1),
            )
            for start in starts
        ),
    )


def _at(rate: Decimal | TieredPrices, prompt_tokens: int) -> float:
    """The rate of a call whose prompt has so many tokens."""
    if isinstance(rate, Decimal):
        return float(rate)
    applying = [tier.price for tier in rate.tiers if prompt_tokens > tier.start]
    return float(applying[-1] if applying else rate.base)
