"""How much room a database takes, and how long its queues are."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, func, select, text

from holdfast.server.stores.base import Store
from holdfast.server.stores.schema.record import check_queue, instances
from holdfast.server.stores.schema.search import search_queue

__all__ = ["QueueLength", "database_bytes", "database_kind", "queue_lengths", "table_bytes"]

_SQLITE_TABLES: Final = text(
    "SELECT coalesce(m.tbl_name, s.name), sum(s.pgsize) FROM dbstat s "
    "LEFT JOIN sqlite_master m ON m.name = s.name WHERE s.aggregate = TRUE GROUP BY 1"
)
_POSTGRES_TABLES: Final = text(
    "SELECT relname, pg_total_relation_size(oid) FROM pg_class "
    "WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
)
_COUNTED: Final = 10_000


class QueueLength(Struct, frozen=True, kw_only=True):
    """`waiting` stops at ten thousand. `since` is when the entry that waits longest was added, nanoseconds since
    1970; None where none waits."""

    waiting: int
    since: int | None


def database_kind(store: Store) -> str:
    """Which database it is, with its version."""
    with store.reader.connect() as connection:
        postgres = connection.dialect.name == "postgresql"
        version = text("SHOW server_version" if postgres else "SELECT sqlite_version()")
        return f"{'PostgreSQL' if postgres else 'SQLite'} {connection.execute(version).scalar_one()}"


def database_bytes(store: Store) -> int:
    """The whole database, free pages of a file among it."""
    with store.reader.connect() as connection:
        if connection.dialect.name == "postgresql":
            wanted = text("SELECT pg_database_size(current_database())")
        else:
            wanted = text("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        return int(connection.execute(wanted).scalar_one())


def table_bytes(store: Store) -> dict[str, int]:
    """By table, with its indexes. Of a SQLite file every page is looked at: about a second a gigabyte."""
    with store.reader.connect() as connection:
        postgres = connection.dialect.name == "postgresql"
        found = connection.execute(_POSTGRES_TABLES if postgres else _SQLITE_TABLES)
        return {str(name): int(size) for name, size in found}


def queue_lengths(store: Store, account_id: str) -> tuple[QueueLength, QueueLength]:
    """Of an account: what waits to be checked against schemas, and what the search index has to take in."""
    with store.reader.connect() as connection:
        return (
            _length(connection, account_id, check_queue.c.instance_key, check_queue.c.ticket),
            _length(connection, account_id, search_queue.c.instance_key, search_queue.c.added_at),
        )


def _length(
    connection: Connection, account_id: str, run: ColumnElement[int], added: ColumnElement[int]
) -> QueueLength:
    waiting = (
        select(added.label("added"))
        .join(instances, instances.c.key == run)
        .where(instances.c.account_id == account_id)
        .limit(_COUNTED)
        .subquery()
    )
    count, since = connection.execute(select(func.count(), func.min(waiting.c.added))).one()
    return QueueLength(waiting=count, since=since)
