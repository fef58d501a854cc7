"""A streamed turn: the steps of a turn around a call whose result comes in parts.

Until the first part is there the call may be tried again and elsewhere; once something was passed on, an error
ends the stream as it is. What was used is counted on every way out: as reported, and what came after the last
report by its length.
"""

from __future__ import annotations

from math import ceil
from typing import Final

from holdfast.core.failures import classify
from holdfast.core.flow import Call, Deliver, Flow, Next, Outcome, Raised, Returned, StreamEnd, Target
from holdfast.core.pricing import Cost
from holdfast.core.recovery_flow import Attempt, GaveUp
from holdfast.core.stream_text import text_of
from holdfast.core.turn import NO_READING, Turn, TurnDone, TurnParts, TurnRequest
from holdfast.core.usage import NO_USAGE, UsageSnapshot
from holdfast.core.usage_readers import StreamUsage, UsageReading

__all__ = ["StreamedTurn"]

_WINDOW: Final = 4096
"""How many characters before a new part guardrails look at, so that a long stream does not cost its square."""


class StreamedTurn:
    """One streamed turn under way. `run` is its flow; `text` and `chunks` are what came so far."""

    __slots__ = ("_meter", "_parts", "_pieces", "_request", "_tail", "_turn", "chunks")

    def __init__(self, parts: TurnParts, request: TurnRequest) -> None:
        self._parts = parts
        self._request = request
        self._turn = Turn(parts, request)
        self._meter = StreamUsage()
        self._pieces: list[str] = []
        self._tail = ""
        self.chunks = 0

    @property
    def usage(self) -> UsageSnapshot | None:
        """What was used; None until the end."""
        return self._turn.usage

    @property
    def cost(self) -> Cost | None:
        return self._turn.cost

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    def run(self) -> Flow[TurnDone]:
        turn = self._turn
        yield from turn.begin()
        try:
            turn.announce()
            opened = yield from turn.recovered(self._open)
            if isinstance(opened, GaveUp):
                return turn.fail(opened)
            broken = yield from self._pass_on(opened.value)
            if broken is not None:
                return self._broken(broken, opened.attempts)
            self._parts.guards.unchanged(self.text, turn.model)
            return turn.complete(self.text, self._reading(), opened.attempts)
        except GeneratorExit:
            turn.leave(self.text, self._reading())
            raise
        except BaseException as error:
            if self.chunks:
                turn.settle(self._reading(), error)
            turn.abort(error)
            raise

    def _open(self, target: Target, number: int) -> Flow[Outcome]:
        """A call as far as its first part: `Returned` with the source and that part, None for an empty stream."""
        turn = self._turn
        refusal = yield from turn.open_attempt(target, number)
        if refusal is not None:
            return refusal
        opened = turn.judged((yield Call(target=target, number=number, seconds=turn.left())))
        if isinstance(opened, Raised):
            return opened
        first = yield Next(source=opened.value, seconds=turn.left())
        if isinstance(first, Raised) and isinstance(first.error, StreamEnd):
            first = Returned(value=_Opened(opened.value, None), started=first.started, ended=first.ended)
        elif isinstance(first, Returned):
            first = Returned(value=_Opened(opened.value, first), started=first.started, ended=first.ended)
        return turn.judged(first)

    def _pass_on(self, opened: object) -> Flow[Raised | None]:
        """Every part, looked at and handed on; `Raised` where the source broke off."""
        if not isinstance(opened, _Opened) or opened.first is None:
            return None
        chunk: object = opened.first.value
        turn = self._turn
        while True:
            self._take(chunk)
            yield Deliver(chunk=chunk)
            reply = yield Next(source=opened.source, seconds=turn.left())
            if isinstance(reply, Raised):
                return None if isinstance(reply.error, StreamEnd) else reply
            chunk = reply.value if isinstance(reply, Returned) else None

    def _take(self, chunk: object) -> None:
        self.chunks += 1
        self._meter.add(chunk)
        text = text_of(chunk)
        if text:
            self._pieces.append(text)
            self._tail = f"{self._tail}{text}"[-_WINDOW - len(text) :]
            self._parts.guards.unchanged(self._tail, self._turn.model)

    def _reading(self) -> UsageReading:
        request = self._request
        if request.usage is not None:
            return UsageReading(usage=request.usage)
        if request.read is not None:
            taken = request.read(self.text)
            if taken is not None:
                return UsageReading(usage=taken)
        reading = self._meter.reading()
        characters = sum(map(len, self._pieces))
        if characters and (reading is None or reading.usage == NO_USAGE):
            # Parts that are plain strings, say, report nothing: about four characters are a token.
            return UsageReading(usage=UsageSnapshot(output_tokens=ceil(characters / 4)), estimated=True)
        return reading or NO_READING

    def _broken(self, outcome: Raised, attempts: tuple[Attempt, ...]) -> TurnDone:
        turn = self._turn
        outcome = turn.in_time(outcome)
        turn.settle(self._reading(), outcome.error)
        failure = classify(outcome.error, unix_now=outcome.unix_now)
        return turn.fail(GaveUp(error=outcome.error, failure=failure, attempts=attempts))


class _Opened:
    """A stream and its first part."""

    __slots__ = ("first", "source")

    def __init__(self, source: object, first: Returned | None) -> None:
        self.source = source
        self.first = first
