"""The list of runs, filtered and sorted: along an index, a page at a time.

No statement counts or walks a whole table. One filter and the order choose the index that leads; what other
filters there are is looked at along it, a stretch at a time, until the page is full, the runs end or the time is
up. Then the slice says how far it got.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, FromClause, Row, Select, or_, select, tuple_

from holdfast.server.stores.base import Store
from holdfast.server.stores.reads.facets import has_facet, is_facet
from holdfast.server.stores.reads.run_views import RunRecord
from holdfast.server.stores.reads.runs import RUN_RECORD, RUNS_WITH_NAMES
from holdfast.server.stores.schema.facets import run_facets
from holdfast.server.stores.schema.record import instances
from holdfast.wire.vocabulary import FacetKind, RunOrder

__all__ = ["LOOK", "Range", "RunList", "RunListFilter", "RunListSlice", "RunPlace"]

LOOK: Final = 10_000
"""How many runs are looked at in one stretch, and how many of the newest a list sorted by tokens is made of."""
_LEADING: Final = (
    FacetKind.FAILURE,
    FacetKind.EVENT,
    FacetKind.CATEGORY,
    FacetKind.TOOL,
    FacetKind.MODEL,
)
"""The facets that lead, those with the fewest runs first."""


@dataclass(frozen=True, slots=True)
class Range:
    """From `least` to `most`, both included; None is open."""

    least: int | None = None
    most: int | None = None

    def __bool__(self) -> bool:
        return self.least is not None or self.most is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunListFilter:
    """Which runs. Times and durations are nanoseconds, costs nano-dollars; `since` is included, `until` is not.
    A run without a known cost or end is in no range of them. `text` is looked for in names and ids."""

    account_id: str
    agent_id: str | None = None
    version_id: str | None = None
    environment_id: str | None = None
    purpose: str | None = None
    status: str | None = None
    since: int | None = None
    until: int | None = None
    facets: tuple[tuple[FacetKind, str], ...] = ()
    cost: Range = field(default_factory=Range)
    duration: Range = field(default_factory=Range)
    tokens: Range = field(default_factory=Range)
    text: str | None = None


@dataclass(frozen=True, slots=True)
class RunPlace:
    """A place in a list: the value it is sorted by, then the run's key."""

    value: int
    key: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunListSlice:
    """One page. `newer` and `older` say whether to look further towards the top and the bottom, and from where.
    `reached` is set where it stopped before the page was full: the value of the last run it looked at."""

    runs: list[RunRecord]
    newer: RunPlace | None
    older: RunPlace | None
    reached: int | None = None


_Query = Select[*tuple[Any, ...]]
_i: Final = instances.c
_f: Final = run_facets.c
_TOKENS: Final = _i.input_tokens + _i.output_tokens
_KNOWN_COST: Final = _i.cost_reported + _i.cost_computed + _i.cost_estimated > 0


@dataclass(frozen=True, slots=True)
class _Lane:
    """The index that leads. `along` are the conditions that it answers, `beside` the others; `look` is the length
    of a stretch."""

    look: int
    source: FromClause
    index: str
    value: ColumnElement[int]
    key: ColumnElement[int]
    along: list[ColumnElement[bool]]
    beside: list[ColumnElement[bool]]

    def edge(self, start: RunPlace | None, *, down: bool) -> _Query:
        """The last place of the next stretch, in the index alone."""
        query: _Query = select(self.value, self.key).select_from(self.source).where(*self.along)
        query = self._indexed(query.order_by(*self._order(down=down)))
        if start is not None:
            query = query.where(self._beyond(start, down=down))
        return query.offset(self.look - 1).limit(1)

    def records(self, start: RunPlace | None, end: RunPlace | None, *, down: bool) -> _Query:
        """The runs between the two places (`start` is not among them), with all conditions."""
        joined = RUNS_WITH_NAMES
        if self.source is run_facets:
            joined = joined.join(run_facets, self.key == _i.key)
        query: _Query = select(*RUN_RECORD).select_from(joined).where(*self.along, *self.beside)
        query = self._indexed(query.order_by(*self._order(down=down)))
        if start is not None:
            query = query.where(self._beyond(start, down=down))
        if end is not None:
            query = query.where(self._until(end, down=down))
        return query

    def _indexed(self, query: _Query) -> _Query:
        # SQLite would rather sort what another index gives than walk along this one
        return query.with_hint(self.source, f"INDEXED BY {self.index}", "sqlite")

    def _order(self, *, down: bool) -> list[ColumnElement[Any]]:
        columns = [self.value, self.key]
        return [column.desc() for column in columns] if down else list(columns)

    def _beyond(self, place: RunPlace, *, down: bool) -> ColumnElement[bool]:
        there, here = tuple_(place.value, place.key), tuple_(self.value, self.key)
        return there > here if down else there < here

    def _until(self, place: RunPlace, *, down: bool) -> ColumnElement[bool]:
        there, here = tuple_(place.value, place.key), tuple_(self.value, self.key)
        return there <= here if down else there >= here


class RunList:
    """Each method is one read of its own, in the calling thread.

    `look` runs are looked at in one stretch; after `seconds` of it a list that is not full is left so.
    """

    def __init__(self, store: Store, *, look: int = LOOK, seconds: float = 0.04) -> None:
        self._engine = store.reader
        self._look = look
        self._seconds = seconds

    def page(
        self,
        wanted: RunListFilter,
        order: RunOrder,
        limit: int,
        *,
        before: RunPlace | None = None,
        after: RunPlace | None = None,
    ) -> RunListSlice:
        """`limit` runs below `before`, or above `after`, or from the top; always from the top down. By tokens
        there is one page: the most among the newest that are looked at."""
        if order is RunOrder.TOKENS:
            return self._most_tokens(wanted, limit)
        lane, down = _lane(wanted, order, self._look), after is None
        with self._engine.connect() as connection:
            found, reached = self._walk(connection, lane, limit + 1, before if down else after, down=down)
        more = len(found) > limit
        runs = found[:limit]
        beyond = _place(runs[-1], order) if more else reached
        back = _place(runs[0], order) if runs else before if down else after
        if not down:
            runs.reverse()
        return RunListSlice(
            runs=runs,
            newer=(back if before is not None else None) if down else beyond,
            older=beyond if down else back,
            reached=reached.value if reached is not None and not more else None,
        )

    def count_newer(self, wanted: RunListFilter, than: RunPlace, most: int) -> int:
        """How many runs have come above a place of the list of the newest, at most `most`."""
        with self._engine.connect() as connection:
            found, _ = self._walk(
                connection, _lane(wanted, RunOrder.NEWEST, self._look), most, than, down=False
            )
        return len(found)

    def of_keys(self, wanted: RunListFilter, keys: Collection[int]) -> dict[int, RunRecord]:
        """Those of the runs with these keys that are wanted, by key."""
        lane = _lane(wanted, RunOrder.NEWEST, self._look)
        joined = RUNS_WITH_NAMES
        if lane.source is run_facets:
            joined = joined.join(run_facets, lane.key == _i.key)
        query = select(*RUN_RECORD).select_from(joined).where(*lane.along, *lane.beside, _i.key.in_(keys))
        with self._engine.connect() as connection:
            return {run.key: run for run in map(_record, connection.execute(query))}

    def _walk(
        self, connection: Connection, lane: _Lane, limit: int, start: RunPlace | None, *, down: bool
    ) -> tuple[list[RunRecord], RunPlace | None]:
        """The runs, and where it stopped for its time."""
        deadline = time.monotonic() + self._seconds
        found: list[RunRecord] = []
        while True:
            end = None
            if lane.beside:
                end = _found_place(connection.execute(lane.edge(start, down=down)).first())
            query = lane.records(start, end, down=down).limit(limit - len(found))
            found += [_record(row) for row in connection.execute(query)]
            if len(found) == limit or end is None:
                return found, None
            if time.monotonic() > deadline:
                return found, end
            start = end

    def _most_tokens(self, wanted: RunListFilter, limit: int) -> RunListSlice:
        lane = _lane(wanted, RunOrder.NEWEST, self._look)
        with self._engine.connect() as connection:
            end = _found_place(connection.execute(lane.edge(None, down=True)).first())
            query = lane.records(None, end, down=True).order_by(None).order_by(_TOKENS.desc(), _i.key.desc())
            runs = [_record(row) for row in connection.execute(query.limit(limit))]
        return RunListSlice(runs=runs, newer=None, older=None, reached=None if end is None else end.value)


def _record(row: Row[*tuple[Any, ...]]) -> RunRecord:
    return RunRecord(*row)


def _found_place(row: Any) -> RunPlace | None:
    return None if row is None else RunPlace(row[0], row[1])


def _place(run: RunRecord, order: RunOrder) -> RunPlace:
    if order is RunOrder.COST:
        return RunPlace(run.cost_nano, run.key)
    if order is RunOrder.DURATION:
        return RunPlace(run.duration or 0, run.key)
    return RunPlace(run.begun_at, run.key)


def _lane(wanted: RunListFilter, order: RunOrder, look: int) -> _Lane:
    beside = _beside(wanted)
    if order is RunOrder.COST:
        along = [_i.account_id == wanted.account_id, *_between(_i.cost_nano, wanted.cost)]
        beside += [*_plain(wanted), *_times(_i.begun_at, wanted), *_between(_i.duration, wanted.duration)]
        if wanted.cost:
            beside.append(_KNOWN_COST)
        return _Lane(
            look, instances, "ix_instances_cost", _i.cost_nano, _i.key, along, beside + _facets(wanted)
        )
    if order is RunOrder.DURATION:
        along = [_i.account_id == wanted.account_id, _i.duration.is_not(None)]
        along += _between(_i.duration, wanted.duration)
        beside += [*_plain(wanted), *_times(_i.begun_at, wanted), *_costs(wanted)]
        return _Lane(
            look, instances, "ix_instances_duration", _i.duration, _i.key, along, beside + _facets(wanted)
        )
    beside += [*_costs(wanted), *_between(_i.duration, wanted.duration)]
    leading = min(wanted.facets, key=lambda facet: _LEADING.index(facet[0]), default=None)
    if leading is not None:
        along = [is_facet(wanted.account_id, *leading), *_times(_f.begun_at, wanted)]
        beside += [*_plain(wanted), *_facets(wanted, but=leading)]
        return _Lane(look, run_facets, "ix_run_facets_begun", _f.begun_at, _f.instance_key, along, beside)
    along = [_i.account_id == wanted.account_id, *_times(_i.begun_at, wanted)]
    if wanted.agent_id is not None:
        along.append(_i.agent_id == wanted.agent_id)
        if wanted.status is not None:
            beside.append(_i.status == wanted.status)
        return _Lane(look, instances, "ix_instances_agent_begun", _i.begun_at, _i.key, along, beside)
    if wanted.status is not None:
        along.append(_i.status == wanted.status)
        return _Lane(look, instances, "ix_instances_status_begun", _i.begun_at, _i.key, along, beside)
    return _Lane(look, instances, "ix_instances_begun", _i.begun_at, _i.key, along, beside)


def _beside(wanted: RunListFilter) -> list[ColumnElement[bool]]:
    """What no index answers."""
    found: list[ColumnElement[bool]] = []
    if wanted.version_id is not None:
        found.append(_i.agent_version_id == wanted.version_id)
    if wanted.environment_id is not None:
        found.append(_i.environment_id == wanted.environment_id)
    if wanted.purpose is not None:
        found.append(_i.purpose == wanted.purpose)
    found += _between(_TOKENS, wanted.tokens)
    if wanted.text:
        found.append(
            or_(
                _i.name.icontains(wanted.text, autoescape=True),
                _i.root_name.icontains(wanted.text, autoescape=True),
                _i.id.startswith(wanted.text, autoescape=True),
                _i.external_identifier == wanted.text,
            )
        )
    return found


def _plain(wanted: RunListFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.agent_id is not None:
        found.append(_i.agent_id == wanted.agent_id)
    if wanted.status is not None:
        found.append(_i.status == wanted.status)
    return found


def _facets(wanted: RunListFilter, *, but: tuple[FacetKind, str] | None = None) -> list[ColumnElement[bool]]:
    return [has_facet(*facet) for facet in wanted.facets if facet != but]


def _costs(wanted: RunListFilter) -> list[ColumnElement[bool]]:
    return [_KNOWN_COST, *_between(_i.cost_nano, wanted.cost)] if wanted.cost else []


def _times(column: ColumnElement[int], wanted: RunListFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        found.append(column >= wanted.since)
    if wanted.until is not None:
        found.append(column < wanted.until)
    return found


def _between(column: ColumnElement[Any], wanted: Range) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.least is not None:
        found.append(column >= wanted.least)
    if wanted.most is not None:
        found.append(column <= wanted.most)
    return found
