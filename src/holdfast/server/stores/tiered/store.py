"""A catalogue with a span store behind it: recording goes to the catalogue, settled spans lie in ClickHouse."""

from __future__ import annotations

import logging
from collections.abc import Collection, Generator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, Engine, insert, select, union
from sqlalchemy.engine import URL

from holdfast._ids import new_id
from holdfast.errors import SpanStoreUnavailableError
from holdfast.server.stores.base import Store
from holdfast.server.stores.clickhouse.connection import ClickHouse
from holdfast.server.stores.clickhouse.lists import MovedList, MovedSpans, MovedState
from holdfast.server.stores.clickhouse.reads import MovedPart
from holdfast.server.stores.clickhouse.tables import prepare_tables
from holdfast.server.stores.clickhouse.writes import MovedWrites
from holdfast.server.stores.run_news import RunsChanged
from holdfast.server.stores.schema.columnar import moved_runs, recalled_spans, span_erasures
from holdfast.server.stores.schema.record import server_values
from holdfast.server.stores.schema.retention import erasing
from holdfast.server.stores.tiered.moving_state import batches_left, newest_batch
from holdfast.server.stores.tiered.write import TieredTransaction

__all__ = ["TieredStore"]

_log: Final = logging.getLogger("holdfast.server")
_RECORD: Final = "record_id"


class TieredStore:
    """A `Store` over another one, which it owns. The span store may be away: then what lies in the catalogue is
    read and written as ever, and the rest raises `SpanStoreUnavailableError`.

    Raises `StoreError` where the span store belongs to another record.
    """

    def __init__(self, catalogue: Store, spans: URL) -> None:
        self._catalogue = catalogue
        record_id = _record_id(catalogue)
        self._database = ClickHouse(spans, lambda database: prepare_tables(database, record_id))
        self._moved = MovedSpans(self._database)
        self.span_writes: Final = MovedWrites(self._database)
        try:
            self.span_writes.size()  # whether it answers, and is ours
        except SpanStoreUnavailableError as error:
            _log.warning("%s; what was moved there cannot be read for now", error)
        except BaseException:
            self._database.close()
            raise

    @property
    def span_store(self) -> str:
        """Its address, without the password."""
        return self._database.name

    @property
    def reader(self) -> Engine:
        return self._catalogue.reader

    @contextmanager
    def write(self) -> Generator[TieredTransaction]:
        with self._catalogue.write() as transaction:
            yield TieredTransaction(transaction, self._moved)

    def watch(self, told: RunsChanged) -> None:
        self._catalogue.watch(told)

    def moved_parts(self, connection: Connection, keys: Collection[int]) -> dict[int, MovedPart]:
        m = moved_runs.c
        wanted = select(m.instance_key, m.account_id).where(m.instance_key.in_(keys))
        return {key: self._moved.part(account_id, key) for key, account_id in connection.execute(wanted)}

    def moved_list(self, connection: Connection) -> MovedList:
        r = recalled_spans.c
        gone = union(select(erasing.c.instance_key), select(span_erasures.c.instance_key))
        state = MovedState(
            newest=newest_batch(connection),
            unfinished=batches_left(connection),
            gone=connection.execute(gone).scalars().all(),
            recalled=[(row[0], row[1]) for row in connection.execute(select(r.instance_key, r.span_id))],
        )
        return self._moved.list(state)

    def scrub(self) -> str | None:
        return self._catalogue.scrub()

    def close(self) -> None:
        self._database.close()
        self._catalogue.close()


def _record_id(catalogue: Store) -> str:
    """What tells this record from others; made when first asked for."""
    with catalogue.write() as transaction:
        v = server_values.c
        known = transaction.connection.execute(select(v.value).where(v.name == _RECORD)).scalar()
        if known is None:
            known = new_id()
            transaction.connection.execute(insert(server_values).values(name=_RECORD, value=known))
        return known
