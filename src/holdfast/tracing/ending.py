"""The end of a process, and its forks: nothing stays open that can be ended, and nobody ends what is
another's.
"""

from __future__ import annotations

import atexit
import os
from typing import Final, Protocol

from holdfast.tracing.failure import unhandled

__all__ = ["register", "unregister"]


class Ending(Protocol):
    def end_runs(self, error: BaseException | None) -> None: ...
    def close(self) -> bool: ...
    def after_fork(self) -> None: ...


_open: Final[dict[int, Ending]] = {}
_watching_forks = False


def register(client: Ending) -> None:
    """Have `client` ended with the process. It is kept alive until `unregister`.

    To be called after its sink has registered its own end: the last to register is the first to end.
    """
    global _watching_forks
    _open[id(client)] = client
    atexit.register(_end, id(client))
    if not _watching_forks and hasattr(os, "register_at_fork"):
        _watching_forks = True
        os.register_at_fork(after_in_child=_after_fork)


def unregister(client: Ending) -> None:
    _open.pop(id(client), None)


def _end(key: int) -> None:
    client = _open.get(key)
    if client is not None:
        client.end_runs(unhandled())
        client.close()


def _after_fork() -> None:
    for client in list(_open.values()):
        client.after_fork()
