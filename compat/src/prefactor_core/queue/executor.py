"""Workers that take items off a queue."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any

from prefactor_core.queue.base import Queue, QueueClosedError

__all__ = ["TaskExecutor"]

_log = logging.getLogger("prefactor_core")
_LONGEST_WAIT_S = 60.0


class TaskExecutor:
    """`num_workers` tasks that hand each item of `queue` to `handler`.

    An item whose handler raises is tried `max_retries` times more, after waits that double from
    `retry_delay_base` seconds (half of each wait is random); then it is logged and given up. Other items
    may overtake it meanwhile.
    """

    def __init__(
        self,
        queue: Queue[Any],
        handler: Callable[[Any], Awaitable[None]],
        num_workers: int = 3,
        max_retries: int = 3,
        *,
        retry_delay_base: float = 1.0,
    ) -> None:
        self._queue = queue
        self._handler = handler
        self._num_workers = num_workers
        self._max_retries = max_retries
        self._retry_delay_base = retry_delay_base
        self._workers: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start the workers in the running event loop. A second call does nothing."""
        if not self._workers:
            self._workers = [asyncio.create_task(self._work()) for _ in range(self._num_workers)]

    async def stop(self) -> None:
        """Close the queue and return once all that was in it has been handled or given up."""
        await self._queue.close(self._num_workers)
        workers, self._workers = self._workers, []
        if workers:
            await asyncio.gather(*workers)

    async def _work(self) -> None:
        while True:
            try:
                item = await self._queue.get()
            except QueueClosedError:
                return
            await self._handle(item)

    async def _handle(self, item: Any) -> None:
        for attempt in range(self._max_retries + 1):
            try:
                await self._handler(item)
                return
            except Exception as error:  # noqa: BLE001 - one bad item must not end the worker
                if attempt == self._max_retries:
                    _log.error("gave up %r after %d attempts: %s", item, attempt + 1, error)
                    return
                wait = min(self._retry_delay_base * 2**attempt, _LONGEST_WAIT_S)
                await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load
