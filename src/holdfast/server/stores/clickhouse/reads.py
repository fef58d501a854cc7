"""Reading the span store: the part of one run that lies there, and lists over an account."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from holdfast.server.stores.clickhouse.connection import ClickHouse
from holdfast.server.stores.clickhouse.tables import BODY_COLUMNS, EVENT_COLUMNS, EVENTS, SPAN_COLUMNS, SPANS
from holdfast.server.stores.rows import BodyRow, EventRow, SpanRow
from holdfast.wire.vocabulary import SpanStatus

__all__ = ["MovedLight", "MovedReads", "MovedRun", "MovedWindow", "SpanKey"]

_IDS_AT_ONCE: Final = 500
"""A value of a form field may have 128 KiB."""
_RUN: Final = "account_id = {account:String} AND instance_key = {run:Int64}"
_SPAN: Final = ", ".join(SPAN_COLUMNS)
_BODY: Final = ", ".join(BODY_COLUMNS)
_EVENT: Final = ", ".join(EVENT_COLUMNS)
_WHOLE: Final = f"{_SPAN}, {_BODY}"


class MovedRun(Struct, frozen=True):
    """A run of which something lies in the span store."""

    account_id: str
    key: int

    def parameters(self, **more: object) -> dict[str, object]:
        return {"account": self.account_id, "run": self.key, **more}


class MovedLight(Struct, frozen=True, kw_only=True):
    """As `LightSpans`, of the moved part."""

    ids: Sequence[str]
    parents: Sequence[str | None]
    starts: Sequence[int]
    failed: Sequence[int]


class SpanKey(Struct, frozen=True):
    """Where a span stands in a list: the value that the list is sorted by, the number of its body, its place."""

    value: Any
    body_key: int
    instance_key: int
    id: str


class MovedWindow(Struct, frozen=True, kw_only=True):
    """Which spans of the span store a list shows, as of one state of the catalogue: batches above `newest` and
    those in `unfinished` do not count, spans in `recalled` lie in the catalogue again.

    `runs` names the only runs wanted; None means all. Times include both ends; `field` is a column of
    `spans`, or None for the order of arrival.
    """

    account_id: str
    agent_ids: Collection[str] | None
    environment_id: str | None
    run: int | None
    since: int | None
    until: int | None
    newest: int
    unfinished: Collection[int]
    recalled: Collection[tuple[int, str]]
    field: str | None
    descending: bool
    nulls_first: bool

    def condition(self) -> tuple[str, dict[str, object]]:
        """As SQL with its parameters."""
        parts = ["account_id = {account:String}", "version <= {newest:Int64}"]
        values: dict[str, object] = {"account": self.account_id, "newest": self.newest}
        for name, test, value in (
            ("agents", "agent_id IN {agents:Array(String)}", self.agent_ids),
            ("environment", "environment_id = {environment:String}", self.environment_id),
            ("run", "instance_key = {run:Int64}", self.run),
            ("since", "started_at >= {since:Int64}", self.since),
            ("until", "started_at <= {until:Int64}", self.until),
            ("unfinished", "version NOT IN {unfinished:Array(Int64)}", self.unfinished or None),
        ):
            if value is not None:
                parts.append(test)
                values[name] = value if isinstance(value, str | int) else list(value)
        if self.recalled:
            parts.append("(instance_key, id) NOT IN {recalled:Array(Tuple(Int64, String))}")
            values["recalled"] = list(self.recalled)
        return " AND ".join(parts), values


class MovedReads:
    """Each method is one question, in the calling thread. Of a span that has been written more than once the
    newest is read. All raise `SpanStoreUnavailableError` where the span store does not answer."""

    def __init__(self, database: ClickHouse) -> None:
        self._database = database

    def light(self, run: MovedRun) -> MovedLight:
        """All spans of the run, in the order of their ids."""
        found = self._database.columns(
            "SELECT id, parent_span_id, coalesce(started_at, inserted_at), status = {failed:String} "  # noqa: S608 - our own names
            f"FROM {SPANS} FINAL WHERE {_RUN} ORDER BY id",
            run.parameters(failed=SpanStatus.FAILED.value),
        )
        ids, parents, starts, failed = found or ((), (), (), ())
        return MovedLight(ids=ids, parents=parents, starts=starts, failed=failed)

    def spans(self, run: MovedRun, ids: Collection[str]) -> dict[str, SpanRow]:
        """Those of the run with these ids, by id."""
        query = f"SELECT {_SPAN} FROM {SPANS} FINAL WHERE {_RUN} AND id IN {{ids:Array(String)}}"  # noqa: S608 - our own names
        found = (row for part in _parts(ids) for row in self._database.rows(query, run.parameters(ids=part)))
        return {row[1]: SpanRow(*row) for row in found}

    def first_spans(self, run: MovedRun, limit: int) -> list[SpanRow]:
        """In the order in which they came."""
        query = f"SELECT {_SPAN} FROM {SPANS} FINAL WHERE {_RUN} ORDER BY body_key LIMIT {{limit:Int64}}"  # noqa: S608 - our own names
        return [SpanRow(*row) for row in self._database.rows(query, run.parameters(limit=limit))]

    def whole(self, run: MovedRun, ids: Collection[str]) -> dict[str, tuple[SpanRow, BodyRow]]:
        """As `spans`, with the bodies."""
        query = f"SELECT {_WHOLE} FROM {SPANS} FINAL WHERE {_RUN} AND id IN {{ids:Array(String)}}"  # noqa: S608 - our own names
        pairs = (
            _pair(row)
            for part in _parts(ids)
            for row in self._database.rows(query, run.parameters(ids=part), as_bytes=BODY_COLUMNS)
        )
        return {span.id: (span, body) for span, body in pairs}

    def every_whole(self, run: MovedRun) -> Iterator[tuple[SpanRow, BodyRow]]:
        """All spans of the run with their bodies, a few hundred at a time, in the order of their ids."""
        query = (
            f"SELECT {_WHOLE} FROM {SPANS} FINAL WHERE {_RUN} AND id > {{after:String}} "  # noqa: S608 - our own names
            f"ORDER BY id LIMIT {_IDS_AT_ONCE}"
        )
        after = ""
        while rows := self._database.rows(query, run.parameters(after=after), as_bytes=BODY_COLUMNS):
            yield from map(_pair, rows)
            after = rows[-1][1]

    def bodies(self, run: MovedRun, keys: Collection[int]) -> dict[int, BodyRow]:
        """Those with these keys, by key."""
        query = (
            f"SELECT body_key, {_BODY} FROM {SPANS} FINAL "  # noqa: S608 - our own names
            f"WHERE {_RUN} AND body_key IN {{keys:Array(Int64)}}"
        )
        rows = self._database.rows(query, run.parameters(keys=list(keys)), as_bytes=BODY_COLUMNS)
        return {row[0]: BodyRow(*row) for row in rows}

    def errors(self, run: MovedRun, keys: Collection[int]) -> dict[int, bytes]:
        """The recorded errors of these bodies, by key."""
        query = (
            f"SELECT body_key, error FROM {SPANS} FINAL "  # noqa: S608 - our own names
            f"WHERE {_RUN} AND body_key IN {{keys:Array(Int64)}} AND error IS NOT NULL"
        )
        rows = self._database.rows(query, run.parameters(keys=list(keys)), as_bytes=["error"])
        return {row[0]: row[1] for row in rows}

    def find_span(self, account_id: str, span_id: str) -> int | None:
        """The key of the account's newest run that has a span with that id."""
        query = (
            f"SELECT max(instance_key), count() FROM {SPANS} "  # noqa: S608 - our own names
            "WHERE account_id = {account:String} AND id = {id:String}"
        )
        ((key, count),) = self._database.rows(query, {"account": account_id, "id": span_id})
        return int(key) if count else None

    # --- events ---------------------------------------------------------------------------------

    def event_ids(self, run: MovedRun, ids: Collection[str]) -> set[str]:
        """Which of these events the run has."""
        query = f"SELECT id FROM {EVENTS} WHERE {_RUN} AND id IN {{ids:Array(String)}}"  # noqa: S608 - our own names
        return {
            row[0]
            for part in _parts(ids)
            for row in self._database.rows(query, run.parameters(ids=part))
        }

    def events(
        self, run: MovedRun, limit: int, *, span_id: str | None = None, descending: bool = False
    ) -> list[EventRow]:
        """The first of the run in the order of their times and ids, or of one span in it."""
        of_span = " AND span_id = {span:String}" if span_id is not None else ""
        way = "DESC" if descending else "ASC"
        query = (
            f"SELECT {_EVENT} FROM {EVENTS} FINAL WHERE {_RUN}{of_span} "  # noqa: S608 - our own names
            f"ORDER BY timestamp {way}, id {way} LIMIT {{limit:Int64}}"
        )
        values = run.parameters(limit=limit, span=span_id or "")
        return [EventRow(*row) for row in self._database.rows(query, values, as_bytes=["payload"])]

    def event_payload(self, run: MovedRun, event_id: str) -> bytes | None:
        query = f"SELECT payload FROM {EVENTS} WHERE {_RUN} AND id = {{id:String}} LIMIT 1"  # noqa: S608 - our own names
        rows = self._database.rows(query, run.parameters(id=event_id), as_bytes=["payload"])
        return rows[0][0] if rows else None

    # --- lists over an account --------------------------------------------------------------------

    def count(self, window: MovedWindow) -> int:
        where, values = window.condition()
        ((count,),) = self._database.rows(f"SELECT count() FROM {SPANS} FINAL WHERE {where}", values)  # noqa: S608 - our own names
        return int(count)

    def keys(self, window: MovedWindow, limit: int) -> list[SpanKey]:
        """The first of the list in its order."""
        where, values = window.condition()
        way = "DESC" if window.descending else "ASC"
        value, order = "NULL", f"instance_key {way}, body_key {way}"
        if window.field is not None:
            if window.field not in SPAN_COLUMNS:
                raise AssertionError(f"{window.field} is no column of a span")
            nulls = "FIRST" if window.nulls_first else "LAST"
            value, order = window.field, f"{window.field} {way} NULLS {nulls}, body_key {way}"
        query = (
            f"SELECT {value}, body_key, instance_key, id FROM {SPANS} FINAL "  # noqa: S608 - our own names
            f"WHERE {where} ORDER BY {order} LIMIT {{limit:Int64}}"
        )
        return [SpanKey(*row) for row in self._database.rows(query, values | {"limit": limit})]


def _pair(row: tuple[Any, ...]) -> tuple[SpanRow, BodyRow]:
    span = SpanRow(*row[: len(SPAN_COLUMNS)])
    return span, BodyRow(span.body_key, *row[len(SPAN_COLUMNS) :])


def _parts(ids: Collection[str]) -> Iterator[list[str]]:
    every = list(ids)
    for at in range(0, len(every), _IDS_AT_ONCE):
        yield every[at : at + _IDS_AT_ONCE]


def by_run(keys: Collection[tuple[int, str]], runs: Mapping[int, MovedRun]) -> dict[MovedRun, list[str]]:
    """The ids of spans, grouped by those of the runs that have a moved part."""
    grouped: dict[MovedRun, list[str]] = {}
    for key, span_id in keys:
        if key in runs:
            grouped.setdefault(runs[key], []).append(span_id)
    return grouped
