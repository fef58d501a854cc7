"""A streamed turn as its reader sees it: an iterator that also knows what was used."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Generator, Iterable, Mapping
from inspect import isawaitable
from types import TracebackType
from typing import Final, Generic, Self, TypeVar, cast

from holdfast.core.pricing import Cost
from holdfast.core.stream_turn import StreamedTurn
from holdfast.core.turn import TurnDone
from holdfast.core.usage import UsageSnapshot
from holdfast.runtime.drivers import adrive_stream, drive_stream
from holdfast.runtime.hands import AsyncHands, HandKit, Hands, Work

__all__ = ["AsyncTurnStream", "TurnStream"]

_LOG: Final = logging.getLogger("holdfast")
T = TypeVar("T")


class TurnStream(Generic[T]):
    """The parts of a result, once, as the model library gives them.

    Nothing happens before the first part is asked for. Until it is there a failure is recovered from as in any
    turn; one that comes later is raised as it is. `close`, the end of a `with`, or breaking off the loop ends
    the turn: what came so far is counted. `usage` and `cost` are None until the end.
    """

    def __init__(self, turn: StreamedTurn, kit: HandKit, works: Mapping[str, Work]) -> None:
        self._turn = turn
        self._opened: list[object] = []
        self._hands = Hands(kit, {name: self._opening(work) for name, work in works.items()})
        self._parts = self._read()

    @property
    def text(self) -> str:
        """The text so far."""
        return self._turn.text

    @property
    def usage(self) -> UsageSnapshot | None:
        return self._turn.usage

    @property
    def cost(self) -> Cost | None:
        return self._turn.cost

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        return next(self._parts)

    def close(self) -> None:
        self._parts.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _opening(self, work: Work) -> Callable[[], object]:
        def opened() -> object:
            source = work()
            if isawaitable(source):
                return source  # refused where it is seen
            self._opened.append(source)
            return iter(cast("Iterable[object]", source))

        return opened

    def _read(self) -> Generator[T, None, None]:
        try:
            done = yield from cast(
                "Generator[T, None, TurnDone]", drive_stream(self._turn.run(), self._hands.perform)
            )
        finally:
            for source in self._opened:
                _close(source)
        if done.error is not None:
            raise done.error


class AsyncTurnStream(Generic[T]):
    """As `TurnStream`, for `async for` and `async with`. A task that breaks off the loop should close it, or leave
    that to `async with`: the event loop closes forgotten ones late."""

    def __init__(self, turn: StreamedTurn, kit: HandKit, works: Mapping[str, Work]) -> None:
        self._turn = turn
        self._opened: list[object] = []
        self._hands = AsyncHands(kit, {name: self._opening(work) for name, work in works.items()})
        self._parts = self._read()

    @property
    def text(self) -> str:
        """The text so far."""
        return self._turn.text

    @property
    def usage(self) -> UsageSnapshot | None:
        return self._turn.usage

    @property
    def cost(self) -> Cost | None:
        return self._turn.cost

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        return await anext(self._parts)

    async def aclose(self) -> None:
        await self._parts.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _opening(self, work: Work) -> Callable[[], Awaitable[object]]:
        async def opened() -> object:
            source = work()
            if isawaitable(source):
                source = await source
            self._opened.append(source)
            return aiter(cast("AsyncIterable[object]", source))

        return opened

    async def _read(self) -> AsyncGenerator[T, None]:
        ended: list[TurnDone] = []
        inner = adrive_stream(self._turn.run(), self._hands.perform, ended.append)
        try:
            async for part in inner:
                yield cast("T", part)
        finally:
            await inner.aclose()
            for source in self._opened:
                await _aclose(source)
        if ended and ended[0].error is not None:
            raise ended[0].error


def _close(source: object) -> None:
    close = getattr(source, "close", None)
    if callable(close):
        try:
            close()
        except Exception:  # noqa: BLE001 - closing is a courtesy: what was read stays read
            _LOG.warning("a model's stream could not be closed", exc_info=True)


async def _aclose(source: object) -> None:
    close = getattr(source, "aclose", None) or getattr(source, "close", None)
    if callable(close):
        try:
            closing: object = close()
            if isawaitable(closing):
                await closing
        except Exception:  # noqa: BLE001 - closing is a courtesy: what was read stays read
            _LOG.warning("a model's stream could not be closed", exc_info=True)
