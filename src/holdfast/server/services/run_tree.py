"""The order in which a run's spans are shown: each below its parent, brothers by their start."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import Final

from holdfast.server.stores.reads_spans import LightSpan
from holdfast.wire.vocabulary import SpanStatus

__all__ = ["SpanTree", "TreeView", "grow_tree", "short_id"]

_SUFFIX: Final = 16
"""Hex digits of a span id that W3C trace context carries."""


def short_id(span_id: str) -> str:
    """What W3C trace context calls the span: the last 16 characters of its id without dashes."""
    return span_id.replace("-", "")[-_SUFFIX:].lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanTree:
    """Spans in the order of the page (each before those inside it); every list has one entry a span.

    `end[i]` is the place after the last span inside span i. `lost` holds the places of spans whose parent
    is not (yet) known or is inside themselves: they stand at the top. Times are nanoseconds.
    """

    ids: Sequence[str]
    depth: Sequence[int]
    end: Sequence[int]
    statuses: Sequence[str]
    lost: frozenset[int]
    begun_at: int
    ended_at: int

    def place(self, span_id: str) -> int | None:
        """Where a span stands, by its id."""
        try:
            return self.ids.index(span_id)
        except ValueError:
            return None

    def ancestors(self, place: int) -> list[int]:
        """The places of the spans around one, outermost first."""
        found: list[int] = []
        depth = self.depth[place]
        for at in range(place - 1, -1, -1):
            if depth == 0:
                break
            if self.depth[at] < depth:
                depth = self.depth[at]
                found.append(at)
        found.reverse()
        return found

    def failures(self) -> list[int]:
        """The places of failed spans that hold no failed span themselves: where things went wrong."""
        failed = [at for at, status in enumerate(self.statuses) if status == _FAILED]
        return [at for at, following in pairwise([*failed, len(self.ids)]) if following >= self.end[at]]


_FAILED: Final = SpanStatus.FAILED.value
_NONE: Final = -1
_start: Final = itemgetter(2)


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
    path: list[int] = []
    for at, status in enumerate(tree.statuses):
        del path[tree.depth[at] :]
        path.append(at)
        if status == _FAILED:
            for around in reversed(path):
                if around in wanted:
                    break  # and so is everything around it
                wanted.add(around)
    return wanted


def grow_tree(spans: Iterable[LightSpan]) -> SpanTree:
    """Put spans in order. Of two that began together the one that comes first in `spans` stays first.

    A parent may be given as the last 16 hex digits of its id, as remote callers do. Any input gives a tree
    with every span in it once: parents may be unknown, themselves, or in a ring.
    """
    rows = sorted(spans, key=_start)
    number = {row[0]: at for at, row in enumerate(rows)}
    inside: dict[int, list[int]] = {}
    around: list[int] = []
    tops: list[int] = []
    lost: set[int] = set()
    suffixes: dict[str, int] | None = None
    for at, row in enumerate(rows):
        parent_id = row[1]
        parent = _NONE if parent_id is None else number.get(parent_id, _NONE)
        if parent == _NONE and parent_id is not None and len(parent_id) == _SUFFIX:
            if suffixes is None:
                suffixes = {short_id(span_id): place for span_id, place in number.items()}
            parent = suffixes.get(parent_id.lower(), _NONE)
        if parent == at:
            parent = _NONE
        around.append(parent)
        if parent != _NONE:
            if parent in inside:
                inside[parent].append(at)
            else:
                inside[parent] = [at]
        else:
            tops.append(at)
            if parent_id is not None:
                lost.add(at)
    order, depth, end = _walk(tops, inside)
    if len(order) < len(rows):
        _open_rings(around, inside, order, depth, end, lost)
    places = {at: place for place, at in enumerate(order)} if lost else {}
    return SpanTree(
        ids=[rows[at][0] for at in order],
        depth=depth,
        end=end,
        statuses=[rows[at][4] for at in order],
        lost=frozenset(places[at] for at in lost),
        begun_at=rows[0][2] if rows else 0,
        ended_at=max((max(row[2], row[3] or 0) for row in rows), default=0),
    )


def _walk(tops: Sequence[int], inside: dict[int, list[int]]) -> tuple[list[int], list[int], list[int]]:
    order: list[int] = []
    depth: list[int] = []
    end: list[int] = []
    path: list[int] = []  # places of the spans around the next one
    todo = [(at, 0) for at in reversed(tops)]
    while todo:
        at, level = todo.pop()
        while len(path) > level:
            end[path.pop()] = len(order)
        children = inside.get(at)
        end.append(len(order) + 1)
        depth.append(level)
        if children:
            path.append(len(order))
            todo.extend([(child, level + 1) for child in reversed(children)])
        order.append(at)
    for place in path:
        end[place] = len(order)
    return order, depth, end


def _open_rings(
    around: Sequence[int],
    inside: dict[int, list[int]],
    order: list[int],
    depth: list[int],
    end: list[int],
    lost: set[int],
) -> None:
    """Spans that are each other's ancestors hang on no top: cut each ring before its first span."""
    seen = set(order)
    for at, parent in enumerate(around):
        if at in seen:
            continue
        lost.add(at)
        inside[parent].remove(at)
        offset = len(order)
        more, more_depth, more_end = _walk([at], inside)
        order += more
        depth += more_depth
        end += [place + offset for place in more_end]
        seen.update(more)
