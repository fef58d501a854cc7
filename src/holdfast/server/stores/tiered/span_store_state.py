"""What can be said of a span store without changing anything."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct
from sqlalchemy import Connection, create_engine, func, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from holdfast.errors import StoreError
from holdfast.server.stores.clickhouse.connection import ClickHouse, clickhouse_url
from holdfast.server.stores.clickhouse.writes import MovedWrites, SpanStoreSize
from holdfast.server.stores.schema.columnar import span_erasures
from holdfast.server.stores.schema.record import instances, spans
from holdfast.server.stores.tiered.moving_state import batches_left

__all__ = ["SpanStoreState", "span_store_state"]


class SpanStoreState(Struct, frozen=True, kw_only=True):
    """`address` without its password. `size` is None where the span store does not answer, and `problem` says why.
    `oldest_here` is when the oldest run began whose spans (some of them) lie in the database, in nanoseconds; None
    where all have been moved. `unfinished` batches and erased runs (`to_erase`) are the mover's next work."""

    address: str
    size: SpanStoreSize | None
    problem: str | None
    oldest_here: int | None
    unfinished: int
    to_erase: int


def span_store_state(catalogue: URL, address: str) -> SpanStoreState:
    """Raises `StoreError` where `address` is none, or the catalogue has not today's tables."""
    url = clickhouse_url(address)
    engine = create_engine(catalogue, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            oldest, unfinished, to_erase = _left(connection)
    except DBAPIError as error:
        raise StoreError(catalogue.render_as_string(hide_password=True), str(error.orig).strip()) from None
    finally:
        engine.dispose()
    size, problem = _size(url)
    return SpanStoreState(
        address=url.render_as_string(hide_password=True),
        size=size,
        problem=problem,
        oldest_here=oldest,
        unfinished=unfinished,
        to_erase=to_erase,
    )


def _left(connection: Connection) -> tuple[int | None, int, int]:
    first = select(spans.c.instance_key).order_by(spans.c.instance_key).limit(1).scalar_subquery()
    oldest = connection.execute(select(instances.c.begun_at).where(instances.c.key == first)).scalar()
    to_erase = connection.execute(select(func.count()).select_from(span_erasures)).scalar_one()
    return oldest, len(batches_left(connection)), to_erase


def _size(url: URL) -> tuple[SpanStoreSize | None, str | None]:
    database = ClickHouse(url, lambda _: None)
    if database.directory is not None and not Path(database.directory).exists():
        return SpanStoreSize(spans=0, events=0, bytes=0), None  # looking would make it
    try:
        return MovedWrites(database).size(), None
    except StoreError as error:
        return None, error.problem
    finally:
        database.close()
