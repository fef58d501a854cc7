"""Those who look at live runs, woken when something of them changes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection, Generator
from contextlib import contextmanager, suppress

from holdfast.server.stores.base import Store

__all__ = ["Follower", "Followers"]


class Follower:
    """One who waits, in the event loop that made it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """From any thread."""
        with suppress(RuntimeError):  # the loop has been closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._changed.set)

    async def change(self, *, within: float) -> bool:
        """Whether there was a change since the last call; waits for one, so many seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._changed.wait()
        woken = self._changed.is_set()
        self._changed.clear()
        return woken


class Followers:
    """Of all runs, by their keys. Costs a commit nothing where nobody follows."""

    def __init__(self, store: Store) -> None:
        self._lock = threading.Lock()
        self._by_run: dict[int, set[Follower]] = {}
        store.watch(self._told)

    @contextmanager
    def follow(self, key: int) -> Generator[Follower]:
        """To be entered before reading what is followed: later changes are then told."""
        follower = Follower()
        with self._lock:
            self._by_run.setdefault(key, set()).add(follower)
        try:
            yield follower
        finally:
            with self._lock:
                others = self._by_run[key]
                others.discard(follower)
                if not others:
                    del self._by_run[key]

    def _told(self, keys: Collection[int] | None) -> None:
        if not self._by_run:
            return
        with self._lock:
            found = self._by_run.keys() if keys is None else self._by_run.keys() & keys
            woken = [follower for key in found for follower in self._by_run[key]]
        for follower in woken:
            follower.wake()
