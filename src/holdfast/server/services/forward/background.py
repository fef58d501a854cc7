"""Forwarding beside a running server, in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Final

from holdfast.errors import ForwardingError, ForwardingStopped, StoreError
from holdfast.server.config import ServerConfig
from holdfast.server.services.forward.forwarder import Forwarder, Forwarding
from holdfast.server.services.forward.receiver import Receiver, headers_in
from holdfast.server.services.forward.spans import ForwardOptions
from holdfast.server.services.setup import DEFAULT_ACCOUNT
from holdfast.server.stores.base import Store
from holdfast.server.stores.reads.forward import ForwardFilter, Place

__all__ = ["BackgroundForwarding", "forwarding"]

_log: Final = logging.getLogger("holdfast.server")
_AGAIN: Final = 20.0
"""Seconds until the next try where another process forwards, or something went wrong."""


@contextmanager
def forwarding(config: ServerConfig, store: Store, clock: Callable[[], int]) -> Generator[None]:
    """For the length of the block forward what the settings ask for, if anything: runs of the default account
    that settle from now on; `holdfast forward` sends the earlier ones. Raises `InvalidInputError` for an
    address or headers that cannot be used."""
    if config.forward_to is None:
        yield
        return
    receiver = Receiver(config.forward_to, headers_in(config.forward_headers or ""))
    what = Forwarding(
        wanted=ForwardFilter(account_id=DEFAULT_ACCOUNT),
        options=ForwardOptions(content=config.forward_content, newest=config.forward_newest),
        start=Place(clock(), 0),
    )
    background = BackgroundForwarding(store, receiver, what, clock)
    try:
        yield
    finally:
        background.close()


class BackgroundForwarding:
    """Owns its thread and the receiver; `close` ends both within the receiver's timeout. Of several servers on
    one record one forwards at a time; another takes over within a minute."""

    def __init__(
        self, store: Store, receiver: Receiver, forwarding: Forwarding, clock: Callable[[], int]
    ) -> None:
        self._store = store
        self._receiver = receiver
        self._forwarding = forwarding
        self._clock = clock
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="holdfast-forwarder", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self._receiver.close()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._forward()
            except ForwardingStopped:
                return
            except (ForwardingError, StoreError) as error:
                _log.warning("forwarding pauses: %s", error)
            except Exception:  # noqa: BLE001 - one odd run must not end forwarding for good without a word
                _log.exception("forwarding failed; it is tried again")
            self._closing.wait(_AGAIN)

    def _forward(self) -> None:
        forwarder = Forwarder(
            self._store,
            self._receiver,
            self._forwarding,
            clock=self._clock,
            wait=self._closing.wait,
            patient=True,
        )
        if not forwarder.open():
            return
        try:
            forwarder.follow()
        finally:
            with suppress(StoreError):
                forwarder.close()
