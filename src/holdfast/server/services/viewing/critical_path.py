"""Which spans a run waited for: the chain that decided when it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from holdfast.server.services.lately import Lately
from holdfast.server.services.viewing.run_tree import TOP, SpanTree
from holdfast.server.stores.reads.run_views import RunVersion
from holdfast.server.stores.reads.tree import TreeReads

__all__ = ["CriticalPaths", "critical_path"]


def critical_path(tree: SpanTree, ends: Sequence[int]) -> frozenset[int]:
    """The places on the critical path. `ends` has one entry a span: when it ended, or now while it goes on.

    Walked backwards from the end, as Jaeger and others do it. Within a span that is on the path, up to a moment
    (its own end at first), the child that ended last at or before that moment is on the path too: without it
    the span would have gone on earlier. From there it goes on at the moment when that child began, as long as
    there is a child that ended by then; time in which no child was at work is the span's own. The outermost
    spans are children of the run. A child that goes on beyond the span around it is taken to end with it. What
    ran beside the chain, and would only have been waited for had it taken longer, is not on the path.
    """
    found: set[int] = set()
    todo = [(TOP, max(ends, default=0))]
    while todo:
        around, until = todo.pop()
        moment = until
        children = [place for place in _children(tree, around) if tree.starts[place] <= until]
        # of those that ended together the one that began first stands for all its time
        children.sort(key=lambda place: (-min(ends[place], until), tree.starts[place]))
        for child in children:
            end = min(ends[child], until)
            if end <= moment:
                found.add(child)
                todo.append((child, end))
                moment = tree.starts[child]
    return frozenset(found)


def _children(tree: SpanTree, around: int) -> list[int]:
    place = around + 1
    stop = len(tree.ids) if around == TOP else tree.end(around)
    children: list[int] = []
    while place < stop:
        children.append(place)
        place = tree.end(place)
    return children


class CriticalPaths:
    """Those looked at lately. Thread-safe; reads the database."""

    def __init__(self, reads: TreeReads) -> None:
        self._reads = reads
        self._lately: Lately[RunVersion, frozenset[int]] = Lately(16)

    def of(self, version: RunVersion, tree: SpanTree, now: int) -> frozenset[int]:
        """As `critical_path`, of the tree of that version."""
        return self._lately.get(
            version, lambda: critical_path(tree, _ends(tree, self._reads.ends(version.key), now))
        )


def _ends(tree: SpanTree, known: Mapping[str, int | None], now: int) -> list[int]:
    return [
        max(start, now if end is None else end)
        for start, end in zip(tree.starts, map(known.get, tree.ids), strict=True)
    ]
