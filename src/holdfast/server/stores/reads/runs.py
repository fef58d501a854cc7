"""Reading runs: one run with what belongs to it, and sums over many. No statement here walks a whole table."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Row, func, select, tuple_

from holdfast.server.stores.base import Store
from holdfast.server.stores.reads.run_views import (
    AgentChoice,
    RunBody,
    RunCursor,
    RunEvent,
    RunFilter,
    RunQuality,
    RunRecord,
    RunSums,
    RunVersion,
)
from holdfast.server.stores.schema.record import (
    agent_versions,
    agents,
    environments,
    events,
    instances,
    quality,
    rollups,
)

__all__ = ["RUNS_WITH_NAMES", "RUN_RECORD", "RunReads"]

_i: Final = instances.c
RUN_RECORD: Final = (
    _i.key,
    _i.id,
    _i.name,
    _i.root_name,
    _i.status,
    _i.purpose,
    _i.agent_id,
    agents.c.name,
    agent_versions.c.name,
    agent_versions.c.external_identifier,
    _i.begun_at,
    _i.started_at,
    _i.finished_at,
    _i.updated_at,
    _i.spans_total,
    _i.spans_pending,
    _i.spans_active,
    _i.spans_complete,
    _i.spans_failed,
    _i.spans_cancelled,
    _i.llm_calls,
    _i.tool_calls,
    _i.errors,
    _i.input_tokens,
    _i.output_tokens,
    _i.cache_read_tokens,
    _i.cache_write_tokens,
    _i.reasoning_tokens,
    _i.cost_nano,
    _i.cost_reported,
    _i.cost_computed,
    _i.cost_estimated,
    _i.cost_unknown,
    _i.events,
    _i.violations,
    _i.error_type,
    _i.termination_reason,
    _i.external_identifier,
    _i.parent,
    _i.sdk,
    environments.c.name,
    _i.closed_by_server,
    _i.duration,
)
"""The columns of a `RunRecord`, out of `RUNS_WITH_NAMES`."""
RUNS_WITH_NAMES: Final = (
    instances.outerjoin(agents, agents.c.id == _i.agent_id)
    .outerjoin(agent_versions, agent_versions.c.id == _i.agent_version_id)
    .outerjoin(environments, environments.c.id == _i.environment_id)
)


class RunReads:
    """Each method is one read of its own, in the calling thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._engine = store.reader

    def before(self, account_id: str, agent_id: str, place: RunCursor) -> RunRecord | None:
        """The agent's run that began last before that place."""
        query = select(*RUN_RECORD).select_from(RUNS_WITH_NAMES).order_by(_i.begun_at.desc(), _i.key.desc())
        query = query.where(
            _i.account_id == account_id,
            _i.agent_id == agent_id,
            tuple_(place.begun_at, place.key) > tuple_(_i.begun_at, _i.key),
        )
        with self._engine.connect() as connection:
            row = connection.execute(query.limit(1)).first()
        return None if row is None else _record(row)

    def run(self, account_id: str, run_id: str) -> RunRecord | None:
        query = select(*RUN_RECORD).select_from(RUNS_WITH_NAMES)
        with self._engine.connect() as connection:
            row = connection.execute(query.where(_i.account_id == account_id, _i.id == run_id)).first()
        return None if row is None else _record(row)

    def body(self, key: int) -> RunBody:
        query = select(_i.attributes, _i.finish_attributes, _i.error).where(_i.key == key)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return RunBody(None, None, None) if row is None else RunBody(*row)

    def version(self, account_id: str, run_id: str) -> RunVersion | None:
        query = select(
            _i.key,
            _i.status,
            _i.updated_at,
            _i.spans_total,
            _i.spans_failed,
            _i.spans_complete + _i.spans_failed + _i.spans_cancelled,
            _i.events,
            _i.violations,
        ).where(_i.account_id == account_id, _i.id == run_id)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else RunVersion(*row)

    def sums(self, wanted: RunFilter) -> RunSums:
        """Over the hours of `wanted`, of its agent."""
        r = rollups.c
        columns = (
            *(r[f"runs_{n}"] for n in ("pending", "active", "complete", "failed", "cancelled", "terminated")),
            r.spans_total,
            r.errors,
            r.input_tokens,
            r.output_tokens,
            r.cost_nano,
            r.cost_unknown,
            r.llm_calls,
        )
        query = select(*(func.coalesce(func.sum(column), 0) for column in columns)).where(
            r.account_id == wanted.account_id
        )
        if wanted.agent_id is not None:
            query = query.where(r.agent_id == wanted.agent_id)
        if wanted.since is not None:
            query = query.where(r.hour >= wanted.since // _HOUR)
        if wanted.until is not None:
            query = query.where(r.hour < -(-wanted.until // _HOUR))
        with self._engine.connect() as connection:
            return RunSums(*(int(value) for value in connection.execute(query).one()))

    def agents(self, account_id: str, limit: int) -> list[AgentChoice]:
        """The account's agents by name, at most `limit`."""
        a = agents.c
        query = select(a.id, a.name).where(a.account_id == account_id).order_by(a.name, a.id).limit(limit)
        with self._engine.connect() as connection:
            return [AgentChoice(*row) for row in connection.execute(query)]

    def events(self, key: int, limit: int, *, span_id: str | None = None) -> list[RunEvent]:
        """The first `limit` events of a run in the order of their times, or of one span in it."""
        e = events.c
        query = select(e.id, e.span_id, e.name, e.level, e.timestamp, e.payload).where(e.instance_key == key)
        if span_id is not None:
            query = query.where(e.span_id == span_id)
        query = query.order_by(e.timestamp, e.id).limit(limit)
        with self._engine.connect() as connection:
            found = [RunEvent(*row) for row in connection.execute(query)]
            moved = self._store.moved_parts(connection, [key]).get(key)
        if moved is None:
            return found
        older = moved.events(limit, span_ids=None if span_id is None else [span_id])
        found += [RunEvent(e.id, e.span_id, e.name, e.level, e.timestamp, e.payload) for e in older]
        every = {event.id: event for event in found}
        return sorted(every.values(), key=lambda event: (event.timestamp, event.id))[:limit]

    def event_payload(self, key: int, event_id: str) -> bytes | None:
        e = events.c
        query = select(e.payload).where(e.instance_key == key, e.id == event_id)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
            moved = self._store.moved_parts(connection, [key]).get(key) if row is None else None
        if moved is not None:
            return moved.event_payload(event_id)
        return None if row is None else row[0]

    def quality(self, key: int, limit: int) -> list[RunQuality]:
        """The first `limit` judgements of a run by name; those taken away are left out."""
        q = quality.c
        query = select(q.name, q.timestamp, q.payload, q.summary, q.violations).where(
            q.instance_key == key, q.payload.is_not(None)
        )
        with self._engine.connect() as connection:
            return [RunQuality(*row) for row in connection.execute(query.order_by(q.name).limit(limit))]


_HOUR: Final = 3_600_000_000_000


def _record(row: Row[*tuple[Any, ...]]) -> RunRecord:
    return RunRecord(*row)
