"""Reading the quality records of many runs: what the agents themselves said of their newest work."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from sqlalchemy import select

from holdfast.server.stores.base import Store
from holdfast.server.stores.schema.record import agents, instances, quality

__all__ = ["NEWEST_RECORDS", "NEWEST_RUNS", "QualityLine", "QualityReads"]

NEWEST_RUNS: Final = 20_000
"""How many runs are looked at for quality records, at most."""
NEWEST_RECORDS: Final = 2_000
_LARGEST_PAYLOAD: Final = 64 << 10

_i = instances.c
_q = quality.c


class QualityLine(Struct, frozen=True):
    """One record with its run. `payload` is None where it is larger than 64 KiB."""

    name: str
    timestamp: int
    payload: bytes | None
    summary: str | None
    violations: int | None
    run_id: str
    run_name: str | None
    agent_id: str | None
    agent_name: str | None


class QualityReads:
    """Each call sees one state of the database."""

    def __init__(self, store: Store) -> None:
        self._engine = store.reader

    def newest(
        self, account_id: str, *, agent_id: str | None, since: int | None, until: int | None
    ) -> list[QualityLine]:
        """The records of the newest runs that began in the range, newest run first."""
        where = [_i.account_id == account_id]
        if agent_id is not None:
            where.append(_i.agent_id == agent_id)
        if since is not None:
            where.append(_i.begun_at >= since)
        if until is not None:
            where.append(_i.begun_at < until)
        runs = select(_i.key).where(*where).order_by(_i.begun_at.desc(), _i.key.desc()).limit(NEWEST_RUNS)
        wanted = (
            select(
                _q.name,
                _q.timestamp,
                _q.payload,
                _q.summary,
                _q.violations,
                _i.id,
                _i.name,
                _i.agent_id,
                agents.c.name,
            )
            .join(instances, _i.key == _q.instance_key)
            .outerjoin(agents, agents.c.id == _i.agent_id)
            .where(_q.instance_key.in_(runs), _q.payload.is_not(None))
            .order_by(_i.begun_at.desc(), _i.key.desc(), _q.name)
            .limit(NEWEST_RECORDS)
        )
        with self._engine.connect() as connection:
            return [_line(*row) for row in connection.execute(wanted)]


def _line(name: str, timestamp: int, payload: bytes, *rest: str | int | None) -> QualityLine:
    return QualityLine(name, timestamp, payload if len(payload) <= _LARGEST_PAYLOAD else None, *rest)  # type: ignore[arg-type]  # the columns in their order
