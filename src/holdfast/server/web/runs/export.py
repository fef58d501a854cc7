"""The runs of a list as files: CSV, one run a line, and JSON Lines in the form of `holdfast export`.

Both are written while they are read, a page of the list at a time.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import islice
from typing import Final

import msgspec
from msgspec import Struct

from holdfast._clock import iso_utc
from holdfast.errors import ApiError
from holdfast.server.services.context import Services
from holdfast.server.services.records import Records, Window
from holdfast.server.stores.reach import Reach
from holdfast.server.stores.reads.run_views import RunRecord
from holdfast.server.web.runs.build import listed_runs
from holdfast.server.web.runs.query import ListQuery

__all__ = ["MOST_LINES", "MOST_WHOLE", "as_csv", "as_json_lines"]

MOST_LINES: Final = 10_000
"""Runs in a CSV file."""
MOST_WHOLE: Final = 1_000
"""Runs with all their spans in a JSON Lines file."""
_PIECE: Final = 200
_COLUMNS: Final = (
    "id",
    "name",
    "agent",
    "version",
    "environment",
    "purpose",
    "status",
    "error_type",
    "began_at",
    "finished_at",
    "duration_s",
    "spans",
    "errors",
    "model_calls",
    "tool_calls",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "calls_of_unknown_cost",
)
_encode: Final = msgspec.json.Encoder().encode


def as_csv(services: Services, account_id: str, query: ListQuery) -> Iterator[bytes]:
    """A missing cost, end or name is an empty cell."""
    yield _line(_COLUMNS)
    runs = listed_runs(services.queries, services.search, account_id, query, services.clock())
    for run in islice(runs, MOST_LINES):
        yield _line(_cells(run))


def as_json_lines(services: Services, account_id: str, query: ListQuery) -> Iterator[bytes]:
    """Runs that are erased meanwhile are left out."""
    reach = Reach(account_id=account_id)
    runs = listed_runs(services.queries, services.search, account_id, query, services.clock())
    for run in islice(runs, MOST_WHOLE):
        try:
            details = services.records.run(reach, run.id)
            yield b'{"run":' + _encode(details)
            yield from _pieces(b',"spans":[', _spans(services.records, reach, run.id))
            yield from _pieces(b'],"events":[', _events(services.records, reach, run.id))
        except ApiError:
            continue
        yield b"]}\n"


def _pieces(begin: bytes, rows: Iterator[Struct]) -> Iterator[bytes]:
    yield begin
    between = b""
    while part := list(islice(rows, _PIECE)):
        yield between + b",".join(map(_encode, part))
        between = b","


def _spans(records: Records, reach: Reach, run_id: str) -> Iterator[Struct]:
    offset: int | None = 0
    while offset is not None:
        page = records.spans(
            reach,
            agent_id=None,
            run_id=run_id,
            since=None,
            until=None,
            summaries=True,
            risk=False,
            window=_window(offset, "inserted_at"),
        )
        yield from page.summaries
        offset = page.pagination.next_page_offset if page.pagination else None


def _events(records: Records, reach: Reach, run_id: str) -> Iterator[Struct]:
    offset: int | None = 0
    while offset is not None:
        page = records.events(reach, run_id, _window(offset, "timestamp"))
        yield from page.summaries
        offset = page.pagination.next_page_offset if page.pagination else None


def _window(offset: int, order: str) -> Window:
    return Window(offset=offset, size=_PIECE, field=order, descending=False)


def _line(cells: tuple[object, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode("utf-8", "replace")


def _cells(run: RunRecord) -> tuple[object, ...]:
    known = run.cost_reported + run.cost_computed + run.cost_estimated > 0
    return (
        _plain(run.id),
        _plain(run.name or run.root_name),
        _plain(run.agent_name),
        _plain(run.version_identifier or run.version_name),
        _plain(run.environment),
        run.purpose,
        run.status,
        _plain(run.error_type),
        iso_utc(run.begun_at),
        "" if run.finished_at is None else iso_utc(run.finished_at),
        "" if run.duration is None else f"{run.duration / 1e9:.3f}",
        run.spans_total,
        run.errors,
        run.llm_calls,
        run.tool_calls,
        run.input_tokens,
        run.output_tokens,
        f"{run.cost_nano / 1e9:.9f}" if known else "",
        run.cost_unknown,
    )


def _plain(text: str | None) -> str:
    """A text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text and text[0] in "=+-@\t\r" else text or ""
