"""The session that plain code uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TypeVar, Unpack, cast

from holdfast.core.stream_turn import StreamedTurn
from holdfast.core.tool_call import ToolRun
from holdfast.core.turn import Turn
from holdfast.core.usage import UsageSnapshot
from holdfast.errors import RunTerminated
from holdfast.runtime.drivers import drive
from holdfast.runtime.hands import Hands
from holdfast.runtime.requests import ToolCall, ToolResult, TurnOptions, tool_request, turn_request
from holdfast.runtime.session_base import SessionBase
from holdfast.runtime.streams import TurnStream

__all__ = ["OrchestrationSession"]

T = TypeVar("T")


class OrchestrationSession(SessionBase):
    """See `SessionBase`; this one calls plain functions and blocks the calling thread where it waits."""

    __slots__ = ()

    def run_turn(
        self,
        fn: Callable[[], T],
        model: str = "",
        usage: UsageSnapshot | None = None,
        estimate_usage: Callable[[T], UsageSnapshot] | None = None,
        timeout: float | None = None,
        **options: Unpack[TurnOptions],
    ) -> tuple[T, UsageSnapshot]:
        """One model call under all controls: its result and usage.

        `usage` is known beforehand or `estimate_usage` takes it from the result; without both it is read from what
        model libraries answer. `timeout` bounds the turn with all its attempts, in seconds; with one the call
        runs in a thread of its own, which is left behind when it is late.

        Raises what refuses the turn (a `SupervisionError`), or the error of the last attempt, whose `attempts`
        say what was tried (`holdfast.runtime.attempts_of`).
        """
        parts = self._parts
        turns, request, works = turn_request(parts, fn, model, usage, estimate_usage, timeout, options)
        done = drive(Turn(turns, request).run(), Hands(parts.kit, works).perform)
        if done.error is not None:
            raise done.error
        return cast("T", done.value), done.usage

    def stream_turn(
        self,
        fn: Callable[[], Iterable[T]],
        model: str = "",
        usage: UsageSnapshot | None = None,
        estimate_usage: Callable[[str], UsageSnapshot] | None = None,
        timeout: float | None = None,
        **options: Unpack[TurnOptions],
    ) -> TurnStream[T]:
        """One model call whose result comes in parts: iterate over what this returns. The turn begins with the
        first part and ends with the last, or where the reader goes away; see `TurnStream`."""
        parts = self._parts
        turns, request, works = turn_request(parts, fn, model, usage, estimate_usage, timeout, options)
        return TurnStream(StreamedTurn(turns, request), parts.kit, works)

    def run_tool(
        self,
        tool_name: str,
        fn: Callable[..., T],
        arguments: Mapping[str, object] | None = None,
        *,
        timeout: float | None = None,
        call_id: str | None = None,
    ) -> T:
        """One tool call under all controls. With `arguments` these are what guardrails see, and `fn` is called
        with them by name, as the guardrails left them.

        Raises what refuses the call (a `SupervisionError`) or what the tool raises. A tool is never repeated.
        """
        return self._run(ToolCall(tool_name, fn, arguments, call_id, timeout))

    def run_tools(self, calls: Sequence[ToolCall[T]], *, limit: int | None = None) -> list[ToolResult[T]]:
        """Several tool calls side by side in threads, at most `limit` (by default the orchestrator's
        `parallel_tools`) at a time; each under all controls. The results are in the order of the calls, refusals
        and errors among them. `RunTerminated` is raised once the calls that had begun are done."""
        bound = self._parts.setup.limits.parallel_tools if limit is None else max(1, limit)
        if len(calls) < 2 or bound == 1:
            return [self._result(call) for call in calls]
        pool = ThreadPoolExecutor(min(bound, len(calls)), thread_name_prefix="holdfast-tool")
        try:
            begun = [pool.submit(copy_context().run, self._result, call) for call in calls]
            wait(begun, return_when=FIRST_EXCEPTION)
            return [one.result() for one in begun]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def pause_for_input(self, prompt: str, *, timeout: float | None = None) -> str:
        """Ask a human, and wait for `provide_input` from another thread. Raises `TimeoutError` after `timeout`
        seconds, `InputPendingError` where a question is open already."""
        return self._parts.inputs.ask(prompt, timeout)

    def _run(self, call: ToolCall[T]) -> T:
        parts = self._parts
        run = ToolRun(parts.tools, tool_request(call))
        done = drive(run.run(), Hands(parts.kit, {call.name: call.fn}).perform)
        if done.error is not None:
            raise done.error
        return cast("T", done.value)

    def _result(self, call: ToolCall[T]) -> ToolResult[T]:
        try:
            return ToolResult(call, self._run(call))
        except RunTerminated:
            raise
        except Exception as error:  # noqa: BLE001 - it is the result
            return ToolResult(call, error=error)
