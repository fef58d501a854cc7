"""One ClickHouse database, reached when first needed, and the one border at which its errors are translated."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Final, Protocol, TypeVar, cast

from sqlalchemy import make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError
from urllib3.exceptions import MaxRetryError

from holdfast.errors import SpanStoreUnavailableError, StoreError

__all__ = ["ClickHouse", "Column", "clickhouse_url"]

_SERVER: Final = "clickhouse"
_IN_PROCESS: Final = "chdb"
_WAIT: Final = 1.0
"""Seconds in which nobody knocks again at a door that has just not been answered."""
_CONNECT_SECONDS: Final = 3
_ANSWER_SECONDS: Final = 60

Column = Sequence[Any]
"""The values of one column, of one type."""
T = TypeVar("T")


class _Result(Protocol):
    @property
    def result_rows(self) -> Sequence[Sequence[Any]]: ...
    @property
    def result_columns(self) -> Sequence[Column]: ...


class _Client(Protocol):
    """What is used of the driver's, whose own annotations are not complete."""

    database: str | None

    def query(
        self,
        query: str,
        *,
        parameters: dict[str, Any],
        column_formats: dict[str, str | dict[str, str]] | None = None,
    ) -> _Result: ...
    def command(self, cmd: str, *, parameters: dict[str, Any] | None = None) -> object: ...
    def insert(
        self, table: str, data: Sequence[Column], *, column_names: Sequence[str], column_oriented: bool
    ) -> object: ...
    def close(self) -> None: ...


def clickhouse_url(address: str) -> URL:
    """Raises `StoreError` for what is no address of a span store, or where the driver is missing."""
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise StoreError(
            address.rpartition("@")[2],  # the rest may be a password
            "is no address of a span store; use clickhouse://user:password@host:8123/name",
        ) from None
    name = url.render_as_string(hide_password=True)
    if url.drivername not in (_SERVER, _IN_PROCESS):
        raise StoreError(name, "is no address of a span store; use clickhouse://user:password@host:8123/name")
    if find_spec("clickhouse_connect") is None:
        raise StoreError(name, "needs clickhouse-connect: pip install 'holdfast[server,clickhouse]'")
    if url.drivername == _IN_PROCESS and find_spec("chdb") is None:
        raise StoreError(name, "needs chdb: pip install chdb")
    return url


class ClickHouse:
    """Thread-safe; `close` once. Every method raises `SpanStoreUnavailableError` where the database does not
    answer or refuses. `prepare` is called with this object each time a connection has been made, before
    anything else is asked; what it raises keeps the connection from being used.

    `clickhouse://user:password@host:8123/name` is a server (`?secure=true` for TLS); `chdb:///directory` the
    engine in this process, which one process at a time may have open (`?database=name`, default "default");
    `directory` is None for a server.
    """

    def __init__(self, url: URL, prepare: Callable[[ClickHouse], None]) -> None:
        self.name: Final = url.render_as_string(hide_password=True)
        self._url = url
        self._prepare = prepare
        self._client: _Client | None = None
        self._lock = threading.RLock()
        self.directory: Final = (
            f"/{(url.database or '').lstrip('/')}" if url.drivername == _IN_PROCESS else None
        )
        self._knock_again_at = 0.0

    def rows(
        self, query: str, parameters: Mapping[str, object], *, as_bytes: Sequence[str] = ()
    ) -> Sequence[tuple[Any, ...]]:
        """The rows of the answer; the columns named in `as_bytes` as bytes instead of text."""
        formats: dict[str, str | dict[str, str]] = dict.fromkeys(as_bytes, "bytes")
        return self._ask(
            lambda client: [
                tuple(row)
                for row in client.query(
                    query, parameters=dict(parameters), column_formats=formats
                ).result_rows
            ]
        )

    def columns(self, query: str, parameters: Mapping[str, object]) -> Sequence[Column]:
        """The answer column by column; none at all where it has no rows."""
        return self._ask(lambda client: list(client.query(query, parameters=dict(parameters)).result_columns))

    def run(self, statement: str, parameters: Mapping[str, object] | None = None) -> None:
        """For what has no answer."""
        self._ask(lambda client: client.command(statement, parameters=dict(parameters or {})))

    def insert(self, table: str, columns: Mapping[str, Column]) -> None:
        """Append rows, given column by column. Where this raises, some, all or none of them are there."""
        if any(columns.values()):
            self._ask(
                lambda client: client.insert(
                    table, list(columns.values()), column_names=list(columns), column_oriented=True
                )
            )

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _ask(self, question: Callable[[_Client], T]) -> T:
        from clickhouse_connect.driver.exceptions import Error, OperationalError

        if time.monotonic() < self._knock_again_at:
            raise SpanStoreUnavailableError(self.name, "the span store cannot be reached")
        try:
            if self.directory is not None:  # the engine answers one at a time
                with self._lock:
                    return question(self._connected())
            return question(self._connected())
        except OperationalError as error:
            self._knock_again_at = time.monotonic() + _WAIT
            raise SpanStoreUnavailableError(
                self.name, f"the span store cannot be reached: {_first_line(error)}"
            ) from error
        except Error as error:
            raise SpanStoreUnavailableError(
                self.name, f"the span store refuses: {_first_line(error)}"
            ) from error

    def _connected(self) -> _Client:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
                try:
                    self._prepare(self)
                except BaseException:
                    self._client.close()
                    self._client = None
                    raise
            return self._client

    def _connect(self) -> _Client:
        import clickhouse_connect  # an extra, and 170 ms to import

        # what goes wrong is raised, and told by those who meet it
        logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)
        get_client = cast("Callable[..., _Client]", clickhouse_connect.get_client)  # pyright: ignore[reportUnknownMemberType] - see there
        query = {key: str(value) for key, value in self._url.query.items()}
        if self.directory is not None:
            engine = get_client(interface="chdb", path=self.directory)
            if wanted := query.get("database"):
                engine.command(f"CREATE DATABASE IF NOT EXISTS `{wanted}`")
                engine.database = wanted
            return engine
        return get_client(
            host=self._url.host,
            port=self._url.port or 0,
            username=self._url.username,
            password=self._url.password or "",
            database=self._url.database or "default",
            secure=query.get("secure", "false"),
            connect_timeout=_CONNECT_SECONDS,
            send_receive_timeout=_ANSWER_SECONDS,
            autogenerate_session_id=False,  # a session answers one question at a time
            form_encode_query_params=True,  # hundreds of ids are too many for a URL
        )


def _first_line(error: Exception) -> str:
    if isinstance(error.__cause__, MaxRetryError):
        return str(error.__cause__.reason)  # without the address, which says nothing here
    return (str(error).strip() or type(error).__name__).partition("\n")[0][:300]
