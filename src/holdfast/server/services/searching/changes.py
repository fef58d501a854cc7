"""What of the search index a transaction leaves to be done: which texts it has changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from holdfast.server.stores.rows import BodyRow, InstanceRow
from holdfast.server.stores.search.queue import Subjects

__all__ = ["SearchChanges", "has_text"]

_RunTexts = tuple[object, ...]


def has_text(change: BodyRow) -> bool:
    """Whether a change of a span's body brings something that can be searched for."""
    return (
        change.payload is not None
        or change.result_payload is not None
        or change.error is not None
        or change.attributes is not None
        or change.finish_attributes is not None
    )


def _texts(run: InstanceRow) -> _RunTexts:
    return (
        run.name,
        run.external_identifier,
        run.attributes,
        run.finish_attributes,
        run.error,
        run.termination_reason,
    )


class SearchChanges:
    """Used by one working set. Runs are told of before they are changed, and asked for when all is written."""

    def __init__(self) -> None:
        self._before: dict[int, _RunTexts] = {}
        self._changed: dict[int, Subjects] = {}

    def enter(self, run: InstanceRow, *, known: bool) -> None:
        if known:
            self._before[run.key] = _texts(run)

    def span(self, run_key: int, span_id: str) -> None:
        self._of(run_key).spans.append(span_id)

    def event(self, run: InstanceRow, event_id: str) -> None:
        """To be called after the run has counted it: that is its place."""
        self._of(run.key).events.append((run.events, event_id))

    def result(self, runs: Iterable[InstanceRow], judged: Collection[int]) -> dict[int, Subjects]:
        """By instance key. `judged` are the keys of runs whose quality records changed."""
        for run in runs:
            if self._before.get(run.key) != _texts(run) or run.key in judged:
                known = self._changed.get(run.key)
                self._changed[run.key] = Subjects(
                    True, known.spans if known else [], known.events if known else []
                )
        return self._changed

    def _of(self, run_key: int) -> Subjects:
        found = self._changed.get(run_key)
        if found is None:
            found = self._changed[run_key] = Subjects(False, [], [])
        return found
