"""Whole rows of many runs at once, in the order of their keys: for whoever wants everything."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from holdfast.server.stores.clickhouse.connection import ClickHouse
from holdfast.server.stores.clickhouse.tables import BODY_COLUMNS, EVENT_COLUMNS, EVENTS, SPAN_COLUMNS, SPANS

__all__ = ["MovedRows"]

_Row = tuple[Any, ...]

_FROM_RUNS: Final = (
    "FINAL WHERE account_id IN {accounts:Array(String)} AND instance_key IN {runs:Array(Int64)}"
)
_AFTER: Final = (
    "AND (instance_key, id) > ({run:Int64}, {id:String}) ORDER BY instance_key, id LIMIT {limit:Int64}"
)
_SPAN_PAGE: Final = f"SELECT {', '.join(SPAN_COLUMNS)} FROM {SPANS} {_FROM_RUNS} {_AFTER}"  # noqa: S608 - our own names
_EVENT_PAGE: Final = f"SELECT {', '.join(EVENT_COLUMNS)} FROM {EVENTS} {_FROM_RUNS} {_AFTER}"  # noqa: S608 - our own names
_BODY_PAGE: Final = (
    f"SELECT body_key, {', '.join(BODY_COLUMNS)} FROM {SPANS} {_FROM_RUNS} "  # noqa: S608 - our own names
    "AND body_key > {body:Int64} ORDER BY body_key LIMIT {limit:Int64}"
)
_ROWS: Final = 5_000
_WITH_PAYLOAD: Final = 500
"""In one answer: what is in them lies in memory."""


class MovedRows:
    """What of some runs lies in the span store, page after page; of a span that has been written more than once
    the newest. All raise `SpanStoreUnavailableError` where the span store does not answer."""

    def __init__(self, database: ClickHouse) -> None:
        self._database = database

    def spans(self, accounts: Collection[str], runs: Collection[int]) -> Iterator[_Row]:
        """Rows as those of `spans`, by run and id."""
        return self._by_id(_SPAN_PAGE, accounts, runs, _ROWS, ())

    def bodies(self, accounts: Collection[str], runs: Collection[int]) -> Iterator[_Row]:
        """Rows as those of `span_bodies`, by key."""
        last = -1
        while True:
            values = {"accounts": list(accounts), "runs": list(runs), "body": last, "limit": _WITH_PAYLOAD}
            rows = self._database.rows(_BODY_PAGE, values, as_bytes=BODY_COLUMNS)
            yield from rows
            if len(rows) < _WITH_PAYLOAD:
                return
            last = rows[-1][0]

    def events(self, accounts: Collection[str], runs: Collection[int]) -> Iterator[_Row]:
        """Rows as those of `events`, by run and id."""
        return self._by_id(_EVENT_PAGE, accounts, runs, _WITH_PAYLOAD, ["payload"])

    def _by_id(
        self, page: str, accounts: Collection[str], runs: Collection[int], limit: int, as_bytes: Sequence[str]
    ) -> Iterator[_Row]:
        run, row_id = -1, ""
        while True:
            values = {
                "accounts": list(accounts),
                "runs": list(runs),
                "run": run,
                "id": row_id,
                "limit": limit,
            }
            rows = self._database.rows(page, values, as_bytes=as_bytes)
            yield from rows
            if len(rows) < limit:
                return
            run, row_id = rows[-1][0], rows[-1][1]
