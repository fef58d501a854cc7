"""A record with its search index, over each kind of store."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from holdfast.server.services.searching.indexing import Indexing
from holdfast.server.services.searching.search import Search, SearchFilter
from holdfast.server.services.setup import DEFAULT_ACCOUNT, prepare
from holdfast.server.stores.base import Store
from holdfast.server.stores.opening import open_database, open_search
from holdfast.server.stores.reach import Reach
from holdfast.server.stores.search.index import SearchIndex
from holdfast.wire.search import SearchHit
from server.records import NOW

EVERYTHING = SearchFilter()
REACH = Reach(account_id=DEFAULT_ACCOUNT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """`file` is where the SQLite record lies, `address` the PostgreSQL one."""

    file: Path
    address: str | None
    store: Store
    index: SearchIndex

    def catch_up(self) -> int:
        """Take in all that waits; how many documents that were."""
        work, taken = Indexing(self.store, self.index), 0
        while (step := work.step()) is not None:
            taken += step
        return taken

    def hits(self, query: str, reach: Reach = REACH, **more: object) -> list[SearchHit]:
        """The first page."""
        found = Search(self.store, self.index).find(reach, query, within=EVERYTHING, **more)  # type: ignore[arg-type]
        return found.summaries

    def subjects(self, query: str, reach: Reach = REACH) -> list[str]:
        """What was found, by kind and id, in order."""
        return [
            f"{hit.kind} {hit.agent_span_id or hit.agent_event_id or hit.agent_instance_id}"
            for hit in self.hits(query, reach)
        ]


@contextmanager
def opened(file: Path, address: str | None) -> Generator[Searched]:
    store = open_database(file, address)
    prepare(store, NOW)
    index = open_search(file, address, store)
    try:
        yield Searched(file=file, address=address, store=store, index=index)
    finally:
        index.close()
        store.close()
