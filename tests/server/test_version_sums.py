"""Sums by version of an agent and of its schemas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from holdfast.server.services.setup import prepare
from holdfast.server.stores.base import Store
from holdfast.server.stores.durations import bucket_of, merge_durations
from holdfast.server.stores.opening import open_database
from holdfast.server.stores.schema import record as schema
from holdfast.server.stores.schema.versions import ROLLUP_COUNTS, version_rollups
from holdfast.server.stores.sqlite.store import SqliteStore
from holdfast.server.stores.version_fill import fill_version_sums
from holdfast.wire.operations import (
    AgentVersion,
    InstanceFinish,
    InstanceRegister,
    InstanceStart,
    Operation,
    SchemaVersion,
    SpanCreate,
)
from holdfast.wire.vocabulary import InstanceStatus, SpanStatus
from postgres_server import postgres_database
from server.records import NOW, apply, rows

_SECOND = 1_000_000_000


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind."""
    if request.param == "sqlite":
        store: Store = SqliteStore(tmp_path / "record.db")
        prepare(store, NOW)
        yield store
        store.close()
        return
    with postgres_database(request.getfixturevalue("postgres_address"), "version_sums") as address:
        store = open_database(Path("unused"), address)
        prepare(store, NOW)
        yield store
        store.close()


def _run(
    run_id: str, version: str, status: InstanceStatus, seconds: int, *, schemas: bool
) -> list[Operation]:
    return [
        InstanceStart(idempotency_key=f"{run_id}:s", agent_instance_id=run_id, timestamp=NOW),
        SpanCreate(
            idempotency_key=f"{run_id}:c",
            agent_instance_id=run_id,
            id="s",
            schema_name="agent:llm",
            name="answer",
            status=SpanStatus.COMPLETE,
            started_at=NOW,
            finished_at=NOW + _SECOND,
        ),
        InstanceFinish(
            idempotency_key=f"{run_id}:f",
            agent_instance_id=run_id,
            status=status,
            timestamp=NOW + seconds * _SECOND,
        ),
        # last: what came before belongs to no version until then
        InstanceRegister(
            idempotency_key=f"{run_id}:r",
            id=run_id,
            agent_id="one",
            agent_version=AgentVersion(name=version, external_identifier=version),
            agent_schema_version=SchemaVersion(span_schemas={"mine": {"type": "object"}})
            if schemas
            else None,
            timestamp=NOW,
        ),
    ]


def _fill(store: Store) -> None:
    apply(store, _run("a", "1", InstanceStatus.COMPLETE, 10, schemas=True))
    for op in _run("b", "1", InstanceStatus.FAILED, 20, schemas=False):
        apply(store, [op])
    apply(store, _run("c", "2", InstanceStatus.COMPLETE, 40, schemas=True))


def _sums(store: Store) -> dict[str, dict[str, Any]]:
    """By what the version is called; those of the schemas under `schemas`."""
    names = {row["id"]: row["external_identifier"] for row in rows(store, schema.agent_versions)}
    return {names.get(row["version_id"], "schemas"): row for row in rows(store, version_rollups)}


def test_runs_count_for_their_versions(store: Store) -> None:
    """Statuses, spans and durations, whatever comes first."""
    _fill(store)
    sums = _sums(store)
    assert {name: (row["runs_complete"], row["runs_failed"]) for name, row in sums.items()} == {
        "1": (1, 1),
        "2": (1, 0),
        "schemas": (2, 0),
    }
    assert sums["1"]["llm_calls"] == 2
    assert merge_durations([sums["1"]["durations"]]) == {
        bucket_of(10 * _SECOND): 1,
        bucket_of(20 * _SECOND): 1,
    }


def test_the_sums_of_versions_are_those_of_the_agent(store: Store) -> None:
    """Where every run named a version, they add up to the sums of the agent."""
    _fill(store)
    (whole,) = (row for row in rows(store, schema.rollups) if row["agent_id"] and row["runs_complete"])
    versions = [row for name, row in _sums(store).items() if name != "schemas"]
    for name in ROLLUP_COUNTS:
        assert sum(row[name] for row in versions) == whole[name], name


def test_a_record_from_before(store: Store) -> None:
    """What the migration counts is what the write path counted."""
    _fill(store)
    expected = rows(store, version_rollups)
    with store.write() as transaction:
        transaction.connection.execute(delete(version_rollups))
        fill_version_sums(transaction.connection)
    found = [row for row in expected if any(row[name] for name in ROLLUP_COUNTS)]
    assert rows(store, version_rollups) == found
