"""Scores: kept, read within a reach, summed up by the day."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, select

from holdfast.server.stores.base import Store
from holdfast.server.stores.reach import Reach, runs_within
from holdfast.server.stores.reads.api import Window
from holdfast.server.stores.schema.record import agents, instances
from holdfast.server.stores.schema.scores import scores

__all__ = [
    "DayOfScores",
    "ScoreFilter",
    "ScoreReads",
    "ScoreRow",
    "drop_score",
    "keep_score",
    "run_key",
    "thumb_id",
]

_DAY = 24 * 3_600_000_000_000
_MOST_SUMMED = 100_000
_s = scores.c
_i = instances.c


class ScoreRow(Struct, frozen=True, kw_only=True):
    """A row of `scores`, with its run: its id, and what it is called where it has a name."""

    account_id: str
    id: str
    instance_key: int
    run_id: str
    run_name: str | None = None
    span_id: str | None
    name: str
    value: float
    comment: str | None
    author: str | None
    source: str
    inserted_at: int
    updated_at: int


class ScoreFilter(Struct, frozen=True, kw_only=True):
    """None leaves a field open. `since` and `until` are nanoseconds; `until` is not included."""

    run_id: str | None = None
    agent_id: str | None = None
    name: str | None = None
    since: int | None = None
    until: int | None = None


class DayOfScores(Struct, frozen=True):
    """The scores of one name that one agent's runs got on one day (UTC, counted from 1970)."""

    name: str
    agent_id: str | None
    agent_name: str | None
    day: int
    count: int
    total: float
    least: float
    most: float


def thumb_id(instance_key: int) -> str:
    """The id of the score that the console gives a run: one a run, a new one replaces it."""
    return f"console-thumb-{instance_key}"


def run_key(connection: Connection, reach: Reach, run_id: str) -> int | None:
    """The key of a run within the reach."""
    return connection.execute(select(_i.key).where(runs_within(reach), _i.id == run_id)).scalar()


def keep_score(connection: Connection, row: ScoreRow) -> ScoreRow | None:
    """Insert or replace; gives what is kept now. None where the id is that of another run's score."""
    known = connection.execute(
        select(_s.instance_key, _s.inserted_at).where(_s.account_id == row.account_id, _s.id == row.id)
    ).first()
    if known is not None and known.instance_key != row.instance_key:
        return None
    kept = row
    if known is not None:
        kept = ScoreRow(**(asdict(row) | {"inserted_at": known.inserted_at}))
        drop_score(connection, row.account_id, row.id)
    values = asdict(kept)
    del values["run_id"], values["run_name"]
    connection.execute(insert(scores).values(values))
    return kept


def drop_score(connection: Connection, account_id: str, score_id: str) -> None:
    connection.execute(delete(scores).where(_s.account_id == account_id, _s.id == score_id))


class ScoreReads:
    """Each call sees one state of the database."""

    def __init__(self, store: Store) -> None:
        self._engine = store.reader

    def one(self, reach: Reach, score_id: str) -> ScoreRow | None:
        with self._engine.connect() as connection:
            row = connection.execute(_within(reach).where(_s.id == score_id)).mappings().first()
        return None if row is None else ScoreRow(**row)

    def page(self, reach: Reach, wanted: ScoreFilter, window: Window) -> tuple[list[ScoreRow], int]:
        """One page, and how many there are: by `inserted_at`, or by `updated_at` where the window asks for it."""
        column = _s.updated_at if window.field == "updated_at" else _s.inserted_at
        order = (column.desc(), _s.id.desc()) if window.descending else (column, _s.id)
        rows = _within(reach).where(*_conditions(wanted))
        with self._engine.connect() as connection:
            found = connection.execute(
                rows.order_by(*order).offset(window.offset).limit(window.size)
            ).mappings()
            kept = [ScoreRow(**row) for row in found]
            total = connection.execute(select(func.count()).select_from(rows.subquery())).scalar_one()
        return kept, total

    def thumb(self, instance_key: int) -> ScoreRow | None:
        """The one that the console gave."""
        wanted = _rows().where(_s.instance_key == instance_key, _s.id == thumb_id(instance_key))
        with self._engine.connect() as connection:
            row = connection.execute(wanted).mappings().first()
        return None if row is None else ScoreRow(**row)

    def of_run(self, instance_key: int, limit: int) -> list[ScoreRow]:
        """The newest of a run, newest first."""
        rows = _rows().where(_s.instance_key == instance_key).order_by(_s.updated_at.desc(), _s.id)
        with self._engine.connect() as connection:
            return [ScoreRow(**row) for row in connection.execute(rows.limit(limit)).mappings()]

    def days(self, account_id: str, wanted: ScoreFilter) -> list[DayOfScores]:
        """Sums by name, agent and day, of the newest 100,000 scores that are wanted at most."""
        newest = (
            select(_s.name, _i.agent_id, (_s.inserted_at // _DAY).label("day"), _s.value)
            .join(instances, _i.key == _s.instance_key)
            .where(_s.account_id == account_id, *_conditions(wanted))
            .order_by(_s.inserted_at.desc())
            .limit(_MOST_SUMMED)
            .subquery()
        )
        n = newest.c
        summed = (
            select(
                n.name,
                n.agent_id,
                agents.c.name,
                n.day,
                func.count(),
                func.sum(n.value),
                func.min(n.value),
                func.max(n.value),
            )
            .outerjoin(agents, agents.c.id == n.agent_id)
            .group_by(n.name, n.agent_id, agents.c.name, n.day)
            .order_by(n.name, agents.c.name, n.day)
        )
        with self._engine.connect() as connection:
            return [DayOfScores(*row) for row in connection.execute(summed)]


def _rows() -> Select[Any]:
    return select(scores, _i.id.label("run_id"), func.coalesce(_i.name, _i.root_name).label("run_name")).join(
        instances, _i.key == _s.instance_key
    )


def _within(reach: Reach) -> Select[Any]:
    return _rows().where(_s.account_id == reach.account_id, runs_within(reach))


def _conditions(wanted: ScoreFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.run_id is not None:
        found.append(_i.id == wanted.run_id)
    if wanted.agent_id is not None:
        found.append(_i.agent_id == wanted.agent_id)
    if wanted.name is not None:
        found.append(_s.name == wanted.name)
    if wanted.since is not None:
        found.append(_s.inserted_at >= wanted.since)
    if wanted.until is not None:
        found.append(_s.inserted_at < wanted.until)
    return found
