"""Which spans of two runs are the same step: a tree alignment, level by level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isqrt
from typing import Final

__all__ = ["Alignment", "Outline", "Pair", "align"]

STEPS: Final = 250_000
"""How many comparisons one alignment may make: some 0.3 seconds."""
_FAR: Final = 50
"""How many brothers a match in passing may leave behind."""
_NONE: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The spans of a run in reading order: `around[i]` is the place of the span around span i, or -1. Spans with
    the same label may be the same step."""

    around: Sequence[int]
    labels: Sequence[str]


@dataclass(frozen=True, slots=True)
class Pair:
    """The places of one step in the two runs; None where a run does not have it."""

    a: int | None
    b: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """In reading order. `exact` is False where the runs were too different to look at every possibility."""

    pairs: Sequence[Pair]
    exact: bool


def align(a: Outline, b: Outline) -> Alignment:
    """Spans are matched below matched spans only, brothers in their order, as many as possible.

    Each level is a longest common subsequence of labels, found by Myers' greedy O(ND) algorithm ("An O(ND)
    difference algorithm and its variations", 1986) after common beginnings and ends are taken off. All levels
    together make at most `STEPS` comparisons; once they are used up the brothers that are left are matched in
    passing, each with the next one of its label, in linear time.
    """
    work = _Work(a, b)
    pairs: list[Pair] = []
    todo: list[Pair] = list(reversed(work.level(_NONE, _NONE)))
    while todo:
        pair = todo.pop()
        pairs.append(pair)
        todo += reversed(work.below(pair))
    return Alignment(pairs=pairs, exact=work.exact)


@dataclass(slots=True)
class _Work:
    a: Outline
    b: Outline
    left: int = STEPS
    exact: bool = True
    _inside_a: dict[int, list[int]] = field(init=False)
    _inside_b: dict[int, list[int]] = field(init=False)

    def __post_init__(self) -> None:
        self._inside_a, self._inside_b = _inside(self.a), _inside(self.b)

    def below(self, pair: Pair) -> list[Pair]:
        """The pairs right inside a pair."""
        if pair.a is not None and pair.b is not None:
            return self.level(pair.a, pair.b)
        if pair.a is not None:
            return [Pair(at, None) for at in self._inside_a.get(pair.a, ())]
        assert pair.b is not None
        return [Pair(None, at) for at in self._inside_b.get(pair.b, ())]

    def level(self, a: int, b: int) -> list[Pair]:
        """The pairs right inside span a of the one run and span b of the other; -1 is the top."""
        ours, theirs = self._inside_a.get(a, []), self._inside_b.get(b, [])
        if not ours or not theirs:
            return [Pair(at, None) for at in ours] or [Pair(None, at) for at in theirs]
        labels_a = [self.a.labels[at] for at in ours]
        labels_b = [self.b.labels[at] for at in theirs]
        pairs: list[Pair] = []
        at_a = at_b = 0
        for match_a, match_b in [*self._matches(labels_a, labels_b), (len(ours), len(theirs))]:
            pairs += [Pair(at, None) for at in ours[at_a:match_a]]
            pairs += [Pair(None, at) for at in theirs[at_b:match_b]]
            if match_a < len(ours):
                pairs.append(Pair(ours[match_a], theirs[match_b]))
            at_a, at_b = match_a + 1, match_b + 1
        return pairs

    def _matches(self, a: Sequence[str], b: Sequence[str]) -> list[tuple[int, int]]:
        shorter = min(len(a), len(b))
        begin = 0
        while begin < shorter and a[begin] == b[begin]:
            begin += 1
        end = 0
        while end < shorter - begin and a[-1 - end] == b[-1 - end]:
            end += 1
        middle_a, middle_b = a[begin : len(a) - end], b[begin : len(b) - end]
        between = self._middle(middle_a, middle_b) if middle_a and middle_b else []
        return [
            *((at, at) for at in range(begin)),
            *((x + begin, y + begin) for x, y in between),
            *((len(a) - at, len(b) - at) for at in range(end, 0, -1)),
        ]

    def _middle(self, a: Sequence[str], b: Sequence[str]) -> list[tuple[int, int]]:
        found, used = _longest_common(a, b, self.left)
        self.left -= used
        if found is not None:
            return found
        self.exact = False
        return _in_passing(a, b)


def _inside(run: Outline) -> dict[int, list[int]]:
    inside: dict[int, list[int]] = {}
    for at, outer in enumerate(run.around):
        inside.setdefault(outer, []).append(at)
    return inside


def _longest_common(
    a: Sequence[str], b: Sequence[str], most: int
) -> tuple[list[tuple[int, int]] | None, int]:
    """The matches of a longest common subsequence, and how many comparisons that took; None for the matches
    where `most` do not suffice."""
    ends = len(a), len(b)
    middle = min(isqrt(2 * most) + 1, sum(ends)) + 1  # so many edits at most, and one
    furthest = [0] * (2 * middle + 1)  # by diagonal, that of 0 in the middle
    trace: list[list[int]] = []
    used = 0
    for edits in range(sum(ends) + 1):
        used += edits + 1
        if used > most:
            return None, used
        trace.append(furthest[middle - edits : middle + edits + 1])
        for at in range(middle - edits, middle + edits + 1, 2):
            down = at == middle - edits or (at != middle + edits and furthest[at - 1] < furthest[at + 1])
            x = furthest[at + 1] if down else furthest[at - 1] + 1
            y = x - at + middle
            began = x
            while x < ends[0] and y < ends[1] and a[x] == b[y]:
                x += 1
                y += 1
            used += x - began
            furthest[at] = x
            if x >= ends[0] and y >= ends[1]:
                return _walk_back(trace, x, y), used
    raise AssertionError("the two ends are reached after as many edits as there are spans")


def _walk_back(trace: Sequence[Sequence[int]], x: int, y: int) -> list[tuple[int, int]]:
    """`trace[edits]` is how far each diagonal from `-edits` to `edits` had come before that many edits."""
    matches: list[tuple[int, int]] = []
    for edits in range(len(trace) - 1, -1, -1):
        furthest, at = trace[edits], x - y + edits
        before_x = before_y = 0
        if edits:
            down = at == 0 or (at != 2 * edits and furthest[at - 1] < furthest[at + 1])
            before = at + 1 if down else at - 1
            before_x = furthest[before]
            before_y = before_x - before + edits
        while x > before_x and y > before_y:
            x, y = x - 1, y - 1
            matches.append((x, y))
        x, y = before_x, before_y
    matches.reverse()
    return matches


def _in_passing(a: Sequence[str], b: Sequence[str]) -> list[tuple[int, int]]:
    """Each with the next of its label that is not passed yet, unless that leaves too many behind."""
    places: dict[str, list[int]] = {}
    for at in range(len(b) - 1, -1, -1):
        places.setdefault(b[at], []).append(at)
    matches: list[tuple[int, int]] = []
    passed = 0
    for at, label in enumerate(a):
        waiting = places.get(label)
        while waiting and waiting[-1] < passed:
            waiting.pop()
        if waiting and waiting[-1] - passed <= _FAR:
            passed = waiting.pop() + 1
            matches.append((at, passed - 1))
    return matches
