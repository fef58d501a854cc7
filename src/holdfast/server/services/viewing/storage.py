"""How much room the record takes, measured now and then."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from holdfast.errors import SpanStoreUnavailableError
from holdfast.server.stores.base import Store
from holdfast.server.stores.reads.storage import database_bytes, database_kind, table_bytes
from holdfast.server.stores.tiered.store import TieredStore

__all__ = ["FileSize", "StorageSizes", "Tables"]

_KEPT_NS: Final = 600_000_000_000
_AT_ONCE: Final = 256 << 20
"""A larger database is measured by tables only when somebody asks: of a SQLite file every page is looked at."""


class FileSize(Struct, frozen=True, kw_only=True):
    name: str
    bytes: int


class Tables(Struct, frozen=True, kw_only=True):
    """`by_table` with indexes. `measured_at` is nanoseconds since 1970."""

    measured_at: int
    by_table: dict[str, int]


class StorageSizes:
    """Thread-safe, blocking."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._tables: Tables | None = None

    def kind(self) -> str:
        return database_kind(self._store)

    def database(self) -> int:
        return database_bytes(self._store)

    def files(self, directory: Path) -> list[FileSize]:
        """Those of an embedded database, in that directory."""
        names = ("holdfast.db", "holdfast.db-wal", "holdfast-search.db", "holdfast-search.db-wal")
        found = [directory / name for name in names]
        return [FileSize(name=path.name, bytes=path.stat().st_size) for path in found if path.is_file()]

    def tables(self, *, asked: bool) -> Tables | None:
        """At most ten minutes old. None for a large database about which nobody has `asked`."""
        now = self._clock()
        with self._lock:
            if self._tables is not None and now - self._tables.measured_at < _KEPT_NS:
                return self._tables
            if not asked and self.database() > _AT_ONCE:
                return None
            self._tables = Tables(measured_at=now, by_table=table_bytes(self._store))
            return self._tables

    def moved(self) -> tuple[int, int] | None:
        """Spans in the span store, and their bytes. None where there is no span store, or it is away."""
        if not isinstance(self._store, TieredStore):
            return None
        try:
            size = self._store.span_writes.size()
        except SpanStoreUnavailableError:
            return None
        return size.spans, size.bytes
