"""Reading the runs that a search has come upon."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from holdfast.server.stores.base import Store
from holdfast.server.stores.reach import Reach, runs_within
from holdfast.server.stores.schema.record import instances

__all__ = ["SearchFilter", "SearchReads", "SearchedRun"]

_i: Final = instances.c


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFilter:
    """In which runs to look. Times are nanoseconds; `since` is included, `until` is not."""

    agent_id: str | None = None
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class SearchedRun:
    key: int
    id: str
    agent_id: str | None
    name: str | None
    status: str
    begun_at: int


_RUN: Final = (_i.key, _i.id, _i.agent_id, _i.name, _i.status, _i.begun_at)


class SearchReads:
    """Each method is one read of its own, in the calling thread."""

    def __init__(self, store: Store) -> None:
        self._engine = store.reader

    def runs(self, reach: Reach, wanted: SearchFilter, keys: Collection[int]) -> dict[int, SearchedRun]:
        """Those with these keys that lie within both, by key."""
        where = [runs_within(reach), _i.key.in_(keys)]
        if wanted.agent_id is not None:
            where.append(_i.agent_id == wanted.agent_id)
        if wanted.since is not None:
            where.append(_i.begun_at >= wanted.since)
        if wanted.until is not None:
            where.append(_i.begun_at < wanted.until)
        with self._engine.connect() as connection:
            rows = connection.execute(select(*_RUN).where(*where))
            return {row.key: SearchedRun(*row) for row in rows}

    def key_of(self, reach: Reach, run_id: str) -> int | None:
        with self._engine.connect() as connection:
            return connection.execute(select(_i.key).where(runs_within(reach), _i.id == run_id)).scalar()
