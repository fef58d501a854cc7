"""The embedded store: one SQLite file in WAL mode, one writing connection, any number of reading ones."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, text
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import NullPool, QueuePool

from holdfast.errors import StoreError, StoreUnavailableError
from holdfast.server.stores.migrate import upgrade
from holdfast.server.stores.run_news import RunNews, RunsChanged
from holdfast.server.stores.sqlite_write import SqliteTransaction

__all__ = ["SqliteStore"]

_BUSY_MS: Final = 10_000
_WRITER_PRAGMAS: Final = (
    "PRAGMA page_size = 8192",  # before the first table only; later it does nothing
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # a commit has reached the disk when it returns
    "PRAGMA foreign_keys = OFF",  # the write path makes parents first; checking costs a lookup per row
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -65536",
    "PRAGMA wal_autocheckpoint = 4000",
    f"PRAGMA busy_timeout = {_BUSY_MS}",
)
_READER_PRAGMAS: Final = (
    "PRAGMA query_only = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -32768",
    "PRAGMA mmap_size = 1073741824",
    f"PRAGMA busy_timeout = {_BUSY_MS}",
)
_PASSING: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
    }
)
"""What may keep a read from the file for a while; anything else is a mistake of ours."""


class SqliteStore:
    """A `Store` in the file `path`, made with today's schema or brought to it. Files and a directory that it
    makes are for their owner only.

    Raises `StoreError` where the file cannot be opened, is not a database, or is of a newer Holdfast.
    """

    def __init__(self, path: Path) -> None:
        _make_private(path)
        self._path = path
        self._lock = threading.Lock()
        self._news = RunNews()
        self._write_engine = _engine(path, _WRITER_PRAGMAS, pooled=False)
        self._reader = _engine(path, _READER_PRAGMAS, pooled=True)

        @event.listens_for(self._reader, "handle_error")
        def _translate(context: ExceptionContext) -> None:  # pyright: ignore[reportUnusedFunction] - called by the engine
            error = context.original_exception
            if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF in _PASSING:
                raise _unavailable(path, error) from error

        try:
            self._connection: Connection = self._write_engine.connect()
            with self._connection.begin():
                upgrade(self._connection)
        except DatabaseError as error:
            raise StoreError(str(path), f"cannot be used: {error.orig}") from None
        self._file = _identity(path)

    @property
    def reader(self) -> Engine:
        return self._reader

    @contextmanager
    def write(self) -> Generator[SqliteTransaction]:
        if _identity(self._path) != self._file:
            # the file that is open has no name any more: what is written to it would be gone with us
            raise StoreUnavailableError(str(self._path), "has been removed or replaced; restart the server")
        try:
            with self._lock, self._connection.begin():
                driver = cast("sqlite3.Connection", self._connection.connection.driver_connection)
                transaction = SqliteTransaction(self._connection, driver)
                yield transaction
        except (sqlite3.OperationalError, OperationalError) as error:
            raise _unavailable(self._path, error) from error
        self._news.tell(transaction.runs_changed)

    def watch(self, told: RunsChanged) -> None:
        self._news.listen(told)

    def close(self) -> None:
        with self._lock:
            self._connection.close()
            self._write_engine.dispose()
            self._reader.dispose()


def _unavailable(path: Path, error: sqlite3.OperationalError | OperationalError) -> StoreUnavailableError:
    return StoreUnavailableError(str(path), str(error.orig if isinstance(error, OperationalError) else error))


def _make_private(path: Path) -> None:
    """Before the first connection: SQLite gives the files beside the database its permissions."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            # never opened where it exists: closing it again would let go of SQLite's locks in this process
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            path.chmod(0o600)
    except OSError as error:
        raise StoreError(str(path), f"cannot be used: {error.strerror}") from None


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells the file from another of the same name; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _engine(path: Path, pragmas: tuple[str, ...], *, pooled: bool) -> Engine:
    engine = create_engine(
        "sqlite+pysqlite://",
        # mode=rw: a file that has been removed is not made anew, empty, by the next reader
        creator=lambda: sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            check_same_thread=False,
            isolation_level=None,
            cached_statements=256,
        ),
        poolclass=QueuePool if pooled else NullPool,
        **({"pool_size": 8, "max_overflow": 24} if pooled else {}),
    )

    @event.listens_for(engine, "connect")
    def _set_up(connection: sqlite3.Connection, _record: Any) -> None:  # pyright: ignore[reportUnusedFunction] - called by the engine
        for pragma in pragmas:
            connection.execute(pragma).close()

    # `isolation_level=None` leaves transactions to us: the driver's own begin only before some
    # statements, so that a read and the write that depends on it could lie in two transactions.
    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:  # pyright: ignore[reportUnusedFunction] - called by the engine
        connection.execute(text("BEGIN" if pooled else "BEGIN IMMEDIATE"))

    return engine
