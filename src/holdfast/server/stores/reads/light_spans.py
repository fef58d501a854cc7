"""The spans of a run with no more than their places in its tree need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["LightSpans"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LightSpans:
    """All spans of a run with no more than their places in the tree need; lists have one entry a span.

    A start is the arrival where none is known, in nanoseconds; `failed` holds 0 and 1.
    """

    ids: Sequence[str]
    parents: Sequence[str | None]
    starts: Sequence[int]
    failed: Sequence[int]

    def under(self, newer: LightSpans) -> LightSpans:
        """Both together, in the order of the ids; of a span that both have that of `newer`."""
        if not newer.ids:
            return self
        spans = self._by_id() | newer._by_id()
        ids = sorted(spans)
        parents, starts, failed = zip(*(spans[span_id] for span_id in ids), strict=True)
        return LightSpans(ids=ids, parents=parents, starts=starts, failed=failed)

    def _by_id(self) -> dict[str, tuple[str | None, int, int]]:
        others = zip(self.parents, self.starts, self.failed, strict=True)
        return dict(zip(self.ids, others, strict=True))
