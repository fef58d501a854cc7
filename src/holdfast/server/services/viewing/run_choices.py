"""What a list of runs can be filtered by: names that occur, read at most once a minute."""

from __future__ import annotations

import threading
from typing import Final

from msgspec import Struct

from holdfast.server.stores.base import Store
from holdfast.server.stores.reads.choices import ChoiceReads
from holdfast.server.stores.reads.facet_views import FacetSpan
from holdfast.server.stores.reads.facets import FacetReads
from holdfast.wire.vocabulary import FacetKind

__all__ = ["RunChoices", "RunNames"]

_MINUTE: Final = 60_000_000_000
_RECENT: Final = 2 * 24 * 60 * _MINUTE
_NAMES: Final = 50
_KEPT: Final = 1_000


class RunNames(Struct, frozen=True, kw_only=True):
    """Names of environments and versions by their ids; models and tools of the last two days, the most used
    first."""

    environments: dict[str, str]
    versions: dict[str, str]
    models: list[str]
    tools: list[str]


class RunChoices:
    """Thread-safe. Every call may read the database: keep it off the event loop."""

    def __init__(self, store: Store) -> None:
        self._reads = ChoiceReads(store)
        self._facets = FacetReads(store)
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str | None], tuple[int, RunNames]] = {}

    def names(self, account_id: str, agent_id: str | None, now: int) -> RunNames:
        """Versions are those of the agent: without one there are none."""
        key = account_id, agent_id
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and 0 <= now - kept[0] < _MINUTE:
            return kept[1]
        found = RunNames(
            environments=self._reads.environments(account_id, _NAMES),
            versions={} if agent_id is None else self._reads.versions(account_id, agent_id, _NAMES),
            models=self._of(FacetKind.MODEL, account_id, agent_id, now),
            tools=self._of(FacetKind.TOOL, account_id, agent_id, now),
        )
        with self._lock:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[key] = now, found
        return found

    def _of(self, kind: FacetKind, account_id: str, agent_id: str | None, now: int) -> list[str]:
        span = FacetSpan(account_id=account_id, kind=kind, since=now - _RECENT, agent_id=agent_id)
        return [one.name for one in self._facets.sums(span, limit=_NAMES)]
