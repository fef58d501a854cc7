"""What the query of the run list's address says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlencode

from holdfast._ids import MAX_ID_LENGTH
from holdfast.server.stores.run_views import RunCursor
from holdfast.server.web.links import number_in

__all__ = ["ListQuery"]


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
        return "/runs?" + urlencode(given) if given else "/runs"

    def at(self, *, before: RunCursor | None = None, after: RunCursor | None = None) -> Self:
        """The same list at another place."""
        return replace(self, before=before, after=after)


def _cursor(text: str | None) -> RunCursor | None:
    begun_at, _, key = (text or "").partition(".")
    numbers = number_in(begun_at), number_in(key)
    return None if numbers[0] is None or numbers[1] is None else RunCursor(numbers[0], numbers[1])


def _cursor_text(cursor: RunCursor | None) -> str | None:
    return None if cursor is None else f"{cursor.begun_at}.{cursor.key}"
