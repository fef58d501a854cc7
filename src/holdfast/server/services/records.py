"""What the HTTP API reads: single runs, lists, and word for live runs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Literal, TypeVar

from holdfast.errors import ApiError
from holdfast.server.services.details import control_of, event_details, instance_details, span_details
from holdfast.server.services.heard import Heard
from holdfast.server.stores.base import Store
from holdfast.server.stores.reads_api import ApiReads, Window
from holdfast.wire.details import EventDetails, InstanceDetails, SpanDetails
from holdfast.wire.envelopes import Control, Listed, Pagination, Sorting
from holdfast.wire.vocabulary import ErrorCode

__all__ = ["Records", "Window"]

T = TypeVar("T")


class Records:
    """Blocking calls; keep them off the event loop. Everything is within one account."""

    def __init__(self, store: Store, heard: Heard, clock: Callable[[], int]) -> None:
        self._reads = ApiReads(store)
        self._heard = heard
        self._clock = clock

    def run(self, account_id: str, run_id: str) -> InstanceDetails:
        """Raises `ApiError` 404."""
        found = self._reads.run(account_id, run_id)
        if found is None:
            raise _no_run(run_id)
        return instance_details(*found)

    def control(self, account_id: str, run_ids: Collection[str]) -> dict[str, Control]:
        """Word for those of the runs that have any. Asking is a sign of life."""
        self._heard.note(account_id, run_ids, self._clock())
        words = {run.id: control_of(run) for run in self._reads.runs_ended_by_server(account_id, run_ids)}
        return {run_id: word for run_id, word in words.items() if word is not None}

    def runs(self, account_id: str, agent_id: str | None, window: Window) -> Listed[InstanceDetails]:
        rows, total = self._reads.runs(account_id, agent_id, window)
        return _listed([instance_details(*row) for row in rows], total, window)

    def spans(
        self,
        account_id: str,
        *,
        agent_id: str | None,
        run_id: str | None,
        since: int | None,
        until: int | None,
        summaries: bool,
        window: Window,
    ) -> Listed[SpanDetails]:
        """Summaries are left out (null) unless asked for."""
        rows, total = self._reads.spans(
            account_id, agent_id=agent_id, run_id=run_id, since=since, until=until, window=window
        )
        if not summaries:
            for _, row, _ in rows:
                row.summary = None
        return _listed([span_details(*row) for row in rows], total, window)

    def events(self, account_id: str, run_id: str, window: Window) -> Listed[EventDetails]:
        """Raises `ApiError` 404."""
        found = self._reads.events(account_id, run_id, window)
        if found is None:
            raise _no_run(run_id)
        rows, total = found
        return _listed([event_details(run_id, row) for row in rows], total, window)


def _no_run(run_id: str) -> ApiError:
    return ApiError(404, ErrorCode.NOT_FOUND, f"agent instance {run_id} not_found")


def _listed(rows: list[T], total: int, window: Window) -> Listed[T]:
    offset, size = window.offset, window.size
    direction: Literal["asc", "desc"] = "desc" if window.descending else "asc"
    return Listed(
        summaries=rows,
        pagination=Pagination(
            item_count=total,
            item_start=offset + 1 if rows else 0,
            item_end=offset + len(rows),
            page_count=-(-total // size),
            page_index=offset // size + 1,
            page_offset=offset,
            page_size=size,
            next_page_offset=offset + size if offset + size < total else None,
            previous_page_offset=max(0, offset - size) if offset else None,
        ),
        sorting=Sorting(field=window.field, direction=direction),
    )
