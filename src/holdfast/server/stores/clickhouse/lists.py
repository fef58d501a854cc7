"""Reading the span store over all runs of an account: lists of spans, and the run of a span."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from msgspec import Struct

from holdfast.server.stores.clickhouse.connection import ClickHouse
from holdfast.server.stores.clickhouse.reads import MovedPart
from holdfast.server.stores.clickhouse.rows import MovedRows
from holdfast.server.stores.clickhouse.tables import SPAN_COLUMNS, SPANS

__all__ = ["MovedList", "MovedSpans", "MovedState", "MovedWindow", "SpanKey"]

_VALUES_AT_ONCE: Final = 1_000
"""A value of a form field may have 128 KiB."""


class MovedState(Struct, frozen=True, kw_only=True):
    """What of the span store counts, as of one state of the catalogue: not the batches above `newest` and those in
    `unfinished`, nor the runs in `gone`, which are erased or just being so, nor the spans in `recalled`, which
    lie in the catalogue again."""

    newest: int
    unfinished: Sequence[int]
    gone: Sequence[int]
    recalled: Sequence[tuple[int, str]]


class SpanKey(Struct, frozen=True):
    """Where a span stands in a list: the value that the list is sorted by, the number of its body, its place."""

    value: Any
    body_key: int
    instance_key: int
    id: str


class MovedWindow(Struct, frozen=True, kw_only=True):
    """Which spans a list shows, and in which order. None does not narrow. Times include both ends; `field` is a
    column of `spans`, or None for the order of arrival."""

    account_id: str
    agent_ids: Collection[str] | None
    environment_id: str | None
    run: int | None
    since: int | None
    until: int | None
    field: str | None
    descending: bool
    nulls_first: bool

    def condition(self, state: MovedState) -> tuple[str, dict[str, object]]:
        """As SQL with its parameters."""
        parts = ["account_id = {account:String}", "version <= {newest:Int64}"]
        values: dict[str, object] = {"account": self.account_id, "newest": state.newest}
        for name, test, value in (
            ("agents", "agent_id IN {agents:Array(String)}", self.agent_ids),
            ("environment", "environment_id = {environment:String}", self.environment_id),
            ("run", "instance_key = {run:Int64}", self.run),
            ("since", "started_at >= {since:Int64}", self.since),
            ("until", "started_at <= {until:Int64}", self.until),
        ):
            if value is not None:
                parts.append(test)
                values[name] = value if isinstance(value, str | int) else list(value)
        for test, kind, but in (
            ("version", "Int64", state.unfinished),
            ("instance_key", "Int64", state.gone),
            ("(instance_key, id)", "Tuple(Int64, String)", state.recalled),
        ):
            for at in range(0, len(but), _VALUES_AT_ONCE):
                name = f"but{len(values)}"
                parts.append(f"{test} NOT IN {{{name}:Array({kind})}}")
                values[name] = list(but[at : at + _VALUES_AT_ONCE])
        return " AND ".join(parts), values


class MovedSpans:
    """All reads raise `SpanStoreUnavailableError` where the span store does not answer."""

    def __init__(self, database: ClickHouse) -> None:
        self._database = database

    def part(self, account_id: str, key: int) -> MovedPart:
        """That of one run."""
        return MovedPart(self._database, account_id, key)

    def list(self, state: MovedState) -> MovedList:
        return MovedList(self._database, state)

    def find_span(self, account_id: str, span_id: str) -> int | None:
        """The key of the account's newest run that has a span with that id."""
        query = (
            f"SELECT max(instance_key), count() FROM {SPANS} "  # noqa: S608 - our own names
            "WHERE account_id = {account:String} AND id = {id:String}"
        )
        ((key, count),) = self._database.rows(query, {"account": account_id, "id": span_id})
        return int(key) if count else None


class MovedList:
    """Lists as of one state of the catalogue; errors as of `MovedSpans`."""

    def __init__(self, database: ClickHouse, state: MovedState) -> None:
        self._database = database
        self._state = state

    def rows(self) -> MovedRows:
        """Whole rows of many runs, those of unfinished batches among them: what is in the catalogue too is newer
        there."""
        return MovedRows(self._database)

    def count(self, window: MovedWindow) -> int:
        where, values = window.condition(self._state)
        ((count,),) = self._database.rows(f"SELECT count() FROM {SPANS} FINAL WHERE {where}", values)  # noqa: S608 - our own names
        return int(count)

    def keys(self, window: MovedWindow, limit: int) -> list[SpanKey]:
        """The first of the list in its order."""
        where, values = window.condition(self._state)
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
