"""Reading the span store: the part of one run that lies there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from holdfast.server.stores.clickhouse.connection import ClickHouse
from holdfast.server.stores.clickhouse.tables import BODY_COLUMNS, EVENT_COLUMNS, EVENTS, SPAN_COLUMNS, SPANS
from holdfast.server.stores.reads.light_spans import LightSpans
from holdfast.server.stores.rows import BodyRow, EventRow, SpanRow
from holdfast.wire.vocabulary import SpanStatus

__all__ = ["MovedPart"]

_IDS_AT_ONCE: Final = 500
"""A value of a form field may have 128 KiB."""
_RUN: Final = "account_id = {account:String} AND instance_key = {run:Int64}"
_SPAN: Final = ", ".join(SPAN_COLUMNS)
_BODY: Final = ", ".join(BODY_COLUMNS)
_SEARCHED: Final = ("name", "schema_name", "tool", "model", "error_type", "summary", "id")
_EVENT: Final = ", ".join(EVENT_COLUMNS)
_WHOLE: Final = f"{_SPAN}, {_BODY}"


class MovedPart:
    """What of one run lies in the span store. Each method is one question, in the calling thread; of a span that
    has been written more than once the newest is read. All raise `SpanStoreUnavailableError` where the span
    store does not answer."""

    def __init__(self, database: ClickHouse, account_id: str, key: int) -> None:
        self._database = database
        self._account_id = account_id
        self._key = key

    def light(self) -> LightSpans:
        """All spans of the run, in the order of their ids."""
        found = self._database.columns(
            "SELECT id, parent_span_id, coalesce(started_at, inserted_at), status = {failed:String} "  # noqa: S608 - our own names
            f"FROM {SPANS} FINAL WHERE {_RUN} ORDER BY id",
            self._values(failed=SpanStatus.FAILED.value),
        )
        ids, parents, starts, failed = found or ((), (), (), ())
        return LightSpans(ids=ids, parents=parents, starts=starts, failed=failed)

    def ends(self) -> dict[str, int | None]:
        """When each span of the run ended."""
        query = f"SELECT id, finished_at FROM {SPANS} FINAL WHERE {_RUN}"  # noqa: S608 - our own names
        found = self._database.columns(query, self._values())
        ids, ends = found or ((), ())
        return dict(zip(ids, ends, strict=True))

    def found(self, text: str, limit: int) -> list[str]:
        """The ids of spans of the run that have the text, in whatever case, in what names them."""
        has = " OR ".join(f"positionCaseInsensitiveUTF8({name}, {{text:String}}) > 0" for name in _SEARCHED)
        query = f"SELECT id FROM {SPANS} FINAL WHERE {_RUN} AND ({has}) LIMIT {{limit:Int64}}"  # noqa: S608 - our own names
        return [row[0] for row in self._database.rows(query, self._values(text=text, limit=limit))]

    def spans(self, ids: Collection[str]) -> dict[str, SpanRow]:
        """Those of the run with these ids, by id."""
        query = f"SELECT {_SPAN} FROM {SPANS} FINAL WHERE {_RUN} AND id IN {{ids:Array(String)}}"  # noqa: S608 - our own names
        found = (row for part in _parts(ids) for row in self._database.rows(query, self._values(ids=part)))
        return {row[1]: SpanRow(*row) for row in found}

    def first_spans(self, limit: int) -> list[SpanRow]:
        """In the order in which they came."""
        query = f"SELECT {_SPAN} FROM {SPANS} FINAL WHERE {_RUN} ORDER BY body_key LIMIT {{limit:Int64}}"  # noqa: S608 - our own names
        return [SpanRow(*row) for row in self._database.rows(query, self._values(limit=limit))]

    def whole(self, ids: Collection[str]) -> dict[str, tuple[SpanRow, BodyRow]]:
        """As `spans`, with the bodies."""
        query = f"SELECT {_WHOLE} FROM {SPANS} FINAL WHERE {_RUN} AND id IN {{ids:Array(String)}}"  # noqa: S608 - our own names
        pairs = (
            _pair(row)
            for part in _parts(ids)
            for row in self._database.rows(query, self._values(ids=part), as_bytes=BODY_COLUMNS)
        )
        return {span.id: (span, body) for span, body in pairs}

    def whole_after(self, span_id: str, limit: int) -> list[tuple[SpanRow, BodyRow]]:
        """The first of the spans behind that id, with their bodies, in the order of their ids."""
        query = (
            f"SELECT {_WHOLE} FROM {SPANS} FINAL WHERE {_RUN} AND id > {{after:String}} "  # noqa: S608 - our own names
            "ORDER BY id LIMIT {limit:Int64}"
        )
        values = self._values(after=span_id, limit=limit)
        return [_pair(row) for row in self._database.rows(query, values, as_bytes=BODY_COLUMNS)]

    def every_whole(self) -> Iterator[Sequence[tuple[SpanRow, BodyRow]]]:
        """All spans of the run with their bodies, some hundreds at a time, in the order of their ids."""
        after = ""
        while pairs := self.whole_after(after, _IDS_AT_ONCE):
            yield pairs
            after = pairs[-1][0].id

    def bodies(self, keys: Collection[int]) -> dict[int, BodyRow]:
        """Those with these keys, by key."""
        query = (
            f"SELECT body_key, {_BODY} FROM {SPANS} FINAL "  # noqa: S608 - our own names
            f"WHERE {_RUN} AND body_key IN {{keys:Array(Int64)}}"
        )
        rows = self._database.rows(query, self._values(keys=list(keys)), as_bytes=BODY_COLUMNS)
        return {row[0]: BodyRow(*row) for row in rows}

    def errors(self, keys: Collection[int]) -> dict[int, bytes]:
        """The recorded errors of these bodies, by key."""
        query = (
            f"SELECT body_key, error FROM {SPANS} FINAL "  # noqa: S608 - our own names
            f"WHERE {_RUN} AND body_key IN {{keys:Array(Int64)}} AND error IS NOT NULL"
        )
        rows = self._database.rows(query, self._values(keys=list(keys)), as_bytes=["error"])
        return {row[0]: row[1] for row in rows}

    def event_ids(self, ids: Collection[str]) -> set[str]:
        """Which of these events the run has."""
        query = f"SELECT id FROM {EVENTS} WHERE {_RUN} AND id IN {{ids:Array(String)}}"  # noqa: S608 - our own names
        return {row[0] for part in _parts(ids) for row in self._database.rows(query, self._values(ids=part))}

    def events_with(self, ids: Collection[str]) -> list[EventRow]:
        """Those of the run with these ids."""
        ways = [self._events("AND id IN {ids:Array(String)}", None, "ASC", ids=part) for part in _parts(ids)]
        return [row for some in ways for row in some]

    def events(
        self, limit: int | None, *, span_ids: Collection[str] | None = None, descending: bool = False
    ) -> list[EventRow]:
        """The first of the run in the order of their times and ids, or of some spans in it."""
        of_spans = "" if span_ids is None else "AND span_id IN {spans:Array(String)}"
        return self._events(of_spans, limit, "DESC" if descending else "ASC", spans=list(span_ids or ()))

    def own_events(self, limit: int) -> list[EventRow]:
        """The first of those that belong to no span."""
        return self._events("AND span_id IS NULL", limit, "ASC")

    def _events(self, where: str, limit: int | None, way: str, **values: object) -> list[EventRow]:
        query = (
            f"SELECT {_EVENT} FROM {EVENTS} FINAL WHERE {_RUN} {where} "  # noqa: S608 - our own names
            f"ORDER BY timestamp {way}, id {way}"
        )
        if limit is not None:
            query += " LIMIT {limit:Int64}"
            values["limit"] = limit
        rows = self._database.rows(query, self._values(**values), as_bytes=["payload"])
        return [EventRow(*row) for row in rows]

    def event_payload(self, event_id: str) -> bytes | None:
        query = f"SELECT payload FROM {EVENTS} WHERE {_RUN} AND id = {{id:String}} LIMIT 1"  # noqa: S608 - our own names
        rows = self._database.rows(query, self._values(id=event_id), as_bytes=["payload"])
        return rows[0][0] if rows else None

    def _values(self, **more: object) -> dict[str, object]:
        return {"account": self._account_id, "run": self._key, **more}


def _pair(row: tuple[Any, ...]) -> tuple[SpanRow, BodyRow]:
    span = SpanRow(*row[: len(SPAN_COLUMNS)])
    return span, BodyRow(span.body_key, *row[len(SPAN_COLUMNS) :])


def _parts(ids: Collection[str]) -> Iterator[list[str]]:
    every = list(ids)
    for at in range(0, len(every), _IDS_AT_ONCE):
        yield every[at : at + _IDS_AT_ONCE]
