"""A server in a process of its own, to be killed: `server_child.py <data directory> [database]`
prints address and token."""

from __future__ import annotations

import sys
from pathlib import Path

from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, serve


def _tell(listening: Listening) -> None:
    print(listening.url, listening.token, flush=True)


if __name__ == "__main__":
    database = sys.argv[2] if len(sys.argv) > 2 else None
    serve(ServerConfig(data=Path(sys.argv[1]), database=database, port=0), ready=_tell)
