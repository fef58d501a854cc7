"""The migrations build on PostgreSQL what the code expects."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from holdfast.errors import StoreError
from holdfast.server.stores.base import Store
from holdfast.server.stores.migrate import head_revision
from holdfast.server.stores.opening import database_state, open_database
from holdfast.server.stores.schema import record as schema

_FILE = Path("unused")


def _open(address: str) -> Store:
    return open_database(_FILE, address)


def test_migrations_build_the_schema(postgres: str) -> None:
    """A database made by the migrations has the tables and indexes of the metadata."""
    store = _open(postgres)
    with store.reader.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
    store.close()


def test_servers_that_start_at_once(postgres: str) -> None:
    """However many open an empty database at the same time: one makes the tables, all can use them."""
    assert database_state(_FILE, postgres).revision is None
    with ThreadPoolExecutor(6) as openers:
        for store in openers.map(_open, [postgres] * 6):
            store.close()
    assert database_state(_FILE, postgres).revision == head_revision()


def test_a_newer_database_is_left_alone(postgres: str) -> None:
    """A database that a newer version has changed is refused with the way out."""
    store = _open(postgres)
    with store.write() as transaction:
        transaction.connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(StoreError, match="upgrade Holdfast"):
        _open(postgres)
    assert not database_state(_FILE, postgres).current


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://someone:geheim@127.0.0.1:1/none",
        "mysql://someone:geheim@127.0.0.1/none",
        "postgresql://someone:geheim@[/none",
        "geheim",
    ],
)
def test_an_address_that_cannot_be_used(address: str) -> None:
    """An address that leads nowhere is an error that does not tell the password in it."""
    with pytest.raises(StoreError) as raised:
        _open(address)
    assert "geheim" not in str(raised.value) or address == "geheim"
