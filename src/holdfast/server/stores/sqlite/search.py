"""The search index in a SQLite file of its own beside the record: indexing never holds the record's lock, and
the file may be deleted at any time."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, LifoQueue
from typing import Final

from holdfast.errors import StoreUnavailableError
from holdfast.server.stores.base import Store
from holdfast.server.stores.schema.record import BODY_KEY_BITS
from holdfast.server.stores.search.index import FORMAT, Found, IndexSize, Looked
from holdfast.server.stores.search.record import newest_run, record_id
from holdfast.server.stores.search.words import Match, Term
from holdfast.server.stores.sqlite.file import file_identity, make_private
from holdfast.server.stores.sqlite.search_write import SCHEMA, SqliteSearchWriter, state_value, unpacked

__all__ = ["SqliteSearch"]

_Identity = tuple[int, int] | None
_log: Final = logging.getLogger("holdfast.server")
_BUSY_MS: Final = 10_000
_TIDY_PAGES: Final = 500
_PRAGMAS: Final = (
    "PRAGMA page_size = 8192",  # before the first table only; later it does nothing
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # what is taken off the queue must be here
    "PRAGMA secure_delete = ON",  # what is forgotten is gone
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -16384",
)
_READER_PRAGMAS: Final = (
    "PRAGMA query_only = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -16384",
)
_PARTS: Final = "SELECT id, first FROM parts WHERE account_id = ? AND first <= ? ORDER BY first DESC"
_SIZE: Final = (
    "SELECT (SELECT coalesce(sum(documents), 0) FROM parts), "
    "(SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size())"
)


class SqliteSearch:
    """A `SearchIndex` in the file `path`, of the record in `store`. A file that is damaged, of another record
    or of another format is replaced."""

    def __init__(self, path: Path, store: Store) -> None:
        self._path = path
        self._store = store
        self._lock = threading.Lock()
        self._readers: LifoQueue[tuple[_Identity, sqlite3.Connection]] = LifoQueue()
        with self._translated():
            self._writer = self._open()
        self._file = file_identity(path)

    @contextmanager
    def write(self, *, wait: bool = True) -> Generator[SqliteSearchWriter | None]:
        if not self._lock.acquire(blocking=wait):
            yield None
            return
        try:
            with self._translated():
                if not self._begun(wait=wait):
                    yield None
                    return
                try:
                    yield SqliteSearchWriter(self._writer)
                except BaseException:
                    self._writer.execute("ROLLBACK")
                    raise
                self._writer.execute("COMMIT")
        finally:
            self._lock.release()

    def look(self, account_id: str, match: Match, *, below: int, limit: int, seconds: float) -> Looked:
        deadline = time.monotonic() + seconds
        wanted, keys = _expression(match), list[int]()
        with self._reader() as db:
            for part, first in db.execute(_PARTS, (account_id, below >> BODY_KEY_BITS)).fetchall():
                statement = (
                    f"SELECT rowid FROM words_{part} WHERE words_{part} MATCH ? AND rowid < ? "  # noqa: S608 - a number of ours
                    "ORDER BY rowid DESC LIMIT ?"
                )
                keys += [row[0] for row in db.execute(statement, (wanted, below, limit - len(keys)))]
                if len(keys) == limit:
                    return Looked(keys=keys, reached=keys[-1])
                if time.monotonic() > deadline:
                    return Looked(keys=keys, reached=first << BODY_KEY_BITS)
        return Looked(keys=keys, reached=0)

    def texts(self, keys: Collection[int]) -> Mapping[int, Found]:
        found: dict[int, Found] = {}
        with self._reader() as db:
            for key in keys:
                row = db.execute("SELECT subject, text FROM documents WHERE key = ?", (key,)).fetchone()
                if row is not None:
                    found[key] = Found(subject=row[0], text=unpacked(row[1]))
        return found

    def missing_below(self) -> int:
        with self._reader() as db:
            return int(state_value(db, "missing_below") or 0)

    def tidy(self) -> bool:
        """Full-text tables keep what was taken out until they are merged; then the log has it still."""
        with self.write(wait=False) as writer:
            if writer is None:
                return False
            row = self._writer.execute("SELECT id FROM parts WHERE untidy ORDER BY id LIMIT 1").fetchone()
            if row is None:
                return False
            before = self._writer.total_changes
            self._writer.execute(
                f"INSERT INTO words_{row[0]} (words_{row[0]}, rank) VALUES ('merge', {-_TIDY_PAGES})"  # noqa: S608 - numbers of ours
            )
            if self._writer.total_changes - before >= 2:
                return True
            self._writer.execute("UPDATE parts SET untidy = 0 WHERE id = ?", row)
        with self._lock, self._translated():
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return True

    def size(self) -> IndexSize:
        with self._reader() as db:
            documents, size = db.execute(_SIZE).fetchone()
        return IndexSize(documents=documents, bytes=size)

    def close(self) -> None:
        with self._lock:
            self._close_all()

    @contextmanager
    def _reader(self) -> Generator[sqlite3.Connection]:
        with self._translated():
            file, db = self._reading()
            try:
                db.execute("BEGIN")
                yield db
                db.execute("COMMIT")
            except BaseException:
                db.close()
                raise
            self._readers.put((file, db))

    def _reading(self) -> tuple[_Identity, sqlite3.Connection]:
        now = file_identity(self._path)
        while True:
            try:
                file, db = self._readers.get_nowait()
            except Empty:
                return now, _connected(self._path, _READER_PRAGMAS)
            if file == now:
                return file, db
            db.close()

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreUnavailableError(str(self._path), str(error)) from error

    def _begun(self, *, wait: bool) -> bool:
        if file_identity(self._path) != self._file:
            _log.warning("the search index has been removed and is made anew")
            self._close_all()
            self._writer = self._open()
            self._file = file_identity(self._path)
        self._writer.execute(f"PRAGMA busy_timeout = {_BUSY_MS if wait else 0}").close()
        try:
            self._writer.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if not wait and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                return False
            raise
        return True

    def _close_all(self) -> None:
        self._writer.close()
        while not self._readers.empty():
            self._readers.get_nowait()[1].close()

    def _open(self) -> sqlite3.Connection:
        make_private(self._path)
        try:
            return self._opened()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            _log.warning("the search index is damaged (%s) and is made anew", error)
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            make_private(self._path)
            return self._opened()

    def _opened(self) -> sqlite3.Connection:
        db = _connected(self._path, _PRAGMAS)
        try:
            db.execute("BEGIN IMMEDIATE")
            self._make_ours(db)
            db.execute("COMMIT")
        except BaseException:
            db.close()
            raise
        return db

    def _make_ours(self, db: sqlite3.Connection) -> None:
        newest, mine = newest_run(self._store), f"{FORMAT} {record_id(self._store)}"
        known = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'state'").fetchone() is not None
        if known and state_value(db, "record") == mine and int(state_value(db, "highest") or 0) <= newest:
            return
        if known:
            _log.warning(
                "the search index is of another record, of its future or of another version: made anew"
            )
            SqliteSearchWriter(db).clear()
        else:
            for statement in SCHEMA:
                db.execute(statement)
        db.executemany(
            "INSERT OR REPLACE INTO state VALUES (?, ?)",
            [("record", mine), ("missing_below", str(newest + 1)), ("highest", "0")],
        )


def _connected(path: Path, pragmas: tuple[str, ...]) -> sqlite3.Connection:
    # mode=rw: a file that has been removed is not made anew, empty, by the next reader
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=_BUSY_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        for pragma in pragmas:
            db.execute(pragma).close()
    except BaseException:
        db.close()
        raise
    return db


def _expression(match: Match) -> str:
    """In the language of FTS5. Words are letters and digits only: nothing in them has a meaning there."""
    wanted = " AND ".join(map(_term, match.wanted))
    return f"({wanted})" + "".join(f" NOT {_term(term)}" for term in match.unwanted)


def _term(term: Term) -> str:
    star = "*" if term.prefix else ""
    return "(" + " OR ".join(f'"{" ".join(phrase)}"{star}' for phrase in term.phrases) + ")"
