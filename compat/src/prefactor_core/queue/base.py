"""What a queue must do, for those who bring their own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

__all__ = ["Queue", "QueueClosedError"]

T = TypeVar("T")


class QueueClosedError(Exception):
    """The queue is closed: nothing can be put any more, and all that was in it has been taken."""


class Queue(ABC, Generic[T]):
    """First in, first out."""

    @abstractmethod
    async def put(self, item: T) -> None:
        """Add `item`. Raises `QueueClosedError` after `close`."""

    @abstractmethod
    async def get(self) -> T:
        """The oldest item, waited for. After `close`: what is left, then `QueueClosedError`."""

    @abstractmethod
    def size(self) -> int:
        """How many items wait."""

    @abstractmethod
    async def close(self, num_waiters: int = 1) -> None:
        """Take no more. `num_waiters` is how many `get` calls may be waiting and must be woken."""

    @property
    @abstractmethod
    def closed(self) -> bool:
        """Whether `close` was called."""
