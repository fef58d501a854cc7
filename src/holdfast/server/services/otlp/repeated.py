"""Whose tokens are those of spans inside them: an agent's or a step's always, a model call's where another
instrumentation recorded the same call within it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

from holdfast.server.services.otlp.work import Work
from holdfast.wire import attributes as names
from holdfast.wire.vocabulary import SpanType

__all__ = ["RepeatedUsage"]

_MOST_RUNS: Final = 10_000
_MOST_IDS: Final = 2_000


class RepeatedUsage:
    """Thread-safe. Exporters send spans as they end, the inner ones first and often in a request of their own: of
    the runs that came last it is remembered around which spans there are calls, so that an outer one that comes
    later is known for what it is. One that came before its inner ones is not; nor is one whose inner ones came to
    another server process, or before a restart."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._around: OrderedDict[str, dict[str, None]] = OrderedDict()

    def mark(self, run_id: str, works: Sequence[Work]) -> None:
        """Mark the spans of one run that came together."""
        telling = {work.span.span_id: work for work in works if _tells(work)}
        for work in telling.values():
            if work.meaning.type is not SpanType.LLM:
                work.meaning.attributes[names.USAGE_REPEATED] = True
        parents = {work.span.span_id: work.span.parent_id for work in works}
        with self._lock:
            around = self._remembered(run_id) if telling else self._around.get(run_id)
            if around is None:
                return
            below = [work.span.parent_id for work in telling.values()]
            for start in [*below, *(span_id for span_id in parents if span_id in around)]:
                _climb(start, parents, telling, around)
            while len(around) > _MOST_IDS:
                del around[next(iter(around))]

    def _remembered(self, run_id: str) -> dict[str, None]:
        around = self._around.setdefault(run_id, {})
        self._around.move_to_end(run_id)
        if len(self._around) > _MOST_RUNS:
            self._around.popitem(last=False)
        return around


def _tells(work: Work) -> bool:
    """What another Holdfast forwarded says itself whether it repeats."""
    return work.meaning.tells_usage and names.SPAN_TYPE not in work.span.attributes


def _climb(
    at: str | None, parents: Mapping[str, str | None], telling: Mapping[str, Work], around: dict[str, None]
) -> None:
    """From a span around a call outwards: the first that tells of usage repeats it. Where the way ends at a span
    that has not come yet, remember that."""
    seen: set[str] = set()
    while at is not None and at not in seen:
        seen.add(at)
        if at in telling:
            telling[at].meaning.attributes[names.USAGE_REPEATED] = True
            return
        if at not in parents:
            around[at] = None
            return
        at = parents[at]
