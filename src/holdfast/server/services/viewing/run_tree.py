"""The order in which a run's spans are shown: each below its parent, brothers by their start."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

__all__ = ["TOP", "SpanTree", "TreeView", "short_id"]

_SUFFIX: Final = 16
"""Hex digits of a span id that W3C trace context carries."""

TOP: Final = -1
"""The place around a span that has nothing around it."""


def short_id(span_id: str) -> str:
    """What W3C trace context calls the span: the last 16 characters of its id without dashes."""
    return span_id.replace("-", "")[-_SUFFIX:].lower()


class SpanTree:
    """Spans in the order of the page (each before those inside it); lists have one entry a span.

    `around[i]` is the place of the span around span i, or `TOP`; `starts` are nanoseconds. `failed` holds the
    places of failed spans, in order. `lost` has the places of spans whose parent is not (yet) known or is inside
    themselves, with the name of that parent: they stand at the top.

    The lists are never changed: any number of readers may share a tree. What is not needed for one screen (depths,
    ends) is found when it is asked for, and kept: a run of a hundred thousand spans is shown in a fraction of the
    time in which all of it could be worked out.
    """

    __slots__ = (
        "_depths",
        "_ends",
        "_last_inside",
        "around",
        "failed",
        "first_start",
        "ids",
        "last_start",
        "lost",
        "starts",
    )

    def __init__(
        self,
        *,
        ids: Sequence[str],
        around: Sequence[int],
        starts: Sequence[int],
        failed: Sequence[int],
        lost: Mapping[int, str],
    ) -> None:
        self.ids = ids
        self.around = around
        self.starts = starts
        self.failed = failed
        self.lost = lost
        self.first_start = min(starts, default=0)
        self.last_start = max(starts, default=0)
        self._depths: dict[int, int] = {TOP: -1}
        self._ends: dict[int, int] = {}
        self._last_inside: dict[int, int] | None = None

    def place(self, span_id: str) -> int | None:
        """Where a span stands, by its id."""
        try:
            return self.ids.index(span_id)
        except ValueError:
            return None

    def ancestors(self, place: int) -> list[int]:
        """The places of the spans around one, outermost first."""
        found: list[int] = []
        while (place := self.around[place]) != TOP:
            found.append(place)
        found.reverse()
        return found

    def depth(self, place: int) -> int:
        """How many spans are around one."""
        depths, passed = self._depths, list[int]()
        while place not in depths:
            passed.append(place)
            place = self.around[place]
        depth = depths[place]
        for inner in reversed(passed):
            depth += 1
            depths[inner] = depth
        return depth

    def end(self, place: int) -> int:
        """The place after the last span inside one."""
        last, ends, passed = self.last_inside, self._ends, list[int]()
        while place not in ends and place in last:
            passed.append(place)
            place = last[place]
        end = ends.get(place, place + 1)
        ends.update(dict.fromkeys(passed, end))
        return end

    @property
    def last_inside(self) -> Mapping[int, int]:
        """The last child of every span that has some, by places; under `TOP` the last of the outermost."""
        found = self._last_inside
        if found is None:
            found = self._last_inside = dict(zip(self.around, range(len(self.around)), strict=True))
        return found

    def height(self, most: int) -> int:
        """How many levels there are, as far as `most`."""
        level = set(self.around)
        height = 1 if level else 0
        while height < most:
            level = {self.around[place] for place in level if place != TOP}
            if not level:
                break
            height += 1
        return height

    def failures(self) -> list[int]:
        """The places of failed spans that hold no failed span themselves: where things went wrong."""
        following = pairwise([*self.failed, len(self.ids)])
        return [at for at, next_failed in following if next_failed >= self.end(at)]


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
            at = tree.end(at) if self.hides_inside(tree, at) else at + 1
        return shown

    def hides_inside(self, tree: SpanTree, place: int) -> bool:
        """Whether what is inside a span is left out."""
        if self.max_depth is not None and tree.depth(place) >= self.max_depth:
            return True
        return bool(self.folded) and short_id(tree.ids[place]) in self.folded


def _around_failures(tree: SpanTree) -> Collection[int]:
    wanted: set[int] = set()
    for at in tree.failed:
        place = at
        while place != TOP and place not in wanted:
            wanted.add(place)
            place = tree.around[place]
    return wanted
