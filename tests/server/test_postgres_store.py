"""The PostgreSQL store keeps the contract of all stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select

from holdfast.errors import StoreConflictError, StoreUnavailableError
from holdfast.server.services.setup import prepare
from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.opening import open_database
from holdfast.server.stores.retrying import in_transaction
from holdfast.server.stores.rows import InstanceRow
from holdfast.server.stores.schema import record as schema
from server.records import NOW
from server.store_contract import *  # noqa: F403 - the suite is the module


@pytest.fixture
def store(postgres: str) -> Iterator[Store]:
    store = open_database(Path("unused"), postgres)
    prepare(store, NOW)
    yield store
    store.close()


_KILL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE pid <> pg_backend_pid() AND datname = current_database()"
)


def test_a_connection_that_dies(store: Store, postgres: str) -> None:
    """A database that is restarted fails what runs just then as unavailable; the next reads and writes work."""

    def write(transaction: WriteTransaction) -> None:
        transaction.drop_responses(0)

    def read() -> int:
        with store.reader.connect() as connection:
            return len(connection.execute(select(schema.accounts)).all())

    def killed(transaction: WriteTransaction) -> None:
        other.execute(_KILL)
        write(transaction)

    with psycopg.connect(postgres, autocommit=True) as other:
        with pytest.raises(StoreUnavailableError):
            in_transaction(store, killed)
        with store.reader.connect() as connection:
            other.execute(_KILL)
            with pytest.raises(StoreUnavailableError):
                connection.execute(select(schema.accounts))
    in_transaction(store, write)
    assert read() == 1


def test_text_that_cannot_be_held(store: Store) -> None:
    """U+0000 and lone surrogates are looked for, and kept, as U+FFFD."""
    odd = "a\x00b\ud800"
    row = _run()
    row.name = odd
    with store.write() as transaction:
        assert transaction.instances("default", [odd]) == {}
        row.key = transaction.add_instance(row)
        transaction.update_instances([row])
    with store.reader.connect() as connection:
        assert connection.execute(select(schema.instances.c.name)).scalar() == "a\ufffdb\ufffd"
        found = select(schema.instances.c.id).where(schema.instances.c.name == odd)
        assert connection.execute(found).scalar() == "r"


def test_a_transaction_that_meets_another(store: Store, postgres: str) -> None:
    """A transaction that makes what another one has just made is done again, on what is there then."""
    other = open_database(Path("unused"), postgres)
    tries: list[dict[str, InstanceRow]] = []

    def work(transaction: WriteTransaction) -> None:
        found = transaction.instances("default", ["r"])
        tries.append(found)
        if not found:
            with other.write() as first:
                first.add_instance(_run())
            transaction.add_instance(_run())

    in_transaction(store, work)
    other.close()
    assert [len(found) for found in tries] == [0, 1]
    with pytest.raises(StoreConflictError), store.write() as transaction:
        transaction.add_instance(_run())


def _run() -> InstanceRow:
    return InstanceRow(
        key=0,
        account_id="default",
        id="r",
        status="active",
        purpose="live",
        begun_at=NOW,
        inserted_at=NOW,
        updated_at=NOW,
    )
