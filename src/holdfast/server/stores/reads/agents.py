"""Reading agents for pages: who there are, when they last ran, and their versions with the sums of their runs.

Sums come from the hourly rows; when an agent last ran is the end of an index.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Table, func, select

from holdfast.server.stores.agents import AgentRow, find_agent_row
from holdfast.server.stores.base import Store
from holdfast.server.stores.durations import merge_durations
from holdfast.server.stores.reach import Reach
from holdfast.server.stores.reads.overview_views import RollupPoint
from holdfast.server.stores.schema.record import agent_versions, agents, instances, schema_versions
from holdfast.server.stores.schema.versions import version_rollups

__all__ = ["AgentReads", "SchemaVersionRecord", "VersionRecord", "VersionSum"]

_v: Final = version_rollups.c
_STATUSES: Final = ("pending", "active", "complete", "failed", "cancelled", "terminated")
_COUNTS: Final = (
    *(_v[f"runs_{status}"] for status in _STATUSES),
    _v.errors,
    _v.llm_calls,
    _v.input_tokens,
    _v.output_tokens,
    _v.cost_nano,
    _v.cost_unknown,
)


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """A version of an agent; `inserted_at` is when it was first heard of, in nanoseconds."""

    id: str
    agent_id: str
    name: str | None
    external_identifier: str | None
    inserted_at: int


@dataclass(frozen=True, slots=True)
class SchemaVersionRecord:
    """As `VersionRecord`, of the schemas that an agent declares; `content` is a `SchemaVersion` in JSON."""

    id: str
    external_identifier: str | None
    content_hash: str
    content: bytes
    inserted_at: int


@dataclass(frozen=True, slots=True)
class VersionSum:
    """What the runs of one version come to. `violations` counts places that break a schema, of `spans` spans."""

    point: RollupPoint
    spans: int
    violations: int


class AgentReads:
    """Each method is one read of its own, in the calling thread."""

    def __init__(self, store: Store) -> None:
        self._engine = store.reader

    def agents(self, account_id: str, limit: int) -> list[AgentRow]:
        """By name."""
        query = select(agents).where(agents.c.account_id == account_id)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(agents.c.name, agents.c.id).limit(limit)).mappings()
            return [AgentRow(**row) for row in rows]

    def agent(self, account_id: str, agent_id: str) -> AgentRow | None:
        with self._engine.connect() as connection:
            return find_agent_row(connection, Reach(account_id=account_id), agent_id=agent_id)

    def last_begun(self, account_id: str, agent_ids: Collection[str]) -> dict[str, int]:
        """When the last run of each began, in nanoseconds; those that never ran are left out."""
        i = instances.c
        found: dict[str, int] = {}
        with self._engine.connect() as connection:
            for agent_id in agent_ids:
                newest = select(func.max(i.begun_at)).where(
                    i.account_id == account_id, i.agent_id == agent_id
                )
                begun_at = connection.execute(newest).scalar()
                if begun_at is not None:
                    found[agent_id] = begun_at
        return found

    def newest_versions(self, account_id: str) -> dict[str, tuple[VersionRecord, int]]:
        """Of each agent that has versions the newest, and how many there are."""
        v = agent_versions.c
        newest_first = (v.inserted_at.desc(), v.id.desc())
        ranked = (
            select(
                v.id,
                v.agent_id,
                v.name,
                v.external_identifier,
                v.inserted_at,
                func.count().over(partition_by=v.agent_id).label("versions"),
                func.row_number().over(partition_by=v.agent_id, order_by=newest_first).label("rank"),
            )
            .where(v.agent_id.in_(select(agents.c.id).where(agents.c.account_id == account_id)))
            .subquery()
        )
        query = select(*ranked.c).where(ranked.c.rank == 1)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        names = ("id", "agent_id", "name", "external_identifier", "inserted_at")
        return {row["agent_id"]: (_version(*(row[n] for n in names)), row["versions"]) for row in rows}

    def versions(self, agent_id: str, limit: int) -> list[VersionRecord]:
        """The newest first."""
        v = agent_versions.c
        query = select(v.id, v.agent_id, v.name, v.external_identifier, v.inserted_at)
        query = _newest(query.where(v.agent_id == agent_id), agent_versions, limit)
        with self._engine.connect() as connection:
            return [_version(*row) for row in connection.execute(query)]

    def schema_versions(self, agent_id: str, limit: int) -> list[SchemaVersionRecord]:
        """The newest first."""
        v = schema_versions.c
        query = select(v.id, v.external_identifier, v.content_hash, v.content, v.inserted_at)
        query = _newest(query.where(v.agent_id == agent_id), schema_versions, limit)
        with self._engine.connect() as connection:
            return [_schema_version(*row) for row in connection.execute(query)]

    def version_sums(
        self, account_id: str, version_ids: Sequence[str], first: int, last: int
    ) -> Mapping[str, VersionSum]:
        """Over the runs that began in the hours from `first` to before `last`; versions without any are left
        out."""
        where = (
            _v.account_id == account_id,
            _v.version_id.in_(version_ids),
            _v.hour >= first,
            _v.hour < last,
        )
        sums = select(
            _v.version_id,
            func.sum(_v.spans_total),
            func.sum(_v.violations),
            *(func.sum(column) for column in _COUNTS),
        ).where(*where)
        sketches: dict[str, list[bytes]] = {}
        with self._engine.connect() as connection:
            for version_id, sketch in connection.execute(select(_v.version_id, _v.durations).where(*where)):
                sketches.setdefault(version_id, []).append(sketch)
            rows = connection.execute(sums.group_by(_v.version_id)).all()
        return {row[0]: _version_sum(first, sketches[row[0]], *row) for row in rows}


def _newest(query: Any, table: Table, limit: int) -> Any:
    return query.order_by(table.c.inserted_at.desc(), table.c.id.desc()).limit(limit)


def _version(*values: Any) -> VersionRecord:
    return VersionRecord(*values)


def _schema_version(*values: Any) -> SchemaVersionRecord:
    return SchemaVersionRecord(*values)


def _version_sum(
    first: int, sketches: list[bytes], version_id: str, spans: int, violations: int, *counts: int
) -> VersionSum:
    del version_id
    point = RollupPoint(first, "", merge_durations(sketches), *map(int, counts))
    return VersionSum(point, int(spans), int(violations))
