"""The trees of runs, kept while they do not change, and grown by what does."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future
from typing import Final

from holdfast.server.services.viewing.run_tree import SpanTree
from holdfast.server.services.viewing.tree_growing import grow_tree
from holdfast.server.services.viewing.tree_growth import grown
from holdfast.server.stores.reads.run_views import RunVersion
from holdfast.server.stores.reads.spans import SpanReads

__all__ = ["Trees"]

_MOST_SPANS: Final = 400_000
"""In all kept trees: about 200 bytes each."""
_LARGE: Final = 2_000
"""Spans below which a tree is made anew in no time."""
_OVERLAP: Final = 5_000_000_000
"""How far back, in nanoseconds, a change is looked for: writers take the time before they commit."""


class Trees:
    """Thread-safe. Reads the database: keep it off the event loop."""

    def __init__(self, spans: SpanReads) -> None:
        self._spans = spans
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, tuple[RunVersion, SpanTree]] = OrderedDict()
        self._growing: dict[RunVersion, Future[SpanTree]] = {}

    def tree(self, version: RunVersion) -> SpanTree:
        """The tree of a run, at least as new as `version`. Readers of one version wait for one tree."""
        with self._lock:
            kept = self._kept.get(version.key)
            if kept is not None and kept[0] == version:
                self._kept.move_to_end(version.key)
                return kept[1]
            growing = self._growing.get(version)
            mine = growing is None
            if growing is None:
                growing = self._growing[version] = Future()
        if not mine:
            return growing.result()
        try:
            tree = self._grown(version, kept)
        except BaseException as error:
            with self._lock:
                del self._growing[version]
            growing.set_exception(error)
            raise
        self._keep(version, tree)
        growing.set_result(tree)
        return tree

    def _grown(self, version: RunVersion, kept: tuple[RunVersion, SpanTree] | None) -> SpanTree:
        if kept is not None and len(kept[1].ids) >= _LARGE:
            since = kept[0].updated_at - _OVERLAP
            tree = grown(kept[1], self._spans.light(version.key, changed_since=since))
            # What a slower writer committed with an older time is not among the changes: then there are too few.
            if tree is not None and len(tree.ids) >= version.spans and len(tree.failed) >= version.failed:
                return tree
        return grow_tree(self._spans.light(version.key))

    def _keep(self, version: RunVersion, tree: SpanTree) -> None:
        with self._lock:
            del self._growing[version]
            self._kept[version.key] = version, tree
            self._kept.move_to_end(version.key)
            while sum(len(other.ids) for _, other in self._kept.values()) > _MOST_SPANS:
                if len(self._kept) == 1:
                    break
                self._kept.popitem(last=False)
