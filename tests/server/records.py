"""Applying operations to a store directly, and looking at what the tables then hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from holdfast.server.services.auth import Principal
from holdfast.server.services.recording.apply import Batch, BatchResult, apply_batches
from holdfast.server.services.recording.working_set import WorkingSet
from holdfast.server.services.setup import DEFAULT_ACCOUNT
from holdfast.server.stores.base import Store
from holdfast.server.stores.schema import record as schema
from holdfast.server.stores.schema.facets import facet_rollups, failed, run_facets
from holdfast.wire.operations import Operation
from holdfast.wire.vocabulary import OnError, TokenScope

WHO = Principal(token_id="t", account_id=DEFAULT_ACCOUNT, scopes=frozenset(TokenScope))
NOW = 1_800_000_000_000_000_000


def apply(
    store: Store, items: Sequence[Operation], *, on_error: OnError = OnError.CONTINUE, now: int = NOW
) -> BatchResult:
    """One request with these operations, in a transaction of its own."""
    with store.write() as transaction:
        work = WorkingSet(transaction, now)
        (result,) = apply_batches(work, [Batch(who=WHO, items=list(items), on_error=on_error)])
        work.write()
    return result


def rows(store: Store, table: Any) -> list[dict[str, Any]]:
    """Every row, in the order of the primary key."""
    with store.reader.connect() as connection:
        found = connection.execute(select(table).order_by(*table.primary_key.columns)).mappings()
        return [dict(row) for row in found]


def picture(store: Store) -> dict[str, Any]:
    """What the record says, without what depends on the order of arrival (numbers of rows and made-up ids)."""
    keys = {row["key"]: row["id"] for row in rows(store, schema.instances)}
    bodies = {row["key"]: row for row in rows(store, schema.span_bodies)}
    agents = {row["id"]: row["name"] for row in rows(store, schema.agents)} | {"": "", None: None}
    made_up = ("key", "agent_version_id", "environment_id", "deployment_id", "schema_version_id")
    spans = []
    for row in rows(store, schema.spans):
        body = {**bodies[row.pop("body_key")]}
        del body["key"]
        spans.append({**row, "instance_key": keys[row["instance_key"]], **body})
    return {
        "runs": sorted(
            (
                {k: v for k, v in row.items() if k not in made_up} | {"agent_id": agents[row["agent_id"]]}
                for row in rows(store, schema.instances)
            ),
            key=lambda row: row["id"],
        ),
        "spans": sorted(spans, key=lambda row: (row["instance_key"], row["id"])),
        "events": sorted(
            ({**row, "instance_key": keys[row["instance_key"]]} for row in rows(store, schema.events)),
            key=lambda row: (row["instance_key"], row["id"]),
        ),
        "quality": sorted(
            ({**row, "instance_key": keys[row["instance_key"]]} for row in rows(store, schema.quality)),
            key=lambda row: (row["instance_key"], row["name"]),
        ),
        "facets": sorted(
            ({**row, "instance_key": keys[row["instance_key"]]} for row in rows(store, run_facets)),
            key=lambda row: (row["instance_key"], row["kind"], row["name"]),
        ),
        "facet rollups": sorted(
            ({**row, "agent_id": agents[row["agent_id"]]} for row in rows(store, facet_rollups)),
            key=lambda row: (row["kind"], row["hour"], row["agent_id"], row["name"]),
        ),
        "failed": sorted(
            ({**row, "instance_key": keys[row["instance_key"]]} for row in rows(store, failed)),
            key=lambda row: (row["instance_key"], row["span_id"]),
        ),
        "rollups": sorted(
            (
                {**row, "agent_id": agents[row["agent_id"]]}
                for row in rows(store, schema.rollups)
                if row["durations"] != b"{}" or any(v for v in row.values() if type(v) is int and v < 400_000)
            ),
            key=lambda row: (row["agent_id"], row["hour"]),
        ),
    }
