"""Single events as pages show them."""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.server.services.clean_text import one_line
from holdfast.server.services.viewing.payload_view import show_payload
from holdfast.server.stores.reads.run_views import RunEvent, RunRecord
from holdfast.server.web.format import duration
from holdfast.server.web.links import raw_path
from holdfast.server.web.run.pages import EventView
from holdfast.server.web.run.query import RunQuery
from holdfast.server.web.shown import clock_time

__all__ = ["event_views"]


def event_views(
    run: RunRecord, path: str, found: Iterable[RunEvent], query: RunQuery | None = None
) -> tuple[EventView, ...]:
    """`path` is put before the query that shows an event's span; empty on the run page itself."""
    query = query or RunQuery()
    began = run.started_at if run.started_at is not None else run.begun_at
    return tuple(
        EventView(
            name=one_line(event.name, 160),
            level=event.level,
            offset=duration(event.timestamp - began),
            time=clock_time(event.timestamp),
            view=show_payload(event.payload, limit=60),
            raw_href=raw_path(run.id, event=event.id),
            span_href=path + query.select(event.span_id) if event.span_id else "",
        )
        for event in found
    )
