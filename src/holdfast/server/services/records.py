"""What the HTTP API reads: single runs, lists, and word for live runs."""

from __future__ import annotations

from collections.abc import Callable, Collection

from holdfast.errors import ApiError
from holdfast.server.services.checking.span_types import SpanTypes
from holdfast.server.services.details import (
    answers_control,
    control_of,
    event_details,
    instance_details,
    span_details,
)
from holdfast.server.services.heard import Heard
from holdfast.server.services.listing import listed
from holdfast.server.stores.base import Store
from holdfast.server.stores.questions import QuestionReads
from holdfast.server.stores.reach import Reach
from holdfast.server.stores.reads.api import ApiReads, Window
from holdfast.wire.details import EventDetails, InstanceDetails, SpanDetails
from holdfast.wire.envelopes import Control, Listed
from holdfast.wire.vocabulary import ErrorCode

__all__ = ["Records", "Window"]


class Records:
    """Blocking calls; keep them off the event loop. What lies beyond the reach looks unknown."""

    def __init__(self, store: Store, heard: Heard, clock: Callable[[], int]) -> None:
        self._reads = ApiReads(store)
        self._questions = QuestionReads(store)
        self._types = SpanTypes(store)
        self._heard = heard
        self._clock = clock

    def run(self, reach: Reach, run_id: str) -> InstanceDetails:
        """Raises `ApiError` 404."""
        found = self._reads.run(reach, run_id)
        if found is None:
            raise _no_run(run_id)
        return instance_details(*found)

    def control(self, reach: Reach, run_ids: Collection[str]) -> dict[str, Control]:
        """Word for those of the runs that have any. Asking is a sign of life."""
        self._heard.note(reach.account_id, run_ids, self._clock())
        found = {
            run_id: answers_control(them) for run_id, them in self._questions.waiting(reach, run_ids).items()
        }
        for run in self._reads.runs_ended_by_server(reach, run_ids):
            word = control_of(run)
            if word is not None:
                found[run.id] = word
        return found

    def runs(self, reach: Reach, agent_id: str | None, window: Window) -> Listed[InstanceDetails]:
        rows, total = self._reads.runs(reach, agent_id, window)
        return listed([instance_details(*row) for row in rows], total, window)

    def spans(
        self,
        reach: Reach,
        *,
        agent_id: str | None,
        run_id: str | None,
        since: int | None,
        until: int | None,
        summaries: bool,
        risk: bool,
        window: Window,
    ) -> Listed[SpanDetails]:
        """Summaries and risk are left out (null) unless asked for."""
        rows, total = self._reads.spans(
            reach, agent_id=agent_id, run_id=run_id, since=since, until=until, window=window
        )
        if not summaries:
            for _, row, _ in rows:
                row.summary = None
        typed = self._types.described(
            [(run, span_details(run, row, body)) for run, row, body in rows], risk=risk
        )
        return listed(typed, total, window)

    def events(self, reach: Reach, run_id: str, window: Window) -> Listed[EventDetails]:
        """Raises `ApiError` 404."""
        found = self._reads.events(reach, run_id, window)
        if found is None:
            raise _no_run(run_id)
        rows, total = found
        return listed([event_details(run_id, row) for row in rows], total, window)


def _no_run(run_id: str) -> ApiError:
    return ApiError(404, ErrorCode.NOT_FOUND, f"agent instance {run_id} not_found")
