"""The maintained price table of `genai-prices`, loaded at the first look-up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Final

from holdfast.core.pricing import ModelPricing, PriceQuote, PriceTier

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

__all__ = ["PriceCatalogue"]

_CACHED_MODELS: Final = 1024
_LONGEST_NAME: Final = 200
_DEEPEST: Final = 4
"""Parts before slashes, such as those of `openrouter/anthropic/…`."""


class PriceCatalogue:
    """The table of `genai-prices`. Threads may share one.

    Names are tried as they are, then as the spellings of routers and clouds (`openai/gpt-4o`,
    `us.anthropic.claude-…-v1:0`, `models/gemini-…`). A model that is priced by anything but tokens and requests
    has no price here.
    """

    def __init__(self) -> None:
        self._models: dict[str, ModelInfo | None] = {}
        self._pricing: dict[int, tuple[ModelPrice, ModelPricing | None]] = {}

    def has_met(self, model: str) -> bool:
        """Whether the name has been looked up before: the first time takes a millisecond, later ones a
        thousandth of it."""
        return model in self._models

    def quote_at(self, model: str, unix_seconds: float) -> PriceQuote | None:
        """The prices that held then, for models whose prices change with the date or the hour of day."""
        if model in self._models:
            info = self._models[model]
        elif len(model) > _LONGEST_NAME:
            return None
        else:
            if len(self._models) >= _CACHED_MODELS:  # names may come from anywhere: no process grows by them
                self._models.clear()
            info = self._models[model] = _look_up(model)
        if info is None:
            return None
        prices = info.prices
        if isinstance(prices, list):
            prices = info.get_prices(datetime.fromtimestamp(unix_seconds, UTC))
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
    for _ in range(_DEEPEST):
        if not model:
            return
        yield model, None
        head, slash, rest = model.partition("/")
        if not slash:
            break
        yield rest, head
        yield model, "openrouter"
        model = rest
    if "." in model:
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
