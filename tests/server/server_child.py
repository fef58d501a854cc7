"""A server in a process of its own, to be killed: `server_child.py <data directory>` prints address and token."""

from __future__ import annotations

import sys
from pathlib import Path

from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, serve


def _tell(listening: Listening) -> None:
    print(listening.url, listening.token, flush=True)


if __name__ == "__main__":
    serve(ServerConfig(data=Path(sys.argv[1]), port=0), ready=_tell)
