"""Word about runs that changed, between the servers on one PostgreSQL database: NOTIFY and LISTEN.

It does not travel with the transaction that changed the runs: a transaction that notifies holds a lock of the
whole database while it is made durable, and the servers would wait for each other's disks. What is lost when a
server is killed in between, its readers find when they next look.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Collection, Generator
from contextlib import contextmanager, suppress
from selectors import EVENT_READ, DefaultSelector
from typing import Any, Final, cast

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from holdfast.server.stores.run_news import RunsChanged

__all__ = ["PostgresNews"]

_log: Final = logging.getLogger("holdfast.server")

_CHANNEL: Final = "holdfast_runs"
_ANY: Final = "*"
_ONE_WORD: Final = 390
"""Keys in one payload: it must be shorter than 8,000 bytes, and a key has up to 19 digits."""
_MOST: Final = 4_000
"""Keys told one by one; where more have changed, any may have."""
_SPACING: Final = 0.02
"""Seconds between two messages of one server: what changes meanwhile goes together."""
_AGAIN: Final = 1.0
_CONNECTION: Final = {
    "connect_timeout": 10,
    # a host that went away without a word is noticed within a minute
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "application_name": "holdfast news",
}


class PostgresNews:
    """Owns a thread and one connection, made again when it is lost; `close` ends both.

    `hear` is told what other servers changed, and None after a time without a connection.
    """

    def __init__(self, address: URL, hear: RunsChanged) -> None:
        self._engine = create_engine(
            address,
            poolclass=NullPool,
            pool_reset_on_return=None,  # a lost one has nothing to be reset
            isolation_level="AUTOCOMMIT",
            connect_args=_CONNECTION,
        )
        self._hear = hear
        self._lock = threading.Lock()
        self._pending: set[int] = set()
        self._any = False
        self._closing = threading.Event()
        self._bell, self._ringer = socket.socketpair()
        self._bell.setblocking(False)
        self._ringer.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="holdfast-news", daemon=True)
        self._thread.start()

    def send(self, keys: Collection[int] | None) -> None:
        """Tell the other servers, soon; this one is not told. Never waits."""
        with self._lock:
            if keys is None or len(self._pending) + len(keys) > _MOST:
                self._any = True
                self._pending.clear()
            elif not self._any:
                self._pending.update(keys)
        self._ring()

    def close(self) -> None:
        self._closing.set()
        self._ring()
        self._thread.join()
        self._bell.close()
        self._ringer.close()
        self._engine.dispose()

    def _ring(self) -> None:
        with suppress(BlockingIOError):  # it rings already
            self._ringer.send(b"!")

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                with self._connection() as connection:
                    self._talk(connection)
            except (psycopg.Error, DBAPIError) as error:
                _log.warning("live pages hear late of what other servers change: %s", _first_line(error))
                self.send(None)
                self._hear(None)
                self._closing.wait(_AGAIN)

    @contextmanager
    def _connection(self) -> Generator[psycopg.Connection[Any]]:
        pooled = self._engine.raw_connection()
        try:
            connection = cast("psycopg.Connection[Any]", pooled.driver_connection)
            connection.execute("SET synchronous_commit = off")  # what is said here needs no disk
            connection.execute(f"LISTEN {_CHANNEL}".encode())
            self._hear(None)  # what was said before is lost
            yield connection
        finally:
            pooled.close()

    def _talk(self, connection: psycopg.Connection[Any]) -> None:
        next_word = 0.0
        with DefaultSelector() as selector:
            selector.register(connection.fileno(), EVENT_READ)
            selector.register(self._bell, EVENT_READ)
            while not self._closing.is_set():
                selector.select(max(0.0, next_word - time.monotonic()) if self._waiting() else None)
                self._quiet()
                if self._waiting() and time.monotonic() >= next_word:
                    for payload in self._payloads():
                        connection.execute("SELECT pg_notify(%s, %s)", (_CHANNEL, payload))
                    next_word = time.monotonic() + _SPACING
                for word in connection.notifies(timeout=0):
                    if word.pid != connection.info.backend_pid:
                        self._hear(
                            None if word.payload == _ANY else [int(key) for key in word.payload.split(",")]
                        )

    def _waiting(self) -> bool:
        with self._lock:
            return self._any or bool(self._pending)

    def _quiet(self) -> None:
        with suppress(BlockingIOError):
            while self._bell.recv(4096):
                pass

    def _payloads(self) -> list[str]:
        """What waits, in words short enough."""
        with self._lock:
            everything, self._any = self._any, False
            keys, self._pending = self._pending, set()
        if everything:
            return [_ANY]
        words = [str(key) for key in keys]
        return [",".join(words[at : at + _ONE_WORD]) for at in range(0, len(words), _ONE_WORD)]


def _first_line(error: psycopg.Error | DBAPIError) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(cause).strip().partition("\n")[0]
