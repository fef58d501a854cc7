"""What the query of a run page's address says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Self
from urllib.parse import urlencode

from holdfast._ids import MAX_ID_LENGTH
from holdfast.server.services.viewing.run_tree import TreeView
from holdfast.server.web.links import number_in

__all__ = ["RunQuery"]

_FOLDS: Final = 200
_FIND: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """What of a run is shown: the selected span, the first row, what of the tree is folded away, which rows are
    marked (those with the text `find`, those on the critical path), and the part of the time axis: `zoom` is its
    beginning and end in milliseconds from the beginning of the run."""

    span: str | None = None
    first: int | None = None
    view: TreeView = field(default_factory=TreeView)
    find: str = ""
    critical: bool = False
    zoom: tuple[int, int] | None = None

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self:
        # each row's own address repeats them all: bounded, a page stays one
        folded = frozenset(part[:16] for part in query.get("fold", "").split(".", _FOLDS)[:_FOLDS] if part)
        return cls(
            span=(query.get("span") or "")[:MAX_ID_LENGTH] or None,
            first=number_in(query.get("from")),
            view=TreeView(
                folded=folded,
                max_depth=number_in(query.get("depth")),
                failed_only=query.get("only") == "failed",
            ),
            find=query.get("find", "").strip()[:_FIND],
            critical=query.get("path") == "critical",
            zoom=_zoom(query.get("t0"), query.get("t1")),
        )

    def text(self) -> str:
        """The query, beginning with `?`; relative to the page's own path."""
        return "?" + urlencode(self.pairs())

    def pairs(self) -> dict[str, str]:
        pairs: dict[str, str] = {}
        if self.span is not None:
            pairs["span"] = self.span
        if self.first is not None:
            pairs["from"] = str(self.first)
        if self.view.folded:
            pairs["fold"] = ".".join(sorted(self.view.folded))
        if self.view.max_depth is not None:
            pairs["depth"] = str(self.view.max_depth)
        if self.view.failed_only:
            pairs["only"] = "failed"
        if self.find:
            pairs["find"] = self.find
        if self.critical:
            pairs["path"] = "critical"
        if self.zoom is not None:
            pairs |= {"t0": str(self.zoom[0]), "t1": str(self.zoom[1])}
        return pairs

    def select(self, span_id: str | None) -> str:
        """The query that shows one span (None: the run itself) in the same tree."""
        return replace(self, span=span_id, first=None).text()

    def start_at(self, first: int) -> str:
        return replace(self, first=first).text()

    def toggle(self, short: str) -> str:
        """The query with one span folded, or unfolded where it is."""
        return replace(self, view=replace(self.view, folded=self.view.folded ^ {short})).text()

    def zoomed(self, begin: int, end: int) -> str:
        return replace(self, zoom=(max(0, begin), end), first=None).text()

    def whole_time(self) -> str:
        return replace(self, zoom=None).text()

    def other_path(self) -> str:
        """The query with the critical path marked, or no longer."""
        return replace(self, critical=not self.critical).text()

    def with_view(self, view: TreeView) -> str:
        return replace(self, view=view, first=None).text()


def _zoom(begin: str | None, end: str | None) -> tuple[int, int] | None:
    first, last = number_in(begin), number_in(end)
    return (first, last) if first is not None and last is not None and first < last else None
