"""Moving out of the catalogue: which runs are settled, their rows in slices, and taking those out again."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    text,
    true,
    tuple_,
)

from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.schema.columnar import (
    SETTLED,
    moved_runs,
    recalled_spans,
    span_erasures,
)
from holdfast.server.stores.schema.record import check_queue, events, instances, span_bodies, spans
from holdfast.server.stores.schema.retention import erasing
from holdfast.server.stores.tiered.moving_state import close_batches

__all__ = ["SLICE_ROWS", "SettledRun", "Slice", "read_slices", "settled_runs", "take_out"]

_WORK_ON_SPANS: Final = (check_queue, erasing, span_erasures)
"""A run with a row in one of these has spans that are still worked on in the catalogue: it stays."""
SLICE_ROWS: Final = 4_000
"""In one slice: so long a transaction takes them out, and others wait."""
_BYTES: Final = 16 << 20
"""In one slice, roughly: so much is held in memory."""
_AT_ONCE: Final = 200
_i: Final = instances.c


class SettledRun(Struct, frozen=True, kw_only=True):
    """`waiting`: something still works on its spans. `rows` is the most it may have of spans, and of events."""

    key: int
    account_id: str
    agent_id: str | None
    environment_id: str | None
    filed_at: int
    updated_at: int
    rows: int
    waiting: bool


def settled_runs(store: Store, after: tuple[int, int], before: int, limit: int) -> list[SettledRun]:
    """Runs with something in the catalogue that ended, have nothing open and changed last before that time, in
    the order of (`updated_at`, key), from behind `after`."""
    has_rows = or_(
        exists().where(spans.c.instance_key == _i.key), exists().where(events.c.instance_key == _i.key)
    )
    waiting = or_(*(exists().where(table.c.instance_key == _i.key) for table in _WORK_ON_SPANS))
    wanted = (
        select(
            _i.key,
            _i.account_id,
            _i.agent_id,
            _i.environment_id,
            func.coalesce(moved_runs.c.filed_at, _i.begun_at),
            _i.updated_at,
            _i.spans_total,
            _i.events,
            waiting,
        )
        .outerjoin_from(instances, moved_runs, moved_runs.c.instance_key == _i.key)
        .where(
            text(SETTLED),
            _i.updated_at < before,
            tuple_(_i.updated_at, _i.key) > tuple_(bindparam("at"), bindparam("key")),
            has_rows,
        )
        .order_by(_i.updated_at, _i.key)
        .limit(limit)
    )
    with store.reader.connect() as connection:
        return [
            SettledRun(
                key=row[0],
                account_id=row[1],
                agent_id=row[2],
                environment_id=row[3],
                filed_at=row[4],
                updated_at=row[5],
                rows=max(row[6], row[7]),
                waiting=bool(row[8]),
            )
            for row in connection.execute(wanted, {"at": after[0], "key": after[1]})
        ]


class Slice(Struct, frozen=True, kw_only=True):
    """Rows of spans (with their bodies) or of events: all that `runs` have, or of a single run those with ids
    above `after` up to `last`. `size` is that of their JSON in bytes."""

    events: bool
    runs: Sequence[SettledRun]
    after: str | None
    last: str | None
    rows: Sequence[tuple[Any, ...]] = ()
    size: int = 0

    @property
    def table(self) -> Table:
        return events if self.events else spans

    @property
    def keys(self) -> list[int]:
        return [run.key for run in self.runs]

    def condition(self) -> ColumnElement[bool]:
        key, name = self.table.c.instance_key, self.table.c.id
        if self.last is None:
            return key.in_(self.keys)
        return and_(key == self.runs[0].key, name > self.after, name <= self.last)

    def filed(self, batch: int) -> Iterator[tuple[Any, ...]]:
        """The rows as the span store takes them, as that batch."""
        of = {run.key: run for run in self.runs}
        for row in self.rows:
            run = of[row[_KEY]]
            yield run.account_id, run.agent_id, run.environment_id, run.filed_at, batch, *row

    def stamp(self, row: Sequence[Any]) -> tuple[Any, ...]:
        """What of a row, as it was read, tells whether it has changed."""
        return tuple(row[place] for place in _STAMPS[self.events])


_STAMP_COLUMNS: Final[dict[bool, tuple[Column[Any], ...]]] = {
    False: (spans.c.updated_at, spans.c.violations, spans.c.summary),
    True: (events.c.inserted_at,),
}
_STAMPS: Final = {
    of_events: tuple(list(table.columns).index(column) for column in _STAMP_COLUMNS[of_events])
    for of_events, table in ((False, spans), (True, events))
}
_KEY: Final = 0
_ID: Final = 1
_BODY: Final = tuple(column for column in span_bodies.columns if column.name != "key")


def read_slices(store: Store, runs: Sequence[SettledRun]) -> Iterator[Slice]:
    """All that the runs have in the catalogue, in slices that one transaction takes out. Runs are together in
    one while they are small."""
    group: list[SettledRun] = []
    size = 0
    for run in runs:
        if group and (size + run.rows > SLICE_ROWS or len(group) >= _AT_ONCE):
            yield from _of_group(store, group)
            group, size = [], 0
        group.append(run)
        size += run.rows
    if group:
        yield from _of_group(store, group)


def _of_group(store: Store, group: Sequence[SettledRun]) -> Iterator[Slice]:
    for of_events in (False, True):
        whole = Slice(events=of_events, runs=group, after=None, last=None)
        read = _read(store, whole) if len(group) > 1 else None
        if read is None:  # one, or few but large
            for run in group:
                yield from _of_run(store, run, events=of_events)
        elif read.rows:
            yield read


def _of_run(store: Store, run: SettledRun, *, events: bool) -> Iterator[Slice]:
    after = ""
    while True:
        rows, size, complete = _rows(store, Slice(events=events, runs=[run], after=None, last=None), after)
        if rows:
            last = rows[-1][_ID]
            yield Slice(events=events, runs=[run], after=after, last=last, rows=rows, size=size)
            after = last
        if complete:
            return


def _read(store: Store, whole: Slice) -> Slice | None:
    """With its rows; None where they are more than a slice may have."""
    rows, size, complete = _rows(store, whole, None)
    return replace(whole, rows=rows, size=size) if complete else None


def _rows(store: Store, whole: Slice, after: str | None) -> tuple[list[tuple[Any, ...]], int, bool]:
    """Rows up to the bounds of a slice, the size of their JSON, and whether these are all."""
    table = whole.table
    wanted = select(*table.columns)
    if not whole.events:
        bodies = span_bodies.c.key == spans.c.body_key
        wanted = select(*table.columns, *_BODY).join(span_bodies, bodies)
    wanted = wanted.where(whole.condition()).order_by(table.c.instance_key, table.c.id)
    if after is not None:
        wanted = wanted.where(table.c.id > after)
    found: list[tuple[Any, ...]] = []
    size = 0
    places = [at for at, column in enumerate(wanted.selected_columns) if column in _LARGE]
    with store.reader.connect() as connection:
        result = connection.execution_options(yield_per=500).execute(wanted)
        for row in result:
            if len(found) >= SLICE_ROWS or size > _BYTES:
                result.close()
                return found, size, False
            found.append(tuple(row))
            size += sum(len(row[at]) for at in places if row[at] is not None)
    return found, size, True


_LARGE: Final = frozenset({*_BODY, events.c.payload})


def take_out(transaction: WriteTransaction, one: Slice, batch: int) -> int:
    """Delete what of the slice is still as it was read, now that the span store has it as `batch`; how many
    rows. The rest stays, and the copies of it do not count. Nothing is deleted where the batch is not open."""
    connection = transaction.connection
    there = transaction.instances_by_key(one.keys)
    if not close_batches(transaction, [batch]):
        return 0
    busy = _worked_on(connection, one.keys)
    now_there = _rows_now(connection, one)
    changed: dict[int, set[str]] = {}
    for row in one.rows:
        at = row[_KEY], row[_ID]
        if now_there.pop(at, None) != one.stamp(row):
            changed.setdefault(row[_KEY], set()).add(row[_ID])
    stay = busy | changed.keys() | {key for key, _ in now_there}
    gone = [run for run in one.runs if run.key not in there]
    _note_gone(connection, gone)
    _note_shadowed(connection, one, stay & there.keys())
    leave = [run for run in one.runs if run.key in there and run.key not in stay]
    if not leave:
        return 0
    _note_moved(connection, leave)
    return _delete(connection, one, [run.key for run in leave])


def _worked_on(connection: Connection, keys: Collection[int]) -> set[int]:
    found: set[int] = set()
    for table in _WORK_ON_SPANS:
        wanted = select(table.c.instance_key).where(table.c.instance_key.in_(keys)).distinct()
        found.update(connection.execute(wanted).scalars())
    return found


def _rows_now(connection: Connection, one: Slice) -> dict[tuple[int, str], tuple[Any, ...]]:
    table = one.table
    columns: list[ColumnElement[Any]] = [table.c.instance_key, table.c.id, *_STAMP_COLUMNS[one.events]]
    wanted = select(*columns).where(one.condition())
    return dict(map(_stamped, connection.execute(wanted)))  # pyright: ignore[reportUnknownArgumentType] - of as many columns as there are


def _stamped(row: Row[*tuple[Any, ...]]) -> tuple[tuple[int, str], tuple[Any, ...]]:
    return (row[_KEY], row[_ID]), tuple(row[2:])


def _delete(connection: Connection, one: Slice, keys: Sequence[int]) -> int:
    """The rows of the slice that belong to these runs."""
    where = one.condition()
    if len(keys) < len(one.runs):
        where = and_(where, one.table.c.instance_key.in_(keys))
    if not one.events:
        bodies = select(spans.c.body_key).where(where)
        connection.execute(delete(span_bodies).where(span_bodies.c.key.in_(bodies)))
        again = recalled_spans.c
        connection.execute(delete(recalled_spans).where(again.instance_key.in_(keys), _within(one)))
    return connection.execute(delete(one.table).where(where)).rowcount


def _within(one: Slice) -> ColumnElement[bool]:
    name = recalled_spans.c.span_id
    return true() if one.last is None else and_(name > one.after, name <= one.last)


def _note_moved(connection: Connection, runs: Sequence[SettledRun]) -> None:
    m = moved_runs.c
    known = set(
        connection.execute(
            select(m.instance_key).where(m.instance_key.in_([run.key for run in runs]))
        ).scalars()
    )
    new = [
        {"instance_key": run.key, "account_id": run.account_id, "filed_at": run.filed_at}
        for run in runs
        if run.key not in known
    ]
    if new:
        connection.execute(insert(moved_runs), new)


def _note_shadowed(connection: Connection, one: Slice, keys: Collection[int]) -> None:
    """What of the batch belongs to these runs has a newer form in the catalogue, or stays there for now."""
    if one.events or not keys:
        return
    r = recalled_spans.c
    known = {
        tuple(row)
        for row in connection.execute(
            select(r.instance_key, r.span_id).where(r.instance_key.in_(keys), _within(one))
        )
    }
    new = [
        {"instance_key": row[_KEY], "span_id": row[_ID]}
        for row in one.rows
        if row[_KEY] in keys and (row[_KEY], row[_ID]) not in known
    ]
    if new:
        connection.execute(insert(recalled_spans), new)


def _note_gone(connection: Connection, runs: Sequence[SettledRun]) -> None:
    """They were erased while they were being moved."""
    if not runs:
        return
    e = span_erasures.c
    known = set(
        connection.execute(
            select(e.instance_key).where(e.instance_key.in_([run.key for run in runs]))
        ).scalars()
    )
    new = [{"instance_key": run.key, "account_id": run.account_id} for run in runs if run.key not in known]
    if new:
        connection.execute(insert(span_erasures), new)
