"""The order in which a run's spans are shown: each below its parent, brothers by their start."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from holdfast.server.stores.reads_spans import LightSpans

__all__ = ["SpanTree", "TreeView", "grow_tree", "short_id"]

_SUFFIX: Final = 16
"""Hex digits of a span id that W3C trace context carries."""


def short_id(span_id: str) -> str:
    """What W3C trace context calls the span: the last 16 characters of its id without dashes."""
    return span_id.replace("-", "")[-_SUFFIX:].lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanTree:
    """Spans in the order of the page (each before those inside it); lists have one entry a span.

    `around[i]` is the place of the span around span i, or -1; `end[i]` the place after the last span inside
    it. `failed` holds the places of failed spans, in order. `lost` holds the places of spans whose parent is
    not (yet) known or is inside themselves: they stand at the top. Times are nanoseconds.
    """

    ids: Sequence[str]
    depth: Sequence[int]
    around: Sequence[int]
    end: Sequence[int]
    failed: Sequence[int]
    lost: frozenset[int]
    first_start: int
    last_start: int

    def place(self, span_id: str) -> int | None:
        """Where a span stands, by its id."""
        try:
            return self.ids.index(span_id)
        except ValueError:
            return None

    def ancestors(self, place: int) -> list[int]:
        """The places of the spans around one, outermost first."""
        found: list[int] = []
        while (place := self.around[place]) != _NONE:
            found.append(place)
        found.reverse()
        return found

    def failures(self) -> list[int]:
        """The places of failed spans that hold no failed span themselves: where things went wrong."""
        following = pairwise([*self.failed, len(self.ids)])
        return [at for at, next_failed in following if next_failed >= self.end[at]]


_NONE: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeView:
    """What of a tree the reader wants to see. `folded` holds `short_id`s; `max_depth` 0 is the top only."""

    folded: frozenset[str] = frozenset()
    max_depth: int | None = None
    failed_only: bool = False

    def visible(self, tree: SpanTree) -> Sequence[int]:
        """The places that are shown, in order."""
        if not self.folded and self.max_depth is None and not self.failed_only:
            return range(len(tree.ids))
        wanted = _around_failures(tree) if self.failed_only else None
        shown: list[int] = []
        at, count = 0, len(tree.ids)
        while at < count:
            if wanted is None or at in wanted:
                shown.append(at)
            at = tree.end[at] if self.hides_inside(tree, at) else at + 1
        return shown

    def hides_inside(self, tree: SpanTree, place: int) -> bool:
        """Whether what is inside a span is left out."""
        if self.max_depth is not None and tree.depth[place] >= self.max_depth:
            return True
        return bool(self.folded) and short_id(tree.ids[place]) in self.folded


def _around_failures(tree: SpanTree) -> Collection[int]:
    wanted: set[int] = set()
    for at in tree.failed:
        place = at
        while place != _NONE and place not in wanted:
            wanted.add(place)
            place = tree.around[place]
    return wanted


def grow_tree(spans: LightSpans) -> SpanTree:
    """Put spans in order. Of two that began together the one that comes first in `spans` stays first.

    A parent may be given as the last 16 hex digits of its id, as remote callers do. Any input gives a tree
    with every span in it once: parents may be unknown, themselves, or in a ring.
    """
    parents = _find_parents(spans)
    inside: dict[int, list[int]] = {}
    tops: list[int] = []
    newest_first = sorted(range(len(parents)), key=spans.starts.__getitem__)
    # `_walk` takes from the end; reversing the list keeps those of one start in their order
    newest_first.reverse()
    for at in newest_first:
        parent = parents[at]
        if parent == _NONE:
            tops.append(at)
        elif parent in inside:
            inside[parent].append(at)
        else:
            inside[parent] = [at]
    lost = {at for at in tops if spans.parents[at] is not None}
    order = _walk(tops, inside)
    if len(order) < len(parents):
        lost |= _open_rings(parents, inside, order)
    return _placed(spans, parents, order, lost)


def _find_parents(spans: LightSpans) -> list[int]:
    """The number of each span's parent in `spans`, or `_NONE`."""
    number = {span_id: at for at, span_id in enumerate(spans.ids)}
    find = number.get
    parents = [_NONE if parent is None else find(parent, _NONE) for parent in spans.parents]
    suffixes: dict[str, int] | None = None
    for at, parent in enumerate(parents):
        if parent == at:
            parents[at] = _NONE
        if parent != _NONE:
            continue
        name = spans.parents[at]
        if name is not None and len(name) == _SUFFIX:
            if suffixes is None:
                suffixes = {short_id(span_id): place for span_id, place in number.items()}
            found = suffixes.get(name.lower(), _NONE)
            parents[at] = _NONE if found == at else found
    return parents


def _walk(tops: Sequence[int], inside: dict[int, list[int]]) -> list[int]:
    order: list[int] = []
    todo = list(tops)
    while todo:
        at = todo.pop()
        order.append(at)
        if at in inside:
            todo += inside[at]
    return order


def _open_rings(parents: list[int], inside: dict[int, list[int]], order: list[int]) -> set[int]:
    """Spans that are each other's ancestors hang on no top: cut each ring before its first span. What hangs
    on a ring from outside stays where it hangs."""
    seen = set(order)
    cut: set[int] = set()
    for at in range(len(parents)):
        if at in seen:
            continue
        first = min(_ring_above(at, parents))
        cut.add(first)
        inside[parents[first]].remove(first)
        parents[first] = _NONE
        more = _walk([first], inside)
        order += more
        seen.update(more)
    return cut


def _ring_above(at: int, parents: list[int]) -> list[int]:
    """The spans of the ring that one runs into on its way up."""
    passed: set[int] = set()
    while at not in passed:
        passed.add(at)
        at = parents[at]
    ring = [at]
    while (above := parents[ring[-1]]) != at:
        ring.append(above)
    return ring


def _placed(spans: LightSpans, parents: list[int], order: list[int], lost: set[int]) -> SpanTree:
    places = [0] * len(order)
    for place, at in enumerate(order):
        places[at] = place
    around = [_NONE if parents[at] == _NONE else places[parents[at]] for at in order]
    depth: list[int] = []
    for outer in around:
        depth.append(0 if outer == _NONE else depth[outer] + 1)
    end = list(range(1, len(order) + 1))
    for place in range(len(order) - 1, 0, -1):
        outer = around[place]
        if outer != _NONE and end[place] > end[outer]:
            end[outer] = end[place]
    failed = spans.failed
    return SpanTree(
        ids=[spans.ids[at] for at in order],
        depth=depth,
        around=around,
        end=end,
        failed=[place for place, at in enumerate(order) if failed[at]],
        lost=frozenset(places[at] for at in lost),
        first_start=min(spans.starts, default=0),
        last_start=max(spans.starts, default=0),
    )
