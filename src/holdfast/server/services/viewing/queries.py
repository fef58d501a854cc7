"""The read side for pages: the stores' reads, and the trees of runs kept while they do not change."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Final

from holdfast.server.services.viewing.agent_profiles import AgentProfiles
from holdfast.server.services.viewing.comparing import Comparing
from holdfast.server.services.viewing.critical_path import CriticalPaths
from holdfast.server.services.viewing.failures import Failures
from holdfast.server.services.viewing.finding import Finder
from holdfast.server.services.viewing.overview import Overview
from holdfast.server.services.viewing.run_choices import RunChoices
from holdfast.server.services.viewing.run_tree import SpanTree
from holdfast.server.services.viewing.trees import Trees
from holdfast.server.stores.base import Store
from holdfast.server.stores.questions import QuestionReads
from holdfast.server.stores.reads.events import EventReads
from holdfast.server.stores.reads.facets import FacetReads
from holdfast.server.stores.reads.quality import QualityReads
from holdfast.server.stores.reads.results import ResultReads
from holdfast.server.stores.reads.run_list import RunList
from holdfast.server.stores.reads.run_views import RunFilter, RunSums, RunVersion
from holdfast.server.stores.reads.runs import RunReads
from holdfast.server.stores.reads.spans import SpanReads
from holdfast.server.stores.reads.tree import TreeReads
from holdfast.server.stores.scores import ScoreReads

__all__ = ["Queries"]

_MINUTE: Final = 60_000_000_000
_HOUR: Final = 60 * _MINUTE
_RECENT: Final = 48 * _HOUR
_KEPT_SUMS: Final = 1_000


class Queries:
    """Thread-safe. Every call may read the database: keep it off the event loop."""

    def __init__(self, store: Store) -> None:
        self.runs = RunReads(store)
        self.run_list = RunList(store)
        self.choices = RunChoices(store)
        self.spans = SpanReads(store)
        self.quality = QualityReads(store)
        self.scores = ScoreReads(store)
        self.overview = Overview(store)
        self.failures = Failures(store)
        self.profiles = AgentProfiles(store, self.overview)
        self.facets = FacetReads(store)
        self.questions = QuestionReads(store)
        self.events = EventReads(store)
        self._lock = threading.Lock()
        self._older: dict[tuple[str, str | None, int | None], tuple[int, int, RunSums]] = {}
        self._trees = Trees(self.spans)
        self.inside = TreeReads(store)
        self.critical = CriticalPaths(self.inside)
        self.finder = Finder(self.inside)
        self.comparing = Comparing(self.spans, ResultReads(store), self._trees.tree)

    def sums(self, wanted: RunFilter, now: int) -> RunSums:
        """As `RunReads.sums`. What older hours add to it may be as old as a minute: there are many of them,
        and little of them changes."""
        recent = (now - _RECENT) // _HOUR * _HOUR
        if wanted.until is not None or (wanted.since is not None and wanted.since >= recent):
            return self.runs.sums(wanted)
        key = wanted.account_id, wanted.agent_id, wanted.since
        with self._lock:
            kept = self._older.get(key)
        if kept is None or now - kept[0] > _MINUTE or kept[1] != recent:
            kept = now, recent, self.runs.sums(replace(wanted, until=recent))
            with self._lock:
                if len(self._older) > _KEPT_SUMS:
                    self._older.clear()
                self._older[key] = kept
        return kept[2] + self.runs.sums(replace(wanted, since=recent))

    def tree(self, version: RunVersion) -> SpanTree:
        """As `Trees.tree`."""
        return self._trees.tree(version)
