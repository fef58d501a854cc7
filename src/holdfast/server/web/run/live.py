"""Word for the page of a live run that something of it has changed. The page then asks for what it shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from holdfast.errors import ApiError
from holdfast.server.services.queries import Queries
from holdfast.wire.vocabulary import ErrorCode, InstanceStatus

__all__ = ["Streams"]

_LOOK_EVERY: Final = 0.5
_ALIVE_EVERY: Final = 15.0
_LONGEST: Final = 600.0
"""Seconds after which the stream ends by itself; browsers come back at once."""


class Streams:
    """The streams that are open. Each costs a read twice a second: beyond `most` none is opened."""

    def __init__(self, most: int = 100) -> None:
        self._most = most
        self._open = 0

    def follow(self, queries: Queries, account_id: str, run_id: str) -> AsyncGenerator[bytes]:
        """As `_follow_run`. Raises `ApiError` 503 where too many are open; the page then tries again."""
        if self._open >= self._most:
            raise ApiError(503, ErrorCode.UNAVAILABLE, "Too many pages follow live runs.", retry_after=5.0)
        return self._counted(_follow_run(queries, account_id, run_id))

    async def _counted(self, events: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        self._open += 1
        try:
            async with aclosing(events):
                async for event in events:
                    yield event
        finally:
            self._open -= 1


async def _follow_run(queries: Queries, account_id: str, run_id: str) -> AsyncGenerator[bytes]:
    """Server-sent events: `changed` with the run's version now and at each change, `end` when it is final.

    It reads the run's row twice a second and keeps nothing between connections: a reader who comes back,
    to whichever server, hears the present version first.
    """
    yield b"retry: 1000\n\n"
    told = ""
    loop = asyncio.get_running_loop()
    began = spoke = loop.time()
    while loop.time() - began < _LONGEST:
        version = await asyncio.to_thread(queries.runs.version, account_id, run_id)
        if version is None:
            return
        stamp = str(version)
        if InstanceStatus(version.status).final:
            yield _event("end", stamp)
            return
        if stamp != told:
            told, spoke = stamp, loop.time()
            yield _event("changed", stamp)
        elif loop.time() - spoke > _ALIVE_EVERY:
            spoke = loop.time()
            yield b": alive\n\n"
        await asyncio.sleep(_LOOK_EVERY)


def _event(name: str, stamp: str) -> bytes:
    return f"event: {name}\nid: {stamp}\ndata: {stamp}\n\n".encode()
