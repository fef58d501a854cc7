"""Word for the page of a live run that something of it has changed. The page then asks for what it shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from holdfast._clock import utc_now_ns
from holdfast.errors import ApiError
from holdfast.server.services.followers import Followers
from holdfast.server.services.viewing.queries import Queries
from holdfast.server.stores.reads.run_views import RunVersion
from holdfast.wire.vocabulary import ErrorCode, InstanceStatus

__all__ = ["Streams", "is_settled"]

_LOOK_EVERY: Final = 5.0
"""Word of a change can be lost, or come from where none is sent: then it is seen by looking."""
_SPACING: Final = 0.2
"""Seconds between two events: the page asks for what it shows after each."""
_ALIVE_EVERY: Final = 15.0
_LAST_WORDS_NS: Final = 20_000_000_000
"""So long after the last news of it a stopped run is still followed."""
_LONGEST: Final = 600.0
"""Seconds after which the stream ends by itself; browsers come back at once."""


def is_settled(version: RunVersion, now: int) -> bool:
    """Whether nothing more is to be expected of the run: it has ended, and one that was stopped has had the time
    to say its last words."""
    status = InstanceStatus(version.status)
    return status.final and not (
        status is InstanceStatus.TERMINATED and now - version.updated_at < _LAST_WORDS_NS
    )


class Streams:
    """The streams that are open. Each costs a read at every change of its run: beyond `most` none is opened."""

    def __init__(self, most: int = 200) -> None:
        self._most = most
        self._open = 0

    def follow(
        self, queries: Queries, followers: Followers, account_id: str, run_id: str
    ) -> AsyncGenerator[bytes]:
        """As `_follow_run`. Raises `ApiError` 503 where too many are open; the page then tries again."""
        if self._open >= self._most:
            raise ApiError(503, ErrorCode.UNAVAILABLE, "Too many pages follow live runs.", retry_after=5.0)
        return self._counted(_follow_run(queries, followers, account_id, run_id))

    async def _counted(self, events: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        self._open += 1
        try:
            async with aclosing(events):
                async for event in events:
                    yield event
        finally:
            self._open -= 1


async def _follow_run(
    queries: Queries, followers: Followers, account_id: str, run_id: str
) -> AsyncGenerator[bytes]:
    """Server-sent events: `changed` with the run's version now and at each change, `end` when it is final.

    It keeps nothing between connections: a reader who comes back, to whichever server, hears the present
    version first.
    """
    yield b"retry: 1000\n\n"
    found = await asyncio.to_thread(queries.runs.version, account_id, run_id)
    if found is None:
        return
    told = ""
    loop = asyncio.get_running_loop()
    began = spoke = loop.time()
    with followers.follow(found.key) as follower:
        while loop.time() - began < _LONGEST:
            version = await asyncio.to_thread(queries.runs.version, account_id, run_id)
            if version is None:
                return
            stamp = str(version)
            if is_settled(version, utc_now_ns()):
                yield _event("end", stamp)
                return
            if stamp != told:
                told, spoke = stamp, loop.time()
                yield _event("changed", stamp)
                await asyncio.sleep(_SPACING)
            elif loop.time() - spoke > _ALIVE_EVERY:
                spoke = loop.time()
                yield b": alive\n\n"
            await follower.change(within=_LOOK_EVERY)


def _event(name: str, stamp: str) -> bytes:
    return f"event: {name}\nid: {stamp}\ndata: {stamp}\n\n".encode()
