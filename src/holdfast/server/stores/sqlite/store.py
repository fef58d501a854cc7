"""The embedded store: one SQLite file in WAL mode, one writing connection, any number of reading ones."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Generator
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage
from typing import Any, Final, cast

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, text
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import NullPool, QueuePool

from holdfast.errors import StoreError, StoreUnavailableError
from holdfast.server.stores.clickhouse.reads import MovedPart
from holdfast.server.stores.migrate import upgrade
from holdfast.server.stores.run_news import RunNews, RunsChanged
from holdfast.server.stores.sqlite.file import file_identity, make_private
from holdfast.server.stores.sqlite.write import SqliteTransaction

__all__ = ["SqliteStore"]

_BUSY_MS: Final = 10_000
_SPARE: Final = 64 << 20
_LOG_IN_USE: Final = (
    "the write-ahead log could not be emptied, because somebody still reads an older state of it"
)
_WRITER_PRAGMAS: Final = (
    "PRAGMA page_size = 8192",  # before the first table only; later it does nothing
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # a commit has reached the disk when it returns
    "PRAGMA foreign_keys = OFF",  # the write path makes parents first; checking costs a lookup per row
    "PRAGMA secure_delete = ON",  # what is deleted or replaced is overwritten in its page
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
        make_private(path)
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
        self._file = file_identity(path)

    @property
    def reader(self) -> Engine:
        return self._reader

    @contextmanager
    def write(self) -> Generator[SqliteTransaction]:
        if file_identity(self._path) != self._file:
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

    def scrub(self) -> str | None:
        """`secure_delete` overwrites a deleted row where it lies, but pages that were split or freed before
        may hold older copies of it: only a file written anew surely has none. Needs as much room again."""
        size = self._path.stat().st_size
        if disk_usage(self._path.parent).free < 2 * size + _SPARE:
            return f"the file was not rewritten: that takes {2 * size:,} bytes of free disk beside it"
        with self._lock:
            driver = cast("sqlite3.Connection", self._connection.connection.driver_connection)
            try:
                driver.execute("PRAGMA temp_store = FILE")  # a copy of the whole file
                driver.execute("VACUUM")
                busy = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            except sqlite3.OperationalError as error:
                return f"the file was not rewritten: {error}"
            finally:
                driver.execute("PRAGMA temp_store = MEMORY")
        return _LOG_IN_USE if busy else None

    def moved_parts(self, connection: Connection, keys: Collection[int]) -> dict[int, MovedPart]:
        return {}

    def moved_list(self, connection: Connection) -> None:
        """Nothing lies elsewhere."""

    def close(self) -> None:
        with self._lock:
            self._connection.close()
            self._write_engine.dispose()
            self._reader.dispose()


def _unavailable(path: Path, error: sqlite3.OperationalError | OperationalError) -> StoreUnavailableError:
    return StoreUnavailableError(str(path), str(error.orig if isinstance(error, OperationalError) else error))


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
