"""The read side for pages: the stores' reads, and the trees of runs kept while they do not change."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from holdfast.server.services.run_tree import SpanTree, grow_tree
from holdfast.server.stores.base import Store
from holdfast.server.stores.reads_runs import RunReads, RunVersion
from holdfast.server.stores.reads_spans import SpanReads

__all__ = ["Queries"]

_KEPT_SPANS: Final = 400_000
"""Spans in all kept trees: about 200 bytes each."""


class Queries:
    """Thread-safe. Every call may read the database: keep it off the event loop."""

    def __init__(self, store: Store) -> None:
        self.runs = RunReads(store)
        self.spans = SpanReads(store)
        self._lock = threading.Lock()
        self._trees: OrderedDict[int, tuple[RunVersion, SpanTree]] = OrderedDict()

    def tree(self, version: RunVersion) -> SpanTree:
        """The tree of a run, at least as new as `version`."""
        with self._lock:
            kept = self._trees.get(version.key)
            if kept is not None and kept[0] == version:
                self._trees.move_to_end(version.key)
                return kept[1]
        tree = grow_tree(self.spans.light(version.key))
        with self._lock:
            self._trees[version.key] = version, tree
            self._trees.move_to_end(version.key)
            while sum(len(other.ids) for _, other in self._trees.values()) > _KEPT_SPANS:
                if len(self._trees) == 1:
                    break
                self._trees.popitem(last=False)
        return tree
