"""Sinks, which are Holdfast's own."""

from holdfast.runtime import (
    DEFAULT_RING_CAPACITY,
    EventSink,
    NoopEventSink,
    NoopUsageSink,
    RingBufferEventSink,
    RingBufferUsageSink,
)
from techrevati.runtime.usage_sink import UsageSink

__all__ = [
    "DEFAULT_RING_CAPACITY",
    "EventSink",
    "NoopEventSink",
    "NoopUsageSink",
    "RingBufferEventSink",
    "RingBufferUsageSink",
    "UsageSink",
]
