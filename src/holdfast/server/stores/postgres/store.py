"""The shared store: a PostgreSQL database that any number of server processes write at once."""

from __future__ import annotations

import threading
from collections.abc import Collection, Generator
from contextlib import contextmanager
from typing import Any, Final, cast

import psycopg
from psycopg import errors
from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from holdfast.errors import StoreConflictError, StoreError, StoreUnavailableError
from holdfast.server.stores.clickhouse.reads import MovedPart
from holdfast.server.stores.migrate import upgrade
from holdfast.server.stores.postgres.news import PostgresNews
from holdfast.server.stores.postgres.text import accept_any_text
from holdfast.server.stores.postgres.write import SCRATCH_TABLES, PostgresTransaction
from holdfast.server.stores.run_news import RunNews, RunsChanged

__all__ = ["MIGRATION_LOCK", "PostgresStore"]

MIGRATION_LOCK: Final = 0x686F6C64
"""Servers that start at once wait for each other with this advisory lock: one migrates."""

_VACUUM: Final = (
    "PostgreSQL makes room of deleted rows at its next VACUUM, and keeps them in archived logs and in backups "
    "until those are dropped"
)
_CONFLICTS: Final = (
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.UniqueViolation,  # another transaction made the same thing first
    errors.ForeignKeyViolation,  # another one took away what this one refers to
)
_UNAVAILABLE: Final = (psycopg.OperationalError, psycopg.InterfaceError)


class PostgresStore:
    """A `Store` in the database at `address`, brought to today's schema.

    Runs and hourly sums are locked row by row, in the order of their keys, so that transactions of several
    servers neither lose nor repeat anything; those that meet all the same fail with `StoreConflictError`.
    Raises `StoreError` where the database cannot be reached or used, or is of a newer Holdfast.
    """

    def __init__(self, address: URL) -> None:
        self._name = address.render_as_string(hide_password=True)
        self._address = address
        self._lock = threading.Lock()
        self._news = RunNews()
        self._others: PostgresNews | None = None  # made for the first who watches: tools do without
        self._reader = self._engine(address, {"options": "-c default_transaction_read_only=on"})
        self._writer = self._engine(address, {}, pool_size=1, max_overflow=0)
        event.listen(self._writer, "connect", _make_scratch_tables)
        try:
            with _once(address) as engine, engine.begin() as connection:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
                upgrade(connection)
        except DBAPIError as error:
            raise StoreError(self._name, f"cannot be used: {str(error.orig).strip()}") from None

    @property
    def reader(self) -> Engine:
        return self._reader

    @contextmanager
    def write(self) -> Generator[PostgresTransaction]:
        try:
            with self._lock, self._writer.begin() as connection:
                driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
                transaction = PostgresTransaction(connection, driver)
                yield transaction
        except (psycopg.Error, DBAPIError) as error:
            raise self._translated(error) from error
        self._news.tell(transaction.runs_changed)
        if self._others is not None and transaction.runs_changed:
            self._others.send(transaction.runs_changed)

    def watch(self, told: RunsChanged) -> None:
        self._news.listen(told)
        with self._lock:
            if self._others is None:
                self._others = PostgresNews(self._address, self._news.tell)

    def moved_parts(self, connection: Connection, keys: Collection[int]) -> dict[int, MovedPart]:
        return {}

    def moved_list(self, connection: Connection) -> None:
        """Nothing lies elsewhere."""

    def scrub(self) -> str | None:
        return _VACUUM

    def close(self) -> None:
        if self._others is not None:
            self._others.close()
        with self._lock:
            self._writer.dispose()
            self._reader.dispose()

    def _engine(self, address: URL, arguments: dict[str, str], **pool: int) -> Engine:
        engine = create_engine(
            address,
            connect_args=arguments | {"application_name": "holdfast"},
            pool_pre_ping=True,  # a database that was restarted costs no request
            **(pool or {"pool_size": 8, "max_overflow": 24}),
        )
        event.listen(engine, "connect", _accept_any_text)

        @event.listens_for(engine, "handle_error")
        def _translate(context: ExceptionContext) -> None:  # pyright: ignore[reportUnusedFunction] - called by the engine
            if context.is_pre_ping:
                return  # it is for the pool, which makes a new connection
            if isinstance(context.original_exception, _UNAVAILABLE):
                raise self._translated(context.original_exception) from context.original_exception

        return engine

    def _translated(self, error: BaseException) -> BaseException:
        cause = error.orig if isinstance(error, DBAPIError) else error
        problem = str(cause).strip()
        if isinstance(cause, _CONFLICTS):
            return StoreConflictError(self._name, problem)
        return StoreUnavailableError(self._name, problem) if isinstance(cause, _UNAVAILABLE) else error


@contextmanager
def _once(address: URL) -> Generator[Engine]:
    """For one connection: without the tables that the writer's connections make for themselves."""
    engine = create_engine(address, poolclass=NullPool)
    try:
        yield engine
    finally:
        engine.dispose()


def _accept_any_text(driver: psycopg.Connection[Any], _record: object) -> None:
    accept_any_text(driver.adapters)


def _make_scratch_tables(driver: psycopg.Connection[Any], _record: object) -> None:
    for statement in SCRATCH_TABLES:
        driver.execute(statement)
    driver.commit()
