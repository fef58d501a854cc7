"""What carries out a flow's commands: calls functions, waits, asks hooks. One for plain code, one for tasks."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Final, TypeAlias, cast

from holdfast.core.flow import (
    Call,
    Command,
    Emit,
    Escalate,
    Next,
    Outcome,
    Park,
    Prepare,
    Raised,
    Reply,
    Returned,
    Sleep,
    StreamEnd,
)
from holdfast.core.ports import Notices
from holdfast.core.recovery import RecoveryStep
from holdfast.errors import CallTimeoutError, FlowProtocolError, InvalidInputError
from holdfast.runtime.clock import Clock
from holdfast.runtime.deadline import call_within
from holdfast.wire.agent_events import AgentEventName, AgentEventStatus

__all__ = ["AsyncHands", "EscalateHook", "HandKit", "Hands", "PrepareHook", "inside_a_call"]

_LOG: Final = logging.getLogger("holdfast")
_inside: Final[ContextVar[bool]] = ContextVar("holdfast_inside_call", default=False)

inside_a_call = _inside.get
"""Whether the code at hand runs inside a call of some session: there, waiting for a budget's room might be
waiting for oneself."""

PrepareHook: TypeAlias = Callable[[Prepare], bool | Awaitable[bool | None] | None]
"""Does a recovery step (shrinks the context, say) before the next call; False says that it could not."""

EscalateHook: TypeAlias = Callable[[Escalate], object]
"""Tells a human. What it returns is ignored, unless an async session can await it."""

Work: TypeAlias = Callable[..., object]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandKit:
    """What all flows of a session share."""

    clock: Clock
    notices: Notices
    hooks: Mapping[RecoveryStep, PrepareHook] = field(default_factory=dict[RecoveryStep, PrepareHook])
    escalate: EscalateHook | None = None

    def late(self, what: str, how: str) -> None:
        """A call that was given up on has ended after all."""
        self.notices.tell(
            AgentEventName.CALL_LATE, AgentEventStatus.RUNNING, f"{what} {how} after its time; dropped"
        )

    def hook(self, command: Prepare | Escalate) -> Work:
        """What is to be asked; nothing is done, and said to be, where the application gave no hook."""
        if isinstance(command, Prepare):
            hook = self.hooks.get(command.step)
            return (lambda: False) if hook is None else (lambda: hook(command))
        escalate = self.escalate
        return (lambda: False) if escalate is None else (lambda: escalate(command))

    def heard(self, command: Prepare | Escalate, outcome: Outcome) -> bool | None:
        """The reply to a command, from what its hook did. A hook that raises never breaks a session."""
        if isinstance(outcome, Raised):
            _LOG.error(
                "the hook for %s raised; it counts as not done",
                type(command).__name__,
                exc_info=outcome.error,
            )
        done = isinstance(outcome, Returned) and outcome.value is not False
        return done if isinstance(command, Prepare) else None

    def plain(self, command: Command) -> None:
        """The commands that never wait."""
        if not isinstance(command, Emit):
            raise FlowProtocolError("a driver", command)
        self.notices.tell(command.event, command.status, command.detail, command.data, command.failure_class)


class Hands:
    """Carries out the commands of one flow in the calling thread. `works` are its callables by target."""

    __slots__ = ("_kit", "_works")

    def __init__(self, kit: HandKit, works: Mapping[str, Work]) -> None:
        self._kit = kit
        self._works = works

    def perform(self, command: Command) -> Reply:
        if isinstance(command, Call):
            name = command.target.name
            return self._outcome(_bound(self._works[name], command), name, command.seconds)
        if isinstance(command, Next):
            source = cast("Iterator[object]", command.source)
            return self._outcome(lambda: _next_of(source), "the stream", command.seconds)
        if isinstance(command, Sleep):
            self._kit.clock.sleep(command.seconds)
            return None
        if isinstance(command, Park):
            woken = threading.Event()
            if command.enrol(woken.set):
                woken.wait(command.seconds)
            return None
        if isinstance(command, Prepare | Escalate):
            hook = self._kit.hook(command)
            return self._kit.heard(command, self._outcome(hook, "a hook", None))
        self._kit.plain(command)
        return None

    def _outcome(self, work: Work, what: str, seconds: float | None) -> Outcome:
        clock = self._kit.clock
        started = clock.monotonic()
        token = _inside.set(True)
        try:
            value = (
                work()
                if seconds is None
                else call_within(work, seconds, lambda how: self._kit.late(what, how))
            )
            if hasattr(type(value), "__await__"):  # a fifth of what isawaitable costs
                refuse_awaitable(value)
        except Exception as error:  # noqa: BLE001 - the flow decides what becomes of it
            return Raised(error=error, started=started, ended=clock.monotonic(), unix_now=clock.unix())
        finally:
            _inside.reset(token)
        return Returned(value=value, started=started, ended=clock.monotonic())


class AsyncHands:
    """Carries out the commands of one flow in the running task. A deadline cancels the call; see `Hands`."""

    __slots__ = ("_kit", "_works")

    def __init__(self, kit: HandKit, works: Mapping[str, Work]) -> None:
        self._kit = kit
        self._works = works

    async def perform(self, command: Command) -> Reply:
        if isinstance(command, Call):
            work = _bound(self._works[command.target.name], command)
            return await self._outcome(work, command.seconds)
        if isinstance(command, Next):
            source = cast("AsyncIterator[object]", command.source)
            return await self._outcome(lambda: _anext_of(source), command.seconds)
        if isinstance(command, Sleep):
            await self._kit.clock.asleep(command.seconds)
            return None
        if isinstance(command, Park):
            await _park(command)
            return None
        if isinstance(command, Prepare | Escalate):
            hook = self._kit.hook(command)
            return self._kit.heard(command, await self._outcome(lambda: _either(hook), None))
        self._kit.plain(command)
        return None

    async def _outcome(self, work: Work, seconds: float | None) -> Outcome:
        clock = self._kit.clock
        started = clock.monotonic()
        token = _inside.set(True)
        try:
            if seconds is None:
                value = await _awaited(work)
            else:
                value = await _awaited_within(work, seconds)
        except Exception as error:  # noqa: BLE001 - the flow decides what becomes of it
            return Raised(error=error, started=started, ended=clock.monotonic(), unix_now=clock.unix())
        finally:
            _inside.reset(token)
        return Returned(value=value, started=started, ended=clock.monotonic())


def refuse_awaitable(value: object) -> None:
    """Raises `InvalidInputError`, having closed the coroutine so that nobody is warned of it as well."""
    close = getattr(value, "close", None)
    if callable(close):
        close()
    raise InvalidInputError("fn", "returned a coroutine", "use the async session, or a plain function")


def _bound(work: Work, command: Call) -> Work:
    arguments = command.arguments
    return work if arguments is None else lambda: work(**arguments)


def _next_of(source: Iterator[object]) -> object:
    try:
        return next(source)
    except StopIteration:
        raise StreamEnd from None


async def _anext_of(source: AsyncIterator[object]) -> object:
    try:
        return await anext(source)
    except StopAsyncIteration:
        raise StreamEnd from None


async def _either(hook: Work) -> object:
    answer = hook()
    return await answer if isawaitable(answer) else answer


async def _awaited(work: Work) -> object:
    awaitable = work()
    if not isawaitable(awaitable):
        raise InvalidInputError(
            "coro_factory",
            f"returned {type(awaitable).__name__}, which cannot be awaited",
            "give a function that returns a coroutine",
        )
    return await awaitable


async def _awaited_within(work: Work, seconds: float) -> object:
    if seconds <= 0:
        raise CallTimeoutError(seconds)
    scope = asyncio.timeout(seconds)
    try:
        async with scope:
            return await _awaited(work)
    except TimeoutError:
        if scope.expired():
            raise CallTimeoutError(seconds) from None
        raise


async def _park(command: Park) -> None:
    loop = asyncio.get_running_loop()
    woken = asyncio.Event()

    def wake() -> None:
        try:
            loop.call_soon_threadsafe(woken.set)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return

    if command.enrol(wake):
        try:
            async with asyncio.timeout(command.seconds):
                await woken.wait()
        except TimeoutError:
            return
