"""A tree with what has changed in its run since: the page of a live run of a hundred thousand spans asks for it
twice a second."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from holdfast.server.services.viewing.run_tree import TOP, SpanTree, short_id
from holdfast.server.services.viewing.tree_growing import grow_tree
from holdfast.server.stores.reads.spans import LightSpans

__all__ = ["grown"]

_SUFFIX: Final = 16


def grown(tree: SpanTree, changed: LightSpans) -> SpanTree | None:
    """The tree that `grow_tree` would make of all the spans, those in `changed` being new or otherwise than
    they were. None where that moves spans that `tree` has (a start or a parent has become another, a lost
    span's parent has come): grow it anew.

    Of the old tree only the part behind the first new span is gone through.
    """
    places = dict(zip(tree.ids, range(len(tree.ids)), strict=True))
    fresh: list[int] = []
    failed_now: set[int] = set()
    for at, span_id in enumerate(changed.ids):
        place = places.get(span_id)
        if place is None:
            fresh.append(at)
        elif tree.starts[place] != changed.starts[at] or not _hangs_there(tree, place, changed.parents[at]):
            return None
        elif changed.failed[at]:
            failed_now.add(place)
    failed = tree.failed if failed_now.issubset(tree.failed) else sorted(failed_now.union(tree.failed))
    if not fresh:
        return _with(tree, failed)
    if tree.lost and _may_be_awaited(tree, [changed.ids[at] for at in fresh]):
        return None
    twigs = _twigs(tree, places, changed, fresh)
    return None if twigs is None else _merged(tree, failed, twigs)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Twig:
    """New spans below one that is not new: `spans` hang at the place `around`, before the old place `at`."""

    at: int
    around: int
    spans: SpanTree

    @property
    def order(self) -> tuple[int, int, int, str]:
        # what ends at one place ends from the inside to the outside
        return self.at, -self.around, self.spans.starts[0], self.spans.ids[0]


def _hangs_there(tree: SpanTree, place: int, parent: str | None) -> bool:
    around = tree.around[place]
    if around == TOP:
        return tree.lost.get(place) == parent
    known = tree.ids[around]
    return parent is not None and (known == parent or short_id(known) == parent.lower())


def _may_be_awaited(tree: SpanTree, ids: Sequence[str]) -> bool:
    """Whether one of the new spans may be the parent of a lost one."""
    wanted = {name for name in tree.lost.values() if len(name) != _SUFFIX}
    short = {name.lower() for name in tree.lost.values() if len(name) == _SUFFIX}
    return any(span_id in wanted or (short and short_id(span_id) in short) for span_id in ids)


def _twigs(
    tree: SpanTree, places: Mapping[str, int], changed: LightSpans, fresh: Sequence[int]
) -> list[_Twig] | None:
    """The new spans by what they hang on. None where one is lost: whether others wait for it too, or it is
    named by the end of its id, takes a look at all."""
    among = grow_tree(
        LightSpans(
            ids=[changed.ids[at] for at in fresh],
            parents=[changed.parents[at] for at in fresh],
            starts=[changed.starts[at] for at in fresh],
            failed=[changed.failed[at] for at in fresh],
        )
    )
    twigs: list[_Twig] = []
    for root in _roots(among):
        name = among.lost.get(root)
        around = TOP if name is None else places.get(name, _MISSING)
        if around == _MISSING:
            return None
        twigs.append(_Twig(at=_before(tree, around, among, root), around=around, spans=_cut(among, root)))
    twigs.sort(key=lambda twig: twig.order)
    return twigs


_MISSING: Final = -2


def _roots(tree: SpanTree) -> Iterator[int]:
    at = 0
    while at < len(tree.ids):
        yield at
        at = tree.end(at)


def _before(tree: SpanTree, around: int, among: SpanTree, root: int) -> int:
    """The old place before which a new span below `around` comes: after the brothers that began earlier."""
    mine = among.starts[root], among.ids[root]
    brother = tree.last_inside.get(around, _MISSING)
    if brother == _MISSING:
        return around + 1
    while (tree.starts[brother], tree.ids[brother]) > mine:
        earlier = brother - 1
        if earlier == around:
            return brother
        while tree.around[earlier] != around:
            earlier = tree.around[earlier]
        brother = earlier
    return tree.end(brother)


def _cut(tree: SpanTree, root: int) -> SpanTree:
    end = tree.end(root)
    return SpanTree(
        ids=tree.ids[root:end],
        around=[TOP, *(place - root for place in tree.around[root + 1 : end])],
        starts=tree.starts[root:end],
        failed=[place - root for place in tree.failed if root <= place < end],
        lost={},
    )


def _with(tree: SpanTree, failed: Sequence[int]) -> SpanTree:
    if failed is tree.failed:
        return tree
    return SpanTree(ids=tree.ids, around=tree.around, starts=tree.starts, failed=failed, lost=tree.lost)


def _merged(tree: SpanTree, failed: Sequence[int], twigs: Sequence[_Twig]) -> SpanTree:
    cuts = [twig.at for twig in twigs]
    first, count = cuts[0], len(tree.ids)
    ids, starts, around = list(tree.ids[:first]), list(tree.starts[:first]), list(tree.around[:first])
    added = [0]
    """How many spans are new before the first, the second … place where some are."""
    for twig in twigs:
        added.append(added[-1] + len(twig.spans.ids))

    def moved(place: int) -> int:
        """Where an old span stands now."""
        return place if place < first else place + added[bisect_right(cuts, place)]

    more_failed: list[int] = []
    for number, twig in enumerate(twigs):
        base = len(ids)
        ids += twig.spans.ids
        starts += twig.spans.starts
        around.append(moved(twig.around))
        around += [place + base for place in twig.spans.around[1:]]
        more_failed += [place + base for place in twig.spans.failed]
        end = cuts[number + 1] if number + 1 < len(cuts) else count
        ids += tree.ids[twig.at : end]
        starts += tree.starts[twig.at : end]
        around += map(moved, tree.around[twig.at : end])
    return SpanTree(
        ids=ids,
        around=around,
        starts=starts,
        failed=sorted([*map(moved, failed), *more_failed]),
        lost={moved(place): name for place, name in tree.lost.items()},
    )
