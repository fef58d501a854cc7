"""The migrations shipped build what the code expects."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from holdfast.errors import StoreError
from holdfast.server.stores import rows
from holdfast.server.stores.migrate import head_revision
from holdfast.server.stores.schema import record as schema
from holdfast.server.stores.sqlite.store import SqliteStore


def _tables(connection: Connection) -> dict[str, list[str]]:
    """The definitions as sorted words: the order of constraints means nothing."""
    found = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master")
    return {name: sorted(re.findall(r"[^\s(),]+", sql)) for name, sql in found if sql}


def test_migrations_build_the_schema(tmp_path: Path) -> None:
    """A database made by the migrations has the tables and indexes of the metadata, to the letter."""
    store = SqliteStore(tmp_path / "migrated.db")
    with store.reader.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
        migrated = _tables(connection)
    store.close()
    plain = SqliteStore(tmp_path / "plain.db")
    with plain.write() as transaction:
        schema.metadata.drop_all(transaction.connection)
        schema.metadata.create_all(transaction.connection)
    with plain.reader.connect() as connection:
        direct = _tables(connection)
    plain.close()
    assert migrated == direct


@pytest.mark.parametrize(
    ("table", "row"),
    [
        (schema.instances, rows.InstanceRow),
        (schema.spans, rows.SpanRow),
        (schema.span_bodies, rows.BodyRow),
        (schema.events, rows.EventRow),
        (schema.quality, rows.QualityRow),
        (schema.check_queue, rows.CheckRow),
    ],
)
def test_rows_are_the_columns(table: object, row: type[rows.SpanRow]) -> None:
    """The fields of a row are the columns of its table in the same order."""
    assert [column.name for column in table.columns] == list(row.__struct_fields__)  # type: ignore[attr-defined]


def test_a_newer_database_is_left_alone(tmp_path: Path) -> None:
    """A database that a newer version has changed is refused with the way out, not touched."""
    path = tmp_path / "record.db"
    SqliteStore(path).close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (head_revision(),)
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreError, match="upgrade Holdfast"):
        SqliteStore(path)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """A file that is something else is refused and kept."""
    path = tmp_path / "record.db"
    path.write_bytes(b"dear diary" * 1000)
    with pytest.raises(StoreError, match="cannot be used"):
        SqliteStore(path)
    assert path.read_bytes().startswith(b"dear diary")
