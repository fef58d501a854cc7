"""A server for Holdfast's client that answers every request in one mood, by `… moody_server PORT MOOD`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

MOODS: dict[str, tuple[int, bytes]] = {
    "up": (200, b'{"status":"success","accepted":0,"outputs":{}}'),
    "slow": (200, b'{"status":"success","accepted":0,"outputs":{}}'),
    "500": (500, b'{"status":"error","code":"internal_error","message":"in a mood"}'),
    "422": (422, b'{"status":"error","code":"validation_errors","message":"in a mood"}'),
    "garbage": (200, b"<html>please log in to this network</html>"),
}
SLOW_SECONDS = 0.2


def app(mood: str) -> Callable[..., Awaitable[None]]:
    code, body = MOODS[mood]

    async def answer(scope: dict[str, Any], receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body", False):
            pass
        if mood == "slow" and scope["method"] == "POST":
            await asyncio.sleep(SLOW_SECONDS)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": code, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


if __name__ == "__main__":
    uvicorn.run(app(sys.argv[2]), port=int(sys.argv[1]), lifespan="off", log_level="critical")
