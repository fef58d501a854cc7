"""Searching a record whose settled spans lie in the span store."""

from __future__ import annotations

from pathlib import Path

from holdfast.server.services.setup import prepare
from holdfast.server.stores.opening import open_database, open_search
from server.moved_runs import move, record
from server.records import NOW
from server.search_indexes import Searched


def test_moved_spans_are_found(tmp_path: Path, chdb: str) -> None:
    """What is indexed stays so when its span is moved; an index made anew takes it in from the span store; hits
    show the spans as they are there."""
    file = tmp_path / "record.db"
    store = open_database(file, None, chdb)
    prepare(store, NOW)
    index = open_search(file, None, store)
    searched = Searched(file=file, address=None, store=store, index=index)
    record(store, "run", spans=12, events=3)
    taken = searched.catch_up()
    before = sorted(searched.subjects("wrong")), sorted(searched.subjects("happened"))
    assert [len(found) for found in before] == [2, 3]
    move(store)
    assert (sorted(searched.subjects("wrong")), sorted(searched.subjects("happened"))) == before
    assert {hit.name for hit in searched.hits("wrong")} == {"nämé 0", "nämé 1"}
    with index.write() as writer:
        assert writer is not None
        writer.clear()
        writer.set_missing_below(1 << 30)
    assert searched.catch_up() == taken
    assert (sorted(searched.subjects("wrong")), sorted(searched.subjects("happened"))) == before
    index.close()
    store.close()
