"""What tokens cost: prices as data, and costs that say where they come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from math import isfinite
from threading import Lock
from typing import Final, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from holdfast.core.usage import UsageSnapshot
from holdfast.errors import InvalidInputError
from holdfast.wire.vocabulary import CostSource

__all__ = [
    "UNKNOWN_COST",
    "Cost",
    "CostSource",
    "ModelPricing",
    "NoPrices",
    "PriceQuote",
    "PriceTier",
    "Prices",
    "PricingTable",
    "cost_of",
]


class Cost(Struct, frozen=True):
    """An amount in US dollars and where it comes from. `usd` is None where the cost is unknown, and only
    there: an unknown cost is not nothing. `version` names the price table of a computed cost."""

    usd: float | None
    source: CostSource
    version: str | None = None

    def __post_init__(self) -> None:
        if (self.usd is None) is not (self.source is CostSource.UNKNOWN):
            raise InvalidInputError("usd", f"{self.usd} does not go with the source {self.source.value!r}")
        if self.usd is not None and not (isfinite(self.usd) and self.usd >= 0):
            raise InvalidInputError("usd", f"{self.usd} is not an amount", "give a number of 0 or more")

    @property
    def known(self) -> bool:
        return self.usd is not None


UNKNOWN_COST: Final = Cost(None, CostSource.UNKNOWN)


_MOST_USD: Final = 1e12


class PriceTier(Struct, frozen=True, kw_only=True):
    """The prices per million that hold for the whole call once its prompt is longer than `above` tokens."""

    above: int
    input_per_million: float
    output_per_million: float
    cache_write_per_million: float
    cache_read_per_million: float


class ModelPricing(Struct, frozen=True):
    """Prices of one model in US dollars per million tokens. `per_request` is added once to each call; `tiers`
    are in rising order of `above`, and the last one that applies replaces all four prices."""

    input_per_million: float
    output_per_million: float
    cache_write_per_million: float = 0.0
    cache_read_per_million: float = 0.0
    per_request: float = 0.0
    tiers: tuple[PriceTier, ...] = ()

    def __post_init__(self) -> None:
        for price in (self, *self.tiers):
            for name, value in asdict(price).items():
                if isinstance(value, (int, float)) and not 0 <= value <= _MOST_USD:
                    raise InvalidInputError(name, f"{value} is not a price", "give a number from 0 to 1e12")

    def cost(self, usage: UsageSnapshot) -> float:
        """US dollars for one call."""
        price: ModelPricing | PriceTier = self
        if self.tiers:
            prompt = usage.prompt_tokens
            for tier in self.tiers:
                if prompt > tier.above:
                    price = tier
        return (
            usage.input_tokens * price.input_per_million
            + usage.output_tokens * price.output_per_million
            + usage.cache_write_tokens * price.cache_write_per_million
            + usage.cache_read_tokens * price.cache_read_per_million
        ) / 1_000_000 + self.per_request


class PriceQuote(Struct, frozen=True):
    """The prices that hold for a model now, and the version of the table that they stand in."""

    pricing: ModelPricing
    version: str


class Prices(Protocol):
    """Whatever knows prices."""

    def quote(self, model: str) -> PriceQuote | None:
        """The prices of `model`, or None where they are not known. Never raises for a name it does not know;
        is quick when the same model is asked for again; threads may call it."""
        ...


class NoPrices:
    """Knows no price: every cost is unknown."""

    __slots__ = ()

    def quote(self, model: str) -> PriceQuote | None:
        return None


def cost_of(prices: Prices, model: str, usage: UsageSnapshot) -> Cost:
    """The computed cost of a call, or `UNKNOWN_COST` for a model without a price."""
    quote = prices.quote(model)
    if quote is None:
        return UNKNOWN_COST
    return Cost(quote.pricing.cost(usage), CostSource.COMPUTED, quote.version)


class PricingTable(MutableMapping[str, ModelPricing]):
    """Prices by model name, as a mapping in which names have no case. `find` looks for a name's own entry,
    else for the longest entry that it starts with: `gpt-4o-2024-08-06` finds `gpt-4o`, and would find `gpt-4`
    were that all there is. Threads may share a table."""

    def __init__(self, entries: Mapping[str, ModelPricing] | None = None, *, version: str = "custom") -> None:
        self.version = version
        self._lock = Lock()
        self._entries: dict[str, ModelPricing] = {}
        self.update(entries or {})

    def find(self, model: str) -> ModelPricing | None:
        entries = self._entries
        found = entries.get(model)  # most callers write it as the table does
        if found is None and entries:
            name = _name(model)
            starts = [name] if name in entries else [entry for entry in entries if name.startswith(entry)]
            found = entries[max(starts, key=len)] if starts else None
        return found

    def quote(self, model: str) -> PriceQuote | None:
        pricing = self.find(model)
        return None if pricing is None else PriceQuote(pricing, self.version)

    def __getitem__(self, model: str) -> ModelPricing:
        return self._entries[_name(model)]

    def __setitem__(self, model: str, pricing: ModelPricing) -> None:
        if not _name(model):
            raise InvalidInputError("model", "is empty", "an empty name would be the start of every other")
        with self._lock:  # readers go through the entries without a lock, so these are replaced, not changed
            self._entries = {**self._entries, _name(model): pricing}

    def __delitem__(self, model: str) -> None:
        with self._lock:
            entries = dict(self._entries)
            del entries[_name(model)]
            self._entries = entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @classmethod
    def from_json(cls, data: bytes | str, *, version: str = "custom") -> PricingTable:
        """A table from `{"<model>": {"input_per_million": …, "output_per_million": …, …}, …}`.

        What is not of that shape raises `InvalidInputError` naming the place.
        """
        try:
            return cls(msgspec.json.decode(data, type=dict[str, ModelPricing]), version=version)
        except msgspec.DecodeError as error:
            raise InvalidInputError("prices", str(error)) from None


def _name(model: str) -> str:
    return model.strip().lower()
