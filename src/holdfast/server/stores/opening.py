"""Which store an address means."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct
from sqlalchemy import make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

from holdfast.errors import StoreError
from holdfast.server.stores.base import Store
from holdfast.server.stores.clickhouse.connection import clickhouse_url
from holdfast.server.stores.migrate import current_revision, head_revision
from holdfast.server.stores.search.index import SearchIndex
from holdfast.server.stores.sqlite.search import SqliteSearch
from holdfast.server.stores.sqlite.store import SqliteStore
from holdfast.server.stores.tiered.moving_state import anything_moved
from holdfast.server.stores.tiered.span_store_state import SpanStoreState, span_store_state
from holdfast.server.stores.tiered.store import TieredStore

__all__ = ["DatabaseState", "database_state", "open_catalogue", "open_database", "open_search", "open_tiered"]

_POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")


class DatabaseState(Struct, frozen=True, kw_only=True):
    """`address` without its password; `revision` None where there are no tables yet; `current` says whether
    they are those of this version. `spans` is None where no span store is configured, or the tables are not
    those of this version."""

    address: str
    revision: str | None
    wanted: str
    current: bool
    spans: SpanStoreState | None = None


def open_database(file: Path, address: str | None, spans: str | None = None) -> Store:
    """The PostgreSQL database at `address` (`postgresql://user:password@host:port/name`), without one the
    SQLite file; with today's tables. `spans` is the address of a span store behind it: then it is a
    `TieredStore`. Raises `StoreError`, also where spans lie in a span store and none is given."""
    catalogue = open_catalogue(file, address)
    try:
        if spans is not None:
            return open_tiered(catalogue, spans)
        with catalogue.reader.connect() as connection:
            if anything_moved(connection):
                raise StoreError(
                    str(file) if address is None else make_url(address).render_as_string(hide_password=True),
                    "has spans in ClickHouse; say where with --spans or HOLDFAST_SPANS",
                )
    except BaseException:
        catalogue.close()
        raise
    return catalogue


def open_tiered(catalogue: Store, spans: str) -> TieredStore:
    """With the span store at that address behind it; see `ClickHouse`. Raises `StoreError`."""
    return TieredStore(catalogue, clickhouse_url(spans))


def open_catalogue(file: Path, address: str | None) -> Store:
    """As `open_database`, whether or not some of its spans lie elsewhere."""
    if address is None:
        return SqliteStore(file)
    url = _postgres_url(address)
    from holdfast.server.stores.postgres.store import PostgresStore  # an extra, and 60 ms to import

    return PostgresStore(url)


def open_search(file: Path, address: str | None, store: Store) -> SearchIndex:
    """The search index of the record in `store`: in the database at `address`, without one in a file of its own
    beside the SQLite file. Raises `StoreError`."""
    if address is None:
        return SqliteSearch(file.with_name(f"{file.stem}-search.db"), store)
    from holdfast.server.stores.postgres.search import PostgresSearch

    return PostgresSearch(_postgres_url(address), store)


def database_state(file: Path, address: str | None, spans: str | None = None) -> DatabaseState:
    """How far the database is, changing nothing. Raises `StoreError` where there is none."""
    if address is None and not file.exists():
        raise StoreError(str(file), "does not exist")
    url = URL.create("sqlite", database=str(file)) if address is None else _postgres_url(address)
    found, wanted = current_revision(url), head_revision()
    return DatabaseState(
        address=str(file) if address is None else url.render_as_string(hide_password=True),
        revision=found,
        wanted=wanted,
        current=found == wanted,
        spans=None if spans is None or found != wanted else span_store_state(url, spans),
    )


def _postgres_url(address: str) -> URL:
    try:
        url = make_url(address)
    except ArgumentError:
        raise StoreError(address, "is no database address; use postgresql://user@host/name") from None
    if url.drivername not in _POSTGRES:
        raise StoreError(
            url.render_as_string(hide_password=True),
            "is not a kind of database this version can use; use postgresql://user@host/name",
        )
    if find_spec("psycopg") is None:
        raise StoreError(
            url.render_as_string(hide_password=True), "needs psycopg: pip install 'holdfast[server,postgres]'"
        )
    return url.set(drivername="postgresql+psycopg")
