"""Finding a text among the spans of a run."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.server.services.lately import Lately
from holdfast.server.services.viewing.run_tree import SpanTree
from holdfast.server.stores.reads.run_views import RunVersion
from holdfast.server.stores.reads.tree import TreeReads

__all__ = ["Finder"]


class Finder:
    """Thread-safe; reads the database."""

    def __init__(self, reads: TreeReads) -> None:
        self._reads = reads
        self._lately: Lately[tuple[RunVersion, str], Sequence[int]] = Lately(32)

    def places(self, version: RunVersion, tree: SpanTree, text: str) -> Sequence[int]:
        """The places of the spans that have the text, in the order of the page; see `TreeReads.found`."""

        def look() -> Sequence[int]:
            wanted = set(self._reads.found(version.key, text))
            return [place for place, span_id in enumerate(tree.ids) if span_id in wanted] if wanted else []

        return self._lately.get((version, text), look)
