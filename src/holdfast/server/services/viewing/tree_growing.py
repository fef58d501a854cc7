"""Putting spans in the order of a tree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress, islice, repeat
from operator import eq, le
from typing import Final

from holdfast.server.services.viewing.run_tree import TOP, SpanTree, short_id
from holdfast.server.stores.reads.spans import LightSpans

__all__ = ["grow_tree"]

_UNKNOWN: Final = -2
_SUFFIX: Final = 16


def grow_tree(spans: LightSpans) -> SpanTree:
    """Of two that began together the one that comes first in `spans` stays first.

    A parent may be given as the last 16 hex digits of its id, as remote callers do. Any input gives a tree
    with every span in it once: parents may be unknown, themselves, or in a ring.

    A hundred thousand spans are the size to have in mind: what runs in the interpreter for each of them costs
    ten milliseconds. Where they come in the order of the page already, as those of an agent that does one thing
    at a time do, nothing is put in order.
    """
    parents, lost = _find_parents(spans)
    in_time = all(map(le, spans.starts, islice(spans.starts, 1, None)))
    if in_time and _are_in_order(parents):
        failed = list(compress(range(len(parents)), spans.failed))
        return SpanTree(ids=spans.ids, around=parents, starts=spans.starts, failed=failed, lost=lost)
    oldest_first: Sequence[int] = range(len(parents))
    if not in_time:
        oldest_first = sorted(oldest_first, key=spans.starts.__getitem__)
    inside: dict[int, list[int]] = {}
    for at in reversed(oldest_first):  # `_walk` takes from the end
        parent = parents[at]
        if parent in inside:
            inside[parent].append(at)
        else:
            inside[parent] = [at]
    order = _walk(inside.get(TOP, ()), inside)
    if len(order) < len(parents):
        for at in _open_rings(parents, inside, order):
            lost[at] = spans.parents[at] or ""
    return _placed(spans, parents, order, lost)


def _find_parents(spans: LightSpans) -> tuple[list[int], dict[int, str]]:
    """The number of each span's parent in `spans`, or `TOP`; and which of those have a parent that is not there,
    with its name."""
    number: dict[str | None, int] = dict(zip(spans.ids, range(len(spans.ids)), strict=True))
    number[None] = TOP
    parents = list(map(number.get, spans.parents, repeat(_UNKNOWN)))
    lost: dict[int, str] = {}
    if _UNKNOWN in parents:
        suffixes: dict[str, int] | None = None
        for at, parent in enumerate(parents):
            name = spans.parents[at]
            if parent != _UNKNOWN or name is None:
                continue
            found = TOP
            if len(name) == _SUFFIX:
                if suffixes is None:
                    suffixes = {short_id(span_id): place for place, span_id in enumerate(spans.ids)}
                found = suffixes.get(name.lower(), TOP)
            parents[at] = found
            if found == TOP:
                lost[at] = name
    everyone = range(len(parents))
    for at in list(compress(everyone, map(eq, parents, everyone))):
        parents[at] = TOP
        lost[at] = spans.parents[at] or ""
    return parents, lost


def _are_in_order(parents: Sequence[int]) -> bool:
    """Whether each span comes after what is around it, and before what begins after that."""
    path = [TOP]
    for at, parent in enumerate(parents):
        while path[-1] != parent:
            path.pop()
            if not path:
                return False
        path.append(at)
    return True


def _walk(tops: Iterable[int], inside: Mapping[int, Sequence[int]]) -> list[int]:
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
        parents[first] = TOP
        more = _walk([first], inside)
        order += more
        seen.update(more)
    return cut


def _ring_above(at: int, parents: Sequence[int]) -> list[int]:
    """The spans of the ring that one runs into on its way up."""
    passed: set[int] = set()
    while at not in passed:
        passed.add(at)
        at = parents[at]
    ring = [at]
    while (above := parents[ring[-1]]) != at:
        ring.append(above)
    return ring


def _placed(
    spans: LightSpans, parents: Sequence[int], order: Sequence[int], lost: Mapping[int, str]
) -> SpanTree:
    places = [0] * len(order)
    for place, at in enumerate(order):
        places[at] = place
    places.append(TOP)  # the place of number -1
    failed = spans.failed
    return SpanTree(
        ids=[spans.ids[at] for at in order],
        around=[places[parents[at]] for at in order],
        starts=[spans.starts[at] for at in order],
        failed=[place for place, at in enumerate(order) if failed[at]],
        lost={places[at]: name for at, name in lost.items()},
    )
