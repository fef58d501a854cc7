"""The SQLite store keeps the contract of all stores, and what else a file needs."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from holdfast.errors import StoreError, StoreUnavailableError
from holdfast.server.services.setup import prepare
from holdfast.server.stores.sqlite.store import SqliteStore
from server.records import NOW
from server.store_contract import *  # noqa: F403 - the suite is the module


def test_nobody_else_can_read_the_record(tmp_path: Path) -> None:
    """The directory, the database and the files that SQLite keeps beside it are their owner's alone."""
    directory = tmp_path / "made here"
    store = SqliteStore(directory / "record.db")
    prepare(store, NOW)
    try:
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (directory, *directory.iterdir())}
        assert modes == {
            "made here": 0o700,
            "record.db": 0o600,
            "record.db-wal": 0o600,
            "record.db-shm": 0o600,
        }
    finally:
        store.close()


@pytest.mark.parametrize("replaced", [False, True])
def test_nothing_is_written_to_a_file_that_is_gone(tmp_path: Path, replaced: bool) -> None:
    """A removed database takes nothing more, instead of taking it with itself; no empty one appears."""
    path = tmp_path / "record.db"
    store = SqliteStore(path)
    prepare(store, NOW)
    try:
        path.rename(tmp_path / "away.db")
        if replaced:
            path.write_bytes(b"")
        with pytest.raises(StoreUnavailableError, match="removed or replaced"):
            prepare(store, NOW)
        assert path.exists() is replaced
        store.reader.dispose()  # connections that have the file open still could
        if not replaced:
            with pytest.raises(StoreUnavailableError, match="unable to open"), store.reader.connect():
                pass
    finally:
        store.close()


def test_a_place_that_cannot_be_used_is_said_so(tmp_path: Path) -> None:
    """A file where the directory should be, a directory where the file should be."""
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "directory").mkdir()
    for path in (tmp_path / "file" / "record.db", tmp_path / "directory"):
        with pytest.raises(StoreError, match="cannot be used"):
            SqliteStore(path)
