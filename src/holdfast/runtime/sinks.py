"""Where events and usage go besides the record: the ports, and the sinks that need nothing else."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final, Protocol

from holdfast.core.usage import UsageSnapshot
from holdfast.errors import InvalidInputError
from holdfast.wire.agent_events import AgentEvent

__all__ = [
    "DEFAULT_RING_CAPACITY",
    "EventSink",
    "MultiEventSink",
    "MultiUsageSink",
    "NoopEventSink",
    "NoopUsageSink",
    "RingBufferEventSink",
    "RingBufferUsageSink",
    "UsageSink",
]

DEFAULT_RING_CAPACITY: Final = 1000


class EventSink(Protocol):
    """Receives every event of a session, in its order, on the thread of the step that caused it.

    A sink should be quick: the agent waits for it. One that raises is logged once and passed over.
    """

    def emit(self, event: AgentEvent) -> None: ...


class UsageSink(Protocol):
    """Receives the usage of every turn. `cost_usd` is None where the price is not known."""

    def record(self, model: str, usage: UsageSnapshot, cost_usd: float | None) -> None: ...


class NoopEventSink:
    """Forgets."""

    __slots__ = ()

    def emit(self, event: AgentEvent) -> None:
        del event


class NoopUsageSink:
    """Forgets."""

    __slots__ = ()

    def record(self, model: str, usage: UsageSnapshot, cost_usd: float | None) -> None:
        del model, usage, cost_usd


class RingBufferEventSink:
    """Keeps the latest `capacity` events; the oldest are dropped. Threads may share it."""

    __slots__ = ("_kept",)

    def __init__(self, capacity: int = DEFAULT_RING_CAPACITY) -> None:
        self._kept: deque[AgentEvent] = deque(maxlen=_checked(capacity))

    @property
    def capacity(self) -> int:
        return self._kept.maxlen or 0

    def emit(self, event: AgentEvent) -> None:
        self._kept.append(event)

    @property
    def events(self) -> list[AgentEvent]:
        """A copy, oldest first."""
        return list(self._kept)

    def clear(self) -> None:
        self._kept.clear()


class RingBufferUsageSink:
    """Keeps the latest `capacity` records as `(model, usage, cost_usd)`; the oldest are dropped."""

    __slots__ = ("_kept",)

    def __init__(self, capacity: int = DEFAULT_RING_CAPACITY) -> None:
        self._kept: deque[tuple[str, UsageSnapshot, float | None]] = deque(maxlen=_checked(capacity))

    @property
    def capacity(self) -> int:
        return self._kept.maxlen or 0

    def record(self, model: str, usage: UsageSnapshot, cost_usd: float | None) -> None:
        self._kept.append((model, usage, cost_usd))

    @property
    def records(self) -> list[tuple[str, UsageSnapshot, float | None]]:
        """A copy, oldest first."""
        return list(self._kept)

    def clear(self) -> None:
        self._kept.clear()


class MultiEventSink:
    """Hands each event to every one of `sinks`. Where some raise, all are still asked; then the first error
    goes to the session, which passes over it."""

    __slots__ = ("_sinks",)

    def __init__(self, sinks: Iterable[EventSink]) -> None:
        self._sinks = tuple(sinks)

    def emit(self, event: AgentEvent) -> None:
        failed: Exception | None = None
        for sink in self._sinks:
            try:
                sink.emit(event)
            except Exception as error:  # noqa: BLE001 - one sink must not keep the event from the next
                failed = failed or error
        if failed is not None:
            raise failed


class MultiUsageSink:
    """As `MultiEventSink`, for usage."""

    __slots__ = ("_sinks",)

    def __init__(self, sinks: Iterable[UsageSink]) -> None:
        self._sinks = tuple(sinks)

    def record(self, model: str, usage: UsageSnapshot, cost_usd: float | None) -> None:
        failed: Exception | None = None
        for sink in self._sinks:
            try:
                sink.record(model, usage, cost_usd)
            except Exception as error:  # noqa: BLE001 - one sink must not keep the usage from the next
                failed = failed or error
        if failed is not None:
            raise failed


def _checked(capacity: int) -> int:
    if capacity < 1:
        raise InvalidInputError("capacity", f"{capacity} would keep nothing", "say 1 or more")
    return capacity
