"""An unbounded queue in memory. What is in it dies with the process."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TypeVar

from prefactor_core.queue.base import Queue, QueueClosedError

__all__ = ["InMemoryQueue"]

T = TypeVar("T")


class InMemoryQueue(Queue[T]):
    """First in, first out, for the tasks of one event loop."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._changed = asyncio.Condition()
        self._closed = False

    async def put(self, item: T) -> None:
        async with self._changed:
            if self._closed:
                raise QueueClosedError("the queue is closed")
            self._items.append(item)
            self._changed.notify()

    async def get(self) -> T:
        async with self._changed:
            await self._changed.wait_for(lambda: self._items or self._closed)
            if not self._items:
                raise QueueClosedError("the queue is closed and empty")
            return self._items.popleft()

    def size(self) -> int:
        return len(self._items)

    async def close(self, num_waiters: int = 1) -> None:
        """Take no more. Every waiting `get` is woken, however many: `num_waiters` need not be right."""
        del num_waiters
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        return self._closed
