"""The thread that keeps the search index up with the record, and gives way to recording."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from holdfast.errors import StoreUnavailableError
from holdfast.server.services.searching.indexing import Indexing
from holdfast.server.stores.base import Store
from holdfast.server.stores.search.index import SearchIndex

__all__ = ["Indexer"]

_log: Final = logging.getLogger("holdfast.server")
_POLL: Final = 5.0
"""Seconds after which it looks for itself: another server may have died over its work."""
_GATHER: Final = 0.5
"""Seconds it waits for more: the end of a span often follows its start."""
_BUSY: Final = 500.0
"""Operations a second from which on recording goes first."""
_REST: Final = 4.0
"""It then rests so many times as long as it worked: a fifth of one core is all it takes."""
_EASE: Final = 0.5
"""And so many times when nothing is recorded: readers want to be served meanwhile."""


class Indexer:
    """Owns its thread until `close`. What is then not yet taken in is taken in after the next start."""

    def __init__(self, store: Store, index: SearchIndex) -> None:
        self._index = index
        self._work = Indexing(store, index)
        self._committed = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._wake.set()  # a former process may have left work
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="holdfast-indexer", daemon=True)
        self._thread.start()

    def committed(self, operations: int) -> None:
        """Called after every commit of recorded operations."""
        with self._lock:
            self._committed += operations
        self._wake.set()

    def close(self) -> None:
        self._closing.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(_POLL)
            self._wake.clear()
            self._closing.wait(_GATHER)
            try:
                while not self._closing.is_set() and self._step():
                    pass
            except StoreUnavailableError as error:
                _log.warning("the search index waits: %s", error)
                self._closing.wait(_POLL)
            except Exception:  # noqa: BLE001 - the record is kept without its index
                _log.exception("indexing failed; it is tried again")
                self._closing.wait(_POLL)

    def _step(self) -> bool:
        """Whether there may be more to do."""
        began, before = time.monotonic(), self._seen()
        if self._work.step() is None and not self._index.tidy():
            return False
        spent = time.monotonic() - began
        busy = self._seen() - before > _BUSY * spent
        self._closing.wait((_REST if busy else _EASE) * spent)
        return True

    def _seen(self) -> int:
        with self._lock:
            return self._committed
