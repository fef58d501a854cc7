"""One page of a list of spans, of which some lie in the catalogue and some in the span store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Label,
    Select,
    Text,
    func,
    null,
    select,
    tuple_,
)

from holdfast.server.stores.base import Store
from holdfast.server.stores.clickhouse.lists import MovedList, MovedWindow, SpanKey
from holdfast.server.stores.rows import BodyRow, SpanRow
from holdfast.server.stores.schema.record import instances, span_bodies, spans

__all__ = ["SpanList", "one_state", "span_pair", "whole_spans"]

_WIDTH: Final = len(spans.columns)


def one_state(connection: Connection) -> None:
    """Every statement of the connection's transaction, which has not begun, sees one state of the catalogue."""
    if connection.dialect.name == "postgresql":  # SQLite's do anyway
        connection.execution_options(isolation_level="REPEATABLE READ")


def whole_spans(source: FromClause) -> Select[Any]:
    """Spans with their bodies; `span_pair` reads its rows."""
    whole = source.join(span_bodies, span_bodies.c.key == spans.c.body_key)
    return select(*spans.columns, *span_bodies.columns).select_from(whole)


def span_pair(row: Sequence[Any]) -> tuple[SpanRow, BodyRow]:
    return SpanRow(*row[:_WIDTH]), BodyRow(*row[_WIDTH:])


class SpanList(Struct, frozen=True, kw_only=True):
    """`connection` sees one state of the catalogue, of which `moved` is. `source` is spans with their runs;
    `within` says which runs are wanted, `times` which of their spans, and `window` both to the span store."""

    store: Store
    connection: Connection
    source: FromClause
    within: Sequence[ColumnElement[bool]]
    times: Sequence[ColumnElement[bool]]
    moved: MovedList
    window: MovedWindow

    def count(self) -> int:
        if not self.times:
            every = select(func.coalesce(func.sum(instances.c.spans_total), 0)).where(*self.within)
            return int(self.connection.execute(every).scalar_one())
        here = select(func.count()).select_from(self.source).where(*self.within, *self.times)
        return int(self.connection.execute(here).scalar_one()) + self.moved.count(self.window)

    def page(self, offset: int, size: int) -> list[tuple[SpanRow, BodyRow]]:
        """Each side gives the beginning of its list up to the end of the page; of both together the page is
        read whole."""
        end = min(offset + size, self.count())
        here = self._keys(end)
        there = set(self.moved.keys(self.window, end)) if end else set[SpanKey]()
        order = sorted([*here, *there], key=self._place, reverse=self.window.descending)[offset:end]
        return self._whole(order, there)

    def _keys(self, limit: int) -> list[SpanKey]:
        column: ColumnElement[Any] = spans.c.body_key
        value: Label[Any] = null().label("value")
        if self.window.field is not None:
            column = spans.c[self.window.field]
            value = column.label("value")
            if self.connection.dialect.name == "postgresql" and isinstance(column.type, Text):
                column = column.collate("C")  # as the span store orders
        order: tuple[ColumnElement[Any], ...] = (column, spans.c.body_key)
        if self.window.descending:
            order = (column.desc(), spans.c.body_key.desc())
        wanted = (
            select(value, spans.c.body_key, spans.c.instance_key, spans.c.id)
            .select_from(self.source)
            .where(*self.within, *self.times)
            .order_by(*order)
            .limit(limit)
        )
        return [SpanKey(*row) for row in self.connection.execute(wanted)]

    def _place(self, key: SpanKey) -> tuple[int, Any, int]:
        """Ascending, with nulls where the catalogue has them."""
        if key.value is None:
            first = self.window.nulls_first != self.window.descending
            return (0 if first else 2), 0, key.body_key
        return 1, key.value, key.body_key

    def _whole(self, keys: Sequence[SpanKey], there: set[SpanKey]) -> list[tuple[SpanRow, BodyRow]]:
        at_home = [(key.instance_key, key.id) for key in keys if key not in there]
        found: dict[tuple[int, str], tuple[SpanRow, BodyRow]] = {}
        if at_home:
            one = tuple_(spans.c.instance_key, spans.c.id).in_(at_home)
            for span, body in map(span_pair, self.connection.execute(whole_spans(spans).where(one))):
                found[span.instance_key, span.id] = span, body
        away: dict[int, list[str]] = {}
        for key in keys:
            if key in there:
                away.setdefault(key.instance_key, []).append(key.id)
        for run, part in self.store.moved_parts(self.connection, away).items():
            for span_id, pair in part.whole(away[run]).items():
                found[run, span_id] = pair
        return [found[key.instance_key, key.id] for key in keys if (key.instance_key, key.id) in found]
