"""Two runs side by side: which of their spans are the same step, and where they part."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from holdfast.server.services.recent import Recent
from holdfast.server.services.viewing.run_align import Alignment, Outline, Pair, align
from holdfast.server.services.viewing.run_tree import SpanTree
from holdfast.server.stores.reads.results import ResultReads
from holdfast.server.stores.reads.run_views import RunVersion
from holdfast.server.stores.reads.spans import SpanReads, SpanRecord
from holdfast.wire.vocabulary import SpanType

__all__ = ["MOST_SPANS", "Comparing", "Comparison", "Parting", "Side", "steps_differ"]

MOST_SPANS: Final = 10_000
"""So many spans of each run are compared, those that come first in reading order."""
_AT_ONCE: Final = 500
_KEPT: Final = 60 * 1_000_000_000
_DIGITS: Final = re.compile(r"\d+")
_NAMED_BY_CHANCE: Final = (
    SpanType.AGENT.value,
    SpanType.TURN.value,
    SpanType.LLM.value,
    SpanType.ATTEMPT.value,
)
"""Spans whose name does not say what step they are: an order's number, a model's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The spans of one run in reading order. `cut`: there are more than were compared."""

    spans: Sequence[SpanRecord]
    depths: Sequence[int]
    cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Parting:
    """The first places, in rows, at which the runs differ: in their steps or how these ended, and in a result.
    None where they do not."""

    step: int | None
    result: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Rows are the pairs of `alignment`; `differing` holds the rows whose steps differ, in order."""

    a: Side
    b: Side
    alignment: Alignment
    differing: Sequence[int]
    parting: Parting

    def spans(self, pair: Pair) -> tuple[SpanRecord | None, SpanRecord | None]:
        return (
            None if pair.a is None else self.a.spans[pair.a],
            None if pair.b is None else self.b.spans[pair.b],
        )


class Comparing:
    """Thread-safe. Reads the database: keep it off the event loop. Comparisons are kept for a minute."""

    def __init__(
        self, spans: SpanReads, results: ResultReads, tree: Callable[[RunVersion], SpanTree]
    ) -> None:
        self._spans = spans
        self._results = results
        self._tree = tree
        self._kept: Recent[tuple[RunVersion, RunVersion], Comparison] = Recent(_KEPT, most=6)

    def compare(self, a: RunVersion, b: RunVersion, now: int) -> Comparison:
        kept = self._kept.get((a, b), now)
        if kept is None:
            kept = self._compared(a, b)
            self._kept.put((a, b), kept, now)
        return kept

    def _compared(self, a: RunVersion, b: RunVersion) -> Comparison:
        (side_a, around_a), (side_b, around_b) = self._side(a), self._side(b)
        in_both = {span.model for span in side_a.spans} & {span.model for span in side_b.spans}
        alignment = align(_outline(side_a, around_a, in_both), _outline(side_b, around_b, in_both))
        rows = list(enumerate(alignment.pairs))
        differing = [
            at
            for at, pair in rows
            if pair.a is None or pair.b is None or steps_differ(side_a.spans[pair.a], side_b.spans[pair.b])
        ]
        both = (
            (at, side_a.spans[pair.a], side_b.spans[pair.b])
            for at, pair in rows
            if pair.a is not None and pair.b is not None
        )
        parting = Parting(step=differing[0] if differing else None, result=self._first_result(both))
        return Comparison(a=side_a, b=side_b, alignment=alignment, differing=differing, parting=parting)

    def results_differ(self, pairs: Sequence[tuple[SpanRecord, SpanRecord]]) -> list[bool]:
        """Whether the results of each pair are not the same; a few hundred at a time."""
        marks = self._results.marks([span.body_key for pair in pairs for span in pair])
        return [marks[a.body_key] != marks[b.body_key] for a, b in pairs]

    def _first_result(self, pairs: Iterator[tuple[int, SpanRecord, SpanRecord]]) -> int | None:
        while some := list(islice(pairs, _AT_ONCE)):
            differ = self.results_differ([(a, b) for _, a, b in some])
            for (at, _, _), is_other in zip(some, differ, strict=True):
                if is_other:
                    return at
        return None

    def _side(self, version: RunVersion) -> tuple[Side, Sequence[int]]:
        tree = self._tree(version)
        ids = tree.ids[:MOST_SPANS]
        records: dict[str, SpanRecord] = {}
        for begin in range(0, len(ids), _AT_ONCE):
            records |= self._spans.records(version.key, ids[begin : begin + _AT_ONCE])
        around = tree.around[: len(ids)]
        if len(records) < len(ids):  # some went since the tree was read: those inside them stand at the top
            place = {at: new for new, at in enumerate(at for at, span in enumerate(ids) if span in records)}
            around = [place.get(outer, -1) for at, outer in enumerate(around) if at in place]
        spans = [records[span_id] for span_id in ids if span_id in records]
        depths: list[int] = []
        for outer in around:
            depths.append(0 if outer < 0 else depths[outer] + 1)
        return Side(spans=spans, depths=depths, cut=len(tree.ids) > len(ids)), around


def steps_differ(a: SpanRecord, b: SpanRecord) -> bool:
    """Whether two steps that belong together ended differently, failed differently or called another model."""
    return (a.status, a.error_type, a.model) != (b.status, b.error_type, b.model)


def _outline(side: Side, around: Sequence[int], in_both: Collection[str | None]) -> Outline:
    return Outline(around=around, labels=[_label(span, in_both) for span in side.spans])


def _label(span: SpanRecord, in_both: Collection[str | None]) -> str:
    """What makes two spans the same step: their type, and where it says something their name without its
    numbers. Calls of a model that both runs use are told apart from those of another; where the runs use
    different models, any call may stand for any."""
    kind = span.schema_name or ""
    if span.model is not None and span.model in in_both:
        return f"{kind} of {span.model}"
    if kind in _NAMED_BY_CHANCE:
        return kind
    return f"{kind} {_DIGITS.sub('#', span.name or '')}"
