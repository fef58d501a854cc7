"""Erasing in a record that an older version has written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from holdfast.server.services.setup import prepare
from holdfast.server.stores.migrate import upgrade
from holdfast.server.stores.opening import open_database
from holdfast.server.stores.schema import record as schema
from server.records import NOW, rows

_ANSWERS = [
    ("default", "agent_instances/register", "k1", b'{"status":"success","details":{"id":"r"}}', "r"),
    ("default", "agent_spans/finish s", "k2", b'{"details":{"id":"s","agent_instance_id":"r"}}', "r"),
    (
        "default agent=a environment=",
        "agent_events/create r",
        "k3",
        b'{"details":{"agent_instance_id":"r"}}',
        "r",
    ),
    ("other", "agent_instances/start r", "k4", b'{"details":{"id":"r"}}', "other's r"),
    ("default", "agent_instances/start gone", "k5", b'{"details":{"id":"gone"}}', None),
    ("default", "agents/create", "k6", b'{"details":{"id":"r"}}', None),
]


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Path, str | None]]:
    """For SQLAlchemy; the file, and the address that a server is told."""
    file = tmp_path / "old.db"
    if request.param == "sqlite":
        yield f"sqlite:///{file}", file, None
    else:
        postgres = request.getfixturevalue("postgres")
        yield postgres.replace("postgresql://", "postgresql+psycopg://"), file, postgres


def _record(connection: Connection) -> None:
    for run, account in ((1, "default"), (2, "other")):
        connection.execute(
            text(
                "INSERT INTO instances (key, account_id, id, status, purpose, begun_at, inserted_at, updated_at) "
                "VALUES (:key, :account, 'r', 'complete', 'live', 1, 1, 1)"
            ),
            {"key": run, "account": account},
        )
    for account, action, key, response, _ in _ANSWERS:
        connection.execute(
            text(
                "INSERT INTO idempotency (account_id, action, key, response, inserted_at) "
                "VALUES (:account, :action, :key, :response, 1)"
            ),
            {"account": account, "action": action, "key": key, "response": response},
        )


def test_answers_from_before_are_known_by_their_run(address: tuple[str, Path, str | None]) -> None:
    """The answers that were kept for repeats are erased with their runs, also those that lay there before
    anybody noted whose they are."""
    url, file, server = address
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        upgrade(connection, to="0005")
        assert "instance_key" not in {c["name"] for c in inspect(connection).get_columns("idempotency")}
        _record(connection)
    engine.dispose()
    store = open_database(file, server)
    prepare(store, NOW)
    found = {row["key"]: row["instance_key"] for row in rows(store, schema.idempotency)}
    store.close()
    keys = {"r": 1, "other's r": 2, None: None}
    assert found == {key: keys[run] for _, _, key, _, run in _ANSWERS}
