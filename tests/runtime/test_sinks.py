"""The sinks that need nothing else, and the drivers under them."""

from __future__ import annotations

import pytest

from holdfast.core.flow import Call, Command, Flow, Returned, Target
from holdfast.errors import InvalidInputError
from holdfast.runtime import (
    DEFAULT_RING_CAPACITY,
    AgentEvent,
    MultiEventSink,
    MultiUsageSink,
    NoopEventSink,
    NoopUsageSink,
    RingBufferEventSink,
    RingBufferUsageSink,
    UsageSnapshot,
)
from holdfast.runtime.drivers import drive

EVENT = AgentEvent.started("r", "p")


def test_ring_buffers_drop_the_oldest() -> None:
    """A ring keeps its latest entries and hands out copies; `clear` empties it."""
    ring, usage = RingBufferEventSink(capacity=2), RingBufferUsageSink(capacity=2)
    for number in range(3):
        ring.emit(EVENT.with_detail(str(number)))
        usage.record("m", UsageSnapshot(number), None)
    assert [event.detail for event in ring.events] == ["1", "2"]
    assert usage.records == [("m", UsageSnapshot(1), None), ("m", UsageSnapshot(2), None)]
    ring.events.clear()
    assert len(ring.events) == 2
    ring.clear()
    usage.clear()
    assert (ring.events, usage.records) == ([], [])
    assert RingBufferEventSink().capacity == DEFAULT_RING_CAPACITY == 1000


def test_ring_of_nothing() -> None:
    """A ring that could keep nothing is refused."""
    with pytest.raises(InvalidInputError):
        RingBufferEventSink(0)


class Broken:
    def emit(self, event: AgentEvent) -> None:
        raise RuntimeError("event")

    def record(self, model: str, usage: UsageSnapshot, cost_usd: float | None) -> None:
        raise RuntimeError("usage")


def test_multi_sinks_reach_all() -> None:
    """One sink that raises does not keep the others from hearing; its error comes out afterwards."""
    events, usage = RingBufferEventSink(), RingBufferUsageSink()
    with pytest.raises(RuntimeError, match="event"):
        MultiEventSink([Broken(), NoopEventSink(), events]).emit(EVENT)
    with pytest.raises(RuntimeError, match="usage"):
        MultiUsageSink([Broken(), NoopUsageSink(), usage]).record("m", UsageSnapshot(), 0.5)
    assert events.events == [EVENT]
    assert usage.records == [("m", UsageSnapshot(), 0.5)]


def test_driver_throws_what_strikes_it_into_the_flow() -> None:
    """An interruption while a command is carried out runs the flow's `finally` blocks."""
    released: list[str] = []

    def flow() -> Flow[str]:
        try:
            reply = yield Call(target=Target(name="a"))
            return str(reply.value) if isinstance(reply, Returned) else ""
        finally:
            released.append("yes")

    def interrupted(command: Command) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drive(flow(), interrupted)
    assert released == ["yes"]
    assert drive(flow(), lambda command: Returned(value="v", started=0.0, ended=0.0)) == "v"
