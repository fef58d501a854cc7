"""The session that async code uses: the same steps, driven by tasks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from typing import TypeVar, Unpack, cast

from holdfast.core.stream_turn import StreamedTurn
from holdfast.core.tool_call import ToolRun
from holdfast.core.turn import Turn
from holdfast.core.usage import UsageSnapshot
from holdfast.errors import RunTerminated
from holdfast.runtime.drivers import adrive
from holdfast.runtime.hands import AsyncHands
from holdfast.runtime.requests import ToolCall, ToolResult, TurnOptions, tool_request, turn_request
from holdfast.runtime.session_base import SessionBase
from holdfast.runtime.streams import AsyncTurnStream

__all__ = ["AsyncOrchestrationSession"]

T = TypeVar("T")


class AsyncOrchestrationSession(SessionBase):
    """See `SessionBase`; this one takes functions that return coroutines. A deadline or a cancellation cancels
    the call, and gives back all that the step held."""

    __slots__ = ()

    async def arun_turn(
        self,
        coro_factory: Callable[[], Awaitable[T]],
        model: str = "",
        usage: UsageSnapshot | None = None,
        estimate_usage: Callable[[T], UsageSnapshot] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - it bounds the turn, recovery included
        **options: Unpack[TurnOptions],
    ) -> tuple[T, UsageSnapshot]:
        """As `OrchestrationSession.run_turn`."""
        parts = self._parts
        turns, request, works = turn_request(
            parts, coro_factory, model, usage, estimate_usage, timeout, options
        )
        done = await adrive(Turn(turns, request).run(), AsyncHands(parts.kit, works).perform)
        if done.error is not None:
            raise done.error
        return cast("T", done.value), done.usage

    def astream_turn(
        self,
        fn: Callable[[], AsyncIterable[T] | Awaitable[AsyncIterable[T]]],
        model: str = "",
        usage: UsageSnapshot | None = None,
        estimate_usage: Callable[[str], UsageSnapshot] | None = None,
        timeout: float | None = None,
        **options: Unpack[TurnOptions],
    ) -> AsyncTurnStream[T]:
        """As `OrchestrationSession.stream_turn`: iterate with `async for`. `fn` returns an async iterable, or a
        coroutine that gives one."""
        parts = self._parts
        turns, request, works = turn_request(parts, fn, model, usage, estimate_usage, timeout, options)
        return AsyncTurnStream(StreamedTurn(turns, request), parts.kit, works)

    async def arun_tool(
        self,
        tool_name: str,
        coro_factory: Callable[..., Awaitable[T]],
        arguments: Mapping[str, object] | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - its end is a ToolTimeoutError
        call_id: str | None = None,
    ) -> T:
        """As `OrchestrationSession.run_tool`."""
        return await self._run(ToolCall(tool_name, coro_factory, arguments, call_id, timeout))

    async def arun_tools(
        self, calls: Sequence[ToolCall[Awaitable[T]]], *, limit: int | None = None
    ) -> list[ToolResult[T]]:
        """As `OrchestrationSession.run_tools`, in tasks. A cancellation cancels them all."""
        free = asyncio.Semaphore(self._parts.setup.limits.parallel_tools if limit is None else max(1, limit))

        async def one(call: ToolCall[Awaitable[T]]) -> ToolResult[T]:
            async with free:
                return await self._result(call)

        begun = [asyncio.ensure_future(one(call)) for call in calls]
        try:
            return await asyncio.gather(*begun)
        except BaseException:
            for task in begun:
                task.cancel()
            await asyncio.gather(*begun, return_exceptions=True)
            raise

    async def pause_for_input(self, prompt: str, *, timeout: float | None = None) -> str:  # noqa: ASYNC109
        """As `OrchestrationSession.pause_for_input`; the answer may come from any thread or task."""
        return await self._parts.inputs.aask(prompt, timeout)

    async def _run(self, call: ToolCall[Awaitable[T]]) -> T:
        parts = self._parts
        run = ToolRun(parts.tools, tool_request(call))
        done = await adrive(run.run(), AsyncHands(parts.kit, {call.name: call.fn}).perform)
        if done.error is not None:
            raise done.error
        return cast("T", done.value)

    async def _result(self, call: ToolCall[Awaitable[T]]) -> ToolResult[T]:
        try:
            value = await self._run(call)
            return ToolResult(call, value)
        except RunTerminated:
            raise
        except Exception as error:  # noqa: BLE001 - it is the result
            return ToolResult(call, error=error)
