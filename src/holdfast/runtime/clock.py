"""The time that sessions live in: read and waited for in one place, so that a test can own it."""

from __future__ import annotations

import asyncio
import time
from typing import Final, Protocol

__all__ = ["SYSTEM_CLOCK", "Clock", "SystemClock"]


class Clock(Protocol):
    """Time in seconds. A fake one answers both `sleep` and `asleep` by moving itself on."""

    def monotonic(self) -> float:
        """Never runs backwards; deadlines, budgets and rate limits are measured on it."""
        ...

    def unix(self) -> float:
        """Seconds since 1970, to read a Retry-After that is a date."""
        ...

    def sleep(self, seconds: float, /) -> None: ...

    async def asleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's time."""

    __slots__ = ()
    monotonic = staticmethod(time.monotonic)
    unix = staticmethod(time.time)
    sleep = staticmethod(time.sleep)

    async def asleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


SYSTEM_CLOCK: Final = SystemClock()
