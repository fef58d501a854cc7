"""The search index in PostgreSQL: two tables beside the record's, made and dropped by the index itself.

Every word is kept with a tag of its account before it. One inverted index has the words of all accounts, but
what a look costs depends on the entries of its own words, so on the texts of its own account.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg.errors import QueryCanceled
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError

from holdfast.errors import StoreUnavailableError
from holdfast.server.stores.base import Store
from holdfast.server.stores.postgres.text import accept_any_text
from holdfast.server.stores.schema.record import BODY_KEY_BITS
from holdfast.server.stores.search.index import FORMAT, Document, Found, IndexSize, Looked
from holdfast.server.stores.search.record import newest_run, record_id
from holdfast.server.stores.search.words import Match, Term, index_words

__all__ = ["PostgresSearch"]

_log: Final = logging.getLogger("holdfast.server")
_LOCK: Final = 0x686F6C65
"""Whoever writes holds this advisory lock until the end of its transaction."""
_FIRST_WINDOW: Final = 1_000
_GROWTH: Final = 8
_LEAST_SECONDS: Final = 0.2

_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS search_state (name text PRIMARY KEY, value text NOT NULL)",
    "CREATE TABLE IF NOT EXISTS search_documents (key bigint PRIMARY KEY, subject text NOT NULL, "
    "text text NOT NULL, words tsvector NOT NULL)",
    "CREATE INDEX IF NOT EXISTS search_documents_words ON search_documents USING gin (words)",
)
_PUT: Final = text(
    "INSERT INTO search_documents (key, subject, text, words) "
    "VALUES (:key, :subject, :text, to_tsvector('simple', :words)) "
    "ON CONFLICT (key) DO UPDATE SET subject = excluded.subject, text = excluded.text, words = excluded.words"
)
_SET: Final = text(
    "INSERT INTO search_state VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_GET: Final = text("SELECT value FROM search_state WHERE name = :name")
_LOOK: Final = text(
    "SELECT key FROM search_documents WHERE words @@ to_tsquery('simple', :wanted) "
    "AND key >= :low AND key < :high ORDER BY key DESC LIMIT :limit"
)
_NEWEST: Final = text("SELECT key FROM search_documents WHERE key < :below ORDER BY key DESC LIMIT 1")


class PostgresSearchWriter:
    """A `SearchWriter`, within a transaction of the connection that holds the lock."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def missing_below(self) -> int:
        return int(self._connection.execute(_GET, {"name": "missing_below"}).scalar() or 0)

    def set_missing_below(self, instance_key: int) -> None:
        self._connection.execute(_SET, {"name": "missing_below", "value": str(instance_key)})

    def put(self, documents: Sequence[Document]) -> None:
        rows = [
            {"key": one.key, "subject": one.subject, "text": one.text, "words": _tagged(one)}
            for one in documents
        ]
        if rows:
            self._connection.execute(_PUT, rows)

    def forget(self, instance_keys: Collection[int]) -> int:
        gone = 0
        for run in instance_keys:
            done = self._connection.execute(
                text("DELETE FROM search_documents WHERE key >= :low AND key < :high"),
                {"low": run << BODY_KEY_BITS, "high": (run + 1) << BODY_KEY_BITS},
            )
            gone += done.rowcount
        return gone

    def clear(self) -> None:
        self._connection.execute(text("TRUNCATE search_documents"))


class PostgresSearch:
    """A `SearchIndex` in the database at `address`, of the record in `store`, which lies there too."""

    def __init__(self, address: URL, store: Store) -> None:
        self._name = address.render_as_string(hide_password=True)
        self._engine = create_engine(
            address, connect_args={"application_name": "holdfast search"}, pool_pre_ping=True, pool_size=2
        )
        event.listen(self._engine, "connect", _accept_any_text)
        with self._translated(), self._engine.begin() as connection:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            _make_ours(connection, store)

    @contextmanager
    def write(self, *, wait: bool = True) -> Generator[PostgresSearchWriter | None]:
        with self._translated(), self._engine.begin() as connection:
            lock = "pg_advisory_xact_lock" if wait else "pg_try_advisory_xact_lock"
            held = connection.execute(text(f"SELECT {lock}({_LOCK})")).scalar()
            yield None if held is False else PostgresSearchWriter(connection)

    def look(self, account_id: str, match: Match, *, below: int, limit: int, seconds: float) -> Looked:
        wanted, keys = _expression(match, _tag(account_id)), list[int]()
        deadline = time.monotonic() + seconds
        with self._translated(), self._engine.begin() as connection:
            newest = connection.execute(_NEWEST, {"below": below}).scalar()
            if newest is None:
                return Looked(keys=[], reached=0)
            high, window = (newest >> BODY_KEY_BITS) + 1, _FIRST_WINDOW
            while high > 0:
                # the first window is always looked at, so that going on leads somewhere
                left = deadline - time.monotonic() if window > _FIRST_WINDOW else max(seconds, _LEAST_SECONDS)
                low = max(0, high - window)
                bounds = {"low": low << BODY_KEY_BITS, "high": min(below, high << BODY_KEY_BITS)}
                found = _bounded(connection, left, {"wanted": wanted, "limit": limit - len(keys), **bounds})
                if found is None:
                    return Looked(keys=keys, reached=high << BODY_KEY_BITS)
                keys += found
                if len(keys) == limit:
                    return Looked(keys=keys, reached=keys[-1])
                high, window = low, window * _GROWTH
        return Looked(keys=keys, reached=0)

    def texts(self, keys: Collection[int]) -> Mapping[int, Found]:
        wanted = text("SELECT key, subject, text FROM search_documents WHERE key = ANY(:keys)")
        with self._translated(), self._engine.begin() as connection:
            rows = connection.execute(wanted, {"keys": list(keys)})
            return {key: Found(subject=subject, text=found) for key, subject, found in rows}

    def missing_below(self) -> int:
        with self._translated(), self._engine.begin() as connection:
            return PostgresSearchWriter(connection).missing_below

    def tidy(self) -> bool:
        """Nothing: the database's own vacuum does it."""
        return False

    def size(self) -> IndexSize:
        """The number of documents is an estimate where the database has one."""
        wanted = text(
            "SELECT CASE WHEN reltuples > 0 THEN reltuples::bigint ELSE (SELECT count(*) FROM search_documents) END, "
            "pg_total_relation_size(oid) FROM pg_class WHERE oid = 'search_documents'::regclass"
        )
        with self._translated(), self._engine.begin() as connection:
            documents, size = connection.execute(wanted).one()
        return IndexSize(documents=documents, bytes=size)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except DBAPIError as error:
            raise StoreUnavailableError(self._name, str(error.orig).strip()) from error


def _accept_any_text(driver: psycopg.Connection[Any], _record: object) -> None:
    accept_any_text(driver.adapters)


def _make_ours(connection: Connection, store: Store) -> None:
    for statement in _SCHEMA:
        connection.execute(text(statement))
    mine = f"{FORMAT} {record_id(store)}"
    known = connection.execute(_GET, {"name": "record"}).scalar()
    if known == mine:
        return
    if known is not None:
        _log.warning("the search index is of another record or of another version: made anew")
    writer = PostgresSearchWriter(connection)
    writer.clear()
    connection.execute(_SET, {"name": "record", "value": mine})
    writer.set_missing_below(newest_run(store) + 1)


def _bounded(connection: Connection, seconds: float, values: Mapping[str, Any]) -> list[int] | None:
    """The keys; None where that takes longer."""
    if seconds <= 0:
        return None
    with connection.begin_nested() as inner:
        connection.execute(text(f"SET LOCAL statement_timeout = {max(1, int(seconds * 1000))}"))
        try:
            return list(connection.execute(_LOOK, values).scalars())
        except OperationalError as error:
            if not isinstance(error.orig, QueryCanceled):
                raise
            inner.rollback()
            return None


def _tag(account_id: str) -> str:
    """Four letters. Two accounts in half a million have the same; they still see their own documents only."""
    number = int.from_bytes(hashlib.sha256(account_id.encode()).digest()[:4])
    return "".join(chr(97 + number // 26**place % 26) for place in range(4))


def _tagged(document: Document) -> str:
    tag = _tag(document.account_id)
    return " ".join(tag + word for word in index_words(document.text).split())


def _expression(match: Match, tag: str) -> str:
    """In the language of tsquery. Words are letters and digits only: nothing in them has a meaning there."""
    parts = [_term(term, tag) for term in match.wanted]
    parts += [f"!{_term(term, tag)}" for term in match.unwanted]
    return " & ".join(parts)


def _term(term: Term, tag: str) -> str:
    star = ":*" if term.prefix else ""
    phrases = (" <-> ".join(f"'{tag}{word}'" for word in phrase) + star for phrase in term.phrases)
    return "(" + " | ".join(f"({phrase})" for phrase in phrases) + ")"
