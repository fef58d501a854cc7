"""A copy of a SQLite database that is in use, of one moment, proved to be whole."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from holdfast.errors import StoreError

__all__ = ["BackupReport", "back_up"]

_PAGES: Final = 1_024
"""In one step: 8 MiB."""


class BackupReport(Struct, frozen=True, kw_only=True):
    """`rows` are those of each table, in the copy as in the database at that moment."""

    file: str
    bytes: int
    revision: str
    rows: dict[str, int]


def back_up(
    source: Path, target: Path, told: Callable[[int, int], None] = lambda _done, _all: None
) -> BackupReport:
    """Copy the database to `target`, which must not exist; it is its owner's only, and there is either all of it
    or nothing. `told` is called with the pages that are copied and that there are in all.

    Others read and write meanwhile: the copy is made within one read transaction, so that it is of one moment
    and need not begin again with every commit. Until it ends the write-ahead log only grows.
    Raises `StoreError`.
    """
    if not source.exists():
        raise StoreError(str(source), "does not exist")
    beside = target.with_name(f".{target.name}.part")
    with _file_in_the_making(target, beside):
        try:
            with _connected(source, "ro") as database, _connected(beside, "rw") as copy:
                database.execute("BEGIN")
                rows = _rows(database)  # the first read: from here on it is that moment
                database.backup(
                    copy, pages=_PAGES, progress=lambda _status, left, pages: told(pages - left, pages)
                )
                copy.execute("PRAGMA journal_mode = DELETE")  # nothing beside the file belongs to it
                _prove(copy, beside, rows)
                revision = copy.execute("SELECT version_num FROM alembic_version").fetchone()[0]
        except sqlite3.DatabaseError as error:
            raise StoreError(str(source), f"cannot be copied: {error}") from error
    return BackupReport(file=str(target), bytes=target.stat().st_size, revision=revision, rows=rows)


@contextmanager
def _file_in_the_making(target: Path, beside: Path) -> Generator[None]:
    """`beside` becomes `target` in the end, or goes."""
    try:
        if target.exists():
            raise FileExistsError
        beside.unlink(missing_ok=True)  # of a backup that was killed
        os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            yield
            _synced(beside)
            os.link(beside, target)  # unlike a rename it takes nothing's place
        finally:
            beside.unlink(missing_ok=True)
        _synced(target.parent)
    except FileExistsError:
        raise StoreError(str(target), "exists already; name another file") from None
    except OSError as error:
        raise StoreError(str(target), f"cannot be written: {error.strerror}") from error


@contextmanager
def _connected(path: Path, mode: str) -> Generator[sqlite3.Connection]:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def _rows(connection: sqlite3.Connection) -> dict[str, int]:
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    return {
        name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608 - our own names
        for (name,) in found
    }


def _prove(copy: sqlite3.Connection, path: Path, rows: dict[str, int]) -> None:
    problems = [row[0] for row in copy.execute("PRAGMA integrity_check(10)")]
    if problems != ["ok"]:
        raise StoreError(str(path), f"the copy is damaged: {problems[0]}")
    if _rows(copy) != rows:
        raise StoreError(str(path), "the copy does not have the rows of the database")


def _synced(path: Path) -> None:
    """On the disk, the name of a file or its content."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
