"""The thread that erases: what was asked for, what was begun and not ended, and what its time is over for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from time import monotonic
from typing import Final

from holdfast.errors import StoreUnavailableError
from holdfast.server.services.forgetting.erasing import ErasureWork
from holdfast.server.services.forgetting.retention import Retention
from holdfast.server.stores.base import Store
from holdfast.server.stores.forgetting.tombstones import drop_tombstones

__all__ = ["TOMBSTONE_DAYS", "Eraser"]

_log: Final = logging.getLogger("holdfast.server")
TOMBSTONE_DAYS: Final = 90
"""For how long what arrives for an erased run is known to be too late."""
_DAY_NS: Final = 86_400_000_000_000
_RETRY_SECONDS: Final = 60.0
_LEAST_PAUSE: Final = 0.005


class Eraser:
    """Owns its thread; `close` ends it between two transactions. What is left is done after the next start.

    `every` is in seconds: how often it looks whose time is over. `agent_gone` is called after an agent, and so
    its tokens, was taken away.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], int],
        *,
        every: float = 3600.0,
        agent_gone: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._every = every
        self._work = ErasureWork(store, clock, pause=self._pause, agent_gone=agent_gone)
        self._retention = Retention(store, clock)
        self._closing = threading.Event()
        self._changed = threading.Condition()
        self._asked: list[Future[None]] = []
        self._began = monotonic()
        self._thread = threading.Thread(target=self._run, name="holdfast-eraser", daemon=True)
        self._thread.start()

    def wake(self) -> Future[None]:
        """Begin now. Done when all that had been asked for before this call is, or has failed for now."""
        done: Future[None] = Future()
        with self._changed:
            self._asked.append(done)
            self._changed.notify()
        return done

    def close(self) -> None:
        self._closing.set()
        with self._changed:
            self._changed.notify()
        self._thread.join()
        for done in self._asked:
            done.cancel()

    def _run(self) -> None:
        wait = 0.0
        due = monotonic()
        while not self._closing.is_set():
            with self._changed:
                self._changed.wait_for(lambda: bool(self._asked) or self._closing.is_set(), wait)
                asked, self._asked = self._asked, []
            try:
                if monotonic() >= due:
                    self._retention.ask()
                    self._forget()
                    due = monotonic() + self._every
                self._began = monotonic()
                self._work.carry_on()
                wait = max(0.0, due - monotonic())
            except StoreUnavailableError as error:
                _log.warning("erasing waits: %s", error)
                wait = _RETRY_SECONDS
            except Exception:  # noqa: BLE001 - what is left is tried again
                _log.exception("erasing failed; it is tried again")
                wait = _RETRY_SECONDS
            for done in asked:
                done.set_result(None)

    def _pause(self) -> bool:
        """Half the time belongs to the others: the lock of the writers is not a fair one."""
        worked = monotonic() - self._began
        ending = self._closing.wait(max(_LEAST_PAUSE, min(worked, 1.0)))
        self._began = monotonic()
        return not ending

    def _forget(self) -> None:
        with self._store.write() as transaction:
            drop_tombstones(transaction.connection, self._clock() - TOMBSTONE_DAYS * _DAY_NS)
