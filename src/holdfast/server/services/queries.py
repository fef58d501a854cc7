"""The read side for pages: the stores' reads, and the trees of runs kept while they do not change."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import replace
from typing import Final

from holdfast.server.services.run_tree import SpanTree, grow_tree
from holdfast.server.stores.base import Store
from holdfast.server.stores.reads_runs import RunReads
from holdfast.server.stores.reads_spans import SpanReads
from holdfast.server.stores.run_views import RunFilter, RunSums, RunVersion

__all__ = ["Queries"]

_MINUTE: Final = 60_000_000_000
_HOUR: Final = 60 * _MINUTE
_RECENT: Final = 48 * _HOUR
_KEPT_SUMS: Final = 1_000
_KEPT_SPANS: Final = 400_000
"""Spans in all kept trees: about 200 bytes each."""


class Queries:
    """Thread-safe. Every call may read the database: keep it off the event loop."""

    def __init__(self, store: Store) -> None:
        self.runs = RunReads(store)
        self.spans = SpanReads(store)
        self._lock = threading.Lock()
        self._older: dict[tuple[str, str | None, int | None], tuple[int, int, RunSums]] = {}
        self._trees: OrderedDict[int, tuple[RunVersion, SpanTree]] = OrderedDict()
        self._growing: dict[RunVersion, Future[SpanTree]] = {}

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
        """The tree of a run, at least as new as `version`. Readers of one version wait for one tree."""
        with self._lock:
            kept = self._trees.get(version.key)
            if kept is not None and kept[0] == version:
                self._trees.move_to_end(version.key)
                return kept[1]
            growing = self._growing.get(version)
            mine = growing is None
            if growing is None:
                growing = self._growing[version] = Future()
        if not mine:
            return growing.result()
        try:
            tree = grow_tree(self.spans.light(version.key))
        except BaseException as error:
            with self._lock:
                del self._growing[version]
            growing.set_exception(error)
            raise
        self._keep(version, tree)
        growing.set_result(tree)
        return tree

    def _keep(self, version: RunVersion, tree: SpanTree) -> None:
        with self._lock:
            del self._growing[version]
            self._trees[version.key] = version, tree
            self._trees.move_to_end(version.key)
            while sum(len(other.ids) for _, other in self._trees.values()) > _KEPT_SPANS:
                if len(self._trees) == 1:
                    break
                self._trees.popitem(last=False)
