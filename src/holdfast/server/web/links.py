"""Addresses of pages, and what their query says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Self
from urllib.parse import quote, unquote, urlencode

from holdfast._ids import MAX_ID_LENGTH
from holdfast.server.services.run_tree import TreeView
from holdfast.server.stores.run_views import RunCursor

__all__ = ["ListQuery", "RunQuery", "id_from_path", "run_path"]

_FOLDS: Final = 200
_LARGEST: Final = (1 << 63) - 1


def run_path(run_id: str) -> str:
    """The path of a run's page. Ids are any text: they are quoted twice, since servers undo one quoting
    before they look at the slashes."""
    quoted = quote(quote(run_id, safe=""), safe="")
    if not run_id.strip("."):
        quoted = run_id.replace(".", "%252E")  # a path of dots would be taken as a step up
    return f"/runs/{quoted}"


def id_from_path(part: str) -> str:
    return unquote(part)


def _number(text: str | None) -> int | None:
    """A number that databases take."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > len(str(_LARGEST)):
        return None
    number = int(text)
    return number if number <= _LARGEST else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """What the run list is asked for. Anything unusable in a query counts as not given."""

    agent: str | None = None
    status: str | None = None
    within: str | None = None
    text: str | None = None
    before: RunCursor | None = None
    after: RunCursor | None = None

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self:
        return cls(
            agent=(query.get("agent") or "")[:MAX_ID_LENGTH] or None,
            status=(query.get("status") or "")[:20] or None,
            within=(query.get("within") or "")[:20] or None,
            text=(query.get("q") or "").strip()[:200] or None,
            before=_cursor(query.get("before")),
            after=_cursor(query.get("after")),
        )

    def url(self) -> str:
        pairs = {
            "agent": self.agent,
            "status": self.status,
            "within": self.within,
            "q": self.text,
            "before": _cursor_text(self.before),
            "after": _cursor_text(self.after),
        }
        given = {name: value for name, value in pairs.items() if value}
        return "/?" + urlencode(given) if given else "/"

    def at(self, *, before: RunCursor | None = None, after: RunCursor | None = None) -> Self:
        """The same list at another place."""
        return replace(self, before=before, after=after)


def _cursor(text: str | None) -> RunCursor | None:
    begun_at, _, key = (text or "").partition(".")
    numbers = _number(begun_at), _number(key)
    return None if numbers[0] is None or numbers[1] is None else RunCursor(numbers[0], numbers[1])


def _cursor_text(cursor: RunCursor | None) -> str | None:
    return None if cursor is None else f"{cursor.begun_at}.{cursor.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """What of a run is shown: the selected span, the first row, and what of the tree is folded away."""

    span: str | None = None
    first: int | None = None
    view: TreeView = field(default_factory=TreeView)

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self:
        # each row's own address repeats them all: bounded, a page stays one
        folded = frozenset(part[:16] for part in query.get("fold", "").split(".", _FOLDS)[:_FOLDS] if part)
        return cls(
            span=(query.get("span") or "")[:MAX_ID_LENGTH] or None,
            first=_number(query.get("from")),
            view=TreeView(
                folded=folded,
                max_depth=_number(query.get("depth")),
                failed_only=query.get("only") == "failed",
            ),
        )

    def text(self) -> str:
        """The query, beginning with `?`; relative to the page's own path."""
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
        return "?" + urlencode(pairs)

    def select(self, span_id: str | None) -> str:
        """The query that shows one span (None: the run itself) in the same tree."""
        return replace(self, span=span_id, first=None).text()

    def start_at(self, first: int) -> str:
        return replace(self, first=first).text()

    def toggle(self, short: str) -> str:
        """The query with one span folded, or unfolded where it is."""
        return replace(self, view=replace(self.view, folded=self.view.folded ^ {short})).text()

    def with_view(self, view: TreeView) -> str:
        return replace(self, view=view, first=None).text()
