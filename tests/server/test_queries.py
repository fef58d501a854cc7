"""What pages read, kept while it does not change."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import event

from holdfast.server.services.viewing.queries import Queries
from holdfast.server.stores.base import Store
from holdfast.wire.operations import SpanCreate
from server.records import apply

_READERS = 6


def test_many_readers_of_a_run_wait_for_one_tree(store: Store) -> None:
    """The pages of a live run that many people watch cost one reading of its spans a change."""
    spans = [SpanCreate(idempotency_key=f"{n}", agent_instance_id="run", id=f"s{n}") for n in range(500)]
    apply(store, spans)
    queries = Queries(store)
    version = queries.runs.version("default", "run")
    assert version is not None
    together = threading.Barrier(_READERS)
    reads: list[str] = []

    @event.listens_for(store.reader, "before_cursor_execute")
    def _note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "json" in statement:
            reads.append(statement)

    def read(_reader: int) -> int:
        together.wait(timeout=20)
        return len(queries.tree(version).ids)

    with ThreadPoolExecutor(_READERS) as readers:
        assert list(readers.map(read, range(_READERS))) == [500] * _READERS
    assert len(reads) == 1
