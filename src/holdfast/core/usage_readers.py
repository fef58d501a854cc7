"""Usage out of what model libraries answer: their response objects, or the same as dicts, and their streams.

Recognised by shape, so nothing need be installed: OpenAI chat and responses (and all who speak them: Azure,
Groq, DeepSeek, OpenRouter, xAI, vLLM, …), Anthropic, Google, Bedrock Converse, Mistral, Cohere, Ollama and
LangChain messages. Where a provider's prompt count includes cached tokens they are taken out of it, and where
its output count leaves reasoning out that is added: `UsageSnapshot` says what the fields mean here.
"""

from __future__ import annotations

from contextlib import suppress
from math import ceil

from msgspec import Struct

from holdfast.core.pricing import Cost
from holdfast.core.usage import NO_USAGE, UsageSnapshot
from holdfast.core.usage_shapes import Counts, characters, find_counts, is_opening, model_of
from holdfast.wire.vocabulary import CostSource

__all__ = ["StreamUsage", "UsageReading", "read_usage"]


class UsageReading(Struct, frozen=True, kw_only=True):
    """What was read. `reported_usd` is the cost where the provider states it; `model` is the name that
    answered. `estimated` says that some output was counted by its characters, four to a token, because the
    stream broke off before it was reported."""

    usage: UsageSnapshot
    model: str | None = None
    reported_usd: float | None = None
    estimated: bool = False

    @property
    def cost(self) -> Cost | None:
        """The stated cost, as such; None where there is none and prices must tell."""
        return None if self.reported_usd is None else Cost(self.reported_usd, CostSource.REPORTED)


def read_usage(response: object) -> UsageReading | None:
    """The usage of one whole response, or of a bare usage object; None where none is found.

    Never raises, whatever the object: properties that raise are taken for missing.
    """
    try:
        counts = find_counts(response)
        if counts is None:
            return None
        usd = counts.values.get("usd")
        return UsageReading(usage=counts.usage(), model=model_of(response), reported_usd=usd)
    except Exception:  # noqa: BLE001 - a foreign object may raise even when asked what it is
        return None


class StreamUsage:
    """Usage of a stream, from its chunks or events as they pass: `add` each, then read.

    What providers send late or bit by bit is put together. A stream that breaks off keeps what was reported
    until then, and the text that came after is estimated.
    """

    def __init__(self) -> None:
        self._counts: Counts | None = None
        self._summed = NO_USAGE
        self._model: str | None = None
        self._unreported_characters = 0

    def add(self, chunk: object) -> None:
        """Never raises."""
        with suppress(Exception):  # a foreign object may raise even when asked what it is
            self._add(chunk)

    def _add(self, chunk: object) -> None:
        self._unreported_characters += characters(chunk)
        self._model = model_of(chunk) or self._model
        counts = find_counts(chunk)
        if counts is None:
            return
        if "output" in counts.values and not is_opening(chunk):
            self._unreported_characters = 0
        if counts.adds_up:
            self._summed += counts.usage()
        elif self._counts is None:
            self._counts = counts
        else:
            self._counts.values.update(counts.values)

    def reading(self) -> UsageReading | None:
        """What is known so far; None where the stream has brought neither usage nor text."""
        usage = self._summed + (NO_USAGE if self._counts is None else self._counts.usage())
        estimated = self._unreported_characters > 0
        if estimated:
            usage += UsageSnapshot(output_tokens=ceil(self._unreported_characters / 4))
        if usage == NO_USAGE and self._counts is None:
            return None
        usd = None if self._counts is None or estimated else self._counts.values.get("usd")
        return UsageReading(usage=usage, model=self._model, reported_usd=usd, estimated=estimated)
