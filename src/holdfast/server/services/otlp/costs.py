"""What a model call cost, by the maintained price table, where its instrumentation does not say it."""

from __future__ import annotations

from typing import Final

from holdfast.core.catalogue import PriceCatalogue
from holdfast.core.pricing import PriceQuote
from holdfast.core.usage import UsageSnapshot
from holdfast.errors import InvalidInputError
from holdfast.server.services.otlp.records import Attributes
from holdfast.wire import attributes as names
from holdfast.wire.vocabulary import CostSource

__all__ = ["Costs"]

_catalogue: Final = PriceCatalogue()
"""Loaded by the first model call that needs it, in the thread that decodes its request."""
_NEW_NAMES: Final = 50


class Costs:
    """For one request: names of models come from anybody, and new ones take time. Of those beyond fifty the cost
    stays unknown."""

    def __init__(self) -> None:
        self._new = _NEW_NAMES

    def add(self, attributes: Attributes, at: int) -> None:
        """Put the computed cost, and the version of the table, beside the tokens of a call at that time
        (nanoseconds since 1970). Without tokens, or for a model without a price, the cost stays unknown."""
        if names.COST_USD in attributes or names.COST_SOURCE in attributes:
            return
        usage = _usage(attributes)
        if usage is None:
            return
        for name in (names.RESPONSE_MODEL, names.REQUEST_MODEL):
            model = attributes.get(name)
            quote = self._quote(model, at / 1e9) if isinstance(model, str) else None
            if quote is not None:
                attributes[names.COST_USD] = quote.pricing.cost(usage)
                attributes[names.COST_SOURCE] = CostSource.COMPUTED.value
                attributes[names.COST_VERSION] = quote.version
                return

    def _quote(self, model: str, unix_seconds: float) -> PriceQuote | None:
        if not _catalogue.has_met(model):
            if not self._new:
                return None
            self._new -= 1
        return _catalogue.quote_at(model, unix_seconds)


def _usage(attributes: Attributes) -> UsageSnapshot | None:
    sent, output = _count(attributes, names.INPUT_TOKENS), _count(attributes, names.OUTPUT_TOKENS)
    if sent is None and output is None:
        return None
    read = _count(attributes, names.CACHE_READ_TOKENS) or 0
    written = _count(attributes, names.CACHE_WRITE_TOKENS) or 0
    fresh = sent or 0
    # The conventions count cached tokens among those sent; some instrumentations leave them out.
    if read + written <= fresh:
        fresh -= read + written
    try:
        return UsageSnapshot(fresh, output or 0, written, read)
    except InvalidInputError:
        return None


def _count(attributes: Attributes, name: str) -> int | None:
    value = attributes.get(name)
    return int(value) if isinstance(value, int | float) and value >= 0 else None
