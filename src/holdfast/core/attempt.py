"""One attempt of a turn: its place with the circuit and its piece on the record, from admission to end."""

from __future__ import annotations

from typing import Final

from holdfast.core.breaker import Permit
from holdfast.core.flow import Target
from holdfast.core.pacing import Place
from holdfast.core.ports import NO_RECORD, Circuit, Record
from holdfast.core.pricing import Cost
from holdfast.core.usage_readers import UsageReading
from holdfast.errors import CircuitOpenError
from holdfast.wire import attributes as names
from holdfast.wire.vocabulary import SpanType

__all__ = ["AttemptPiece"]

_CHAT: Final = "chat"


class AttemptPiece:
    """Ended once, on every way out; what comes after is ignored."""

    __slots__ = ("_circuit", "_ended", "_permit", "_place", "_record")

    def __init__(
        self,
        turn: Record,
        target: Target,
        number: int,
        circuit: Circuit | None,
        place: Place | None,
        payload: object,
    ) -> None:
        """Raises `CircuitOpenError` where the circuit lets nothing through; then there is nothing to end."""
        self._place = place
        self._ended = False
        self._circuit = circuit
        try:
            self._permit: Permit | None = None if circuit is None else circuit.acquire()
        except CircuitOpenError:
            if place is not None:
                place.left()
            raise
        self._record: Record = NO_RECORD
        if turn is not NO_RECORD:
            model = target.model or target.name
            about = {names.OPERATION: _CHAT, names.REQUEST_MODEL: model, names.ATTEMPT: number}
            self._record = turn.open(SpanType.LLM, model, payload, about)

    def succeed(self, value: object, reading: UsageReading, cost: Cost) -> None:
        self._end(value, self._attributes(reading, cost), None, reading.usage.total_tokens)

    def fail(
        self, error: BaseException, reading: UsageReading | None = None, cost: Cost | None = None
    ) -> None:
        """`reading` and `cost` where it took something all the same."""
        found = None if reading is None or cost is None else self._attributes(reading, cost)
        self._end(None, found, error, 0 if reading is None else reading.usage.total_tokens)

    def _end(
        self, value: object, attributes: dict[str, object] | None, error: BaseException | None, tokens: int
    ) -> None:
        if self._ended:
            return
        self._ended = True
        if self._place is not None:
            self._place.went(tokens)
        try:
            if self._circuit is not None and self._permit is not None:
                self._circuit.settle(self._permit, error)
        finally:
            self._record.close(value, attributes, error)

    def _attributes(self, reading: UsageReading, cost: Cost) -> dict[str, object] | None:
        return None if self._record is NO_RECORD else _attributes(reading, cost)


def _attributes(reading: UsageReading, cost: Cost) -> dict[str, object]:
    usage = reading.usage
    found: dict[str, object] = {
        names.INPUT_TOKENS: usage.prompt_tokens,
        names.OUTPUT_TOKENS: usage.output_tokens,
        names.COST_SOURCE: cost.source.value,
    }
    if usage.cache_read_tokens:
        found[names.CACHE_READ_TOKENS] = usage.cache_read_tokens
    if usage.cache_write_tokens:
        found[names.CACHE_WRITE_TOKENS] = usage.cache_write_tokens
    if usage.reasoning_tokens:
        found[names.REASONING_TOKENS] = usage.reasoning_tokens
    if cost.usd is not None:
        found[names.COST_USD] = cost.usd
    if cost.version is not None:
        found[names.COST_VERSION] = cost.version
    if reading.model is not None:
        found[names.RESPONSE_MODEL] = reading.model
    return found
