"""What the query of a failures page's address says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Self
from urllib.parse import urlencode

from holdfast.server.stores.reads.failures import FailureOrder
from holdfast.server.stores.reads.run_views import RunCursor
from holdfast.server.web.links import number_in
from holdfast.server.web.scope import Scope
from holdfast.wire.vocabulary import FailureCategory

__all__ = ["FailuresQuery", "GroupQuery"]

_USUAL: Final = "7d"
_LAST_PAGE: Final = 200
_ORDERS: Final = {order.value: order for order in FailureOrder}
_CATEGORIES: Final = {category.value: category for category in FailureCategory}


def _scope_pairs(scope: Scope) -> dict[str, str]:
    pairs = scope.pairs()
    if scope.within is None and scope.begin is None and scope.end is None:
        pairs["within"] = "all"
    return pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class FailuresQuery:
    """Anything unusable counts as not given: all categories of the last 7 days, the most frequent first."""

    scope: Scope
    category: FailureCategory | None = None
    order: FailureOrder = FailureOrder.TIMES
    page: int = 1

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self:
        return cls(
            scope=Scope.read(query, within=_USUAL),
            category=_CATEGORIES.get(query.get("category", "")),
            order=_ORDERS.get(query.get("sort", ""), FailureOrder.TIMES),
            page=min(max(1, number_in(query.get("page")) or 1), _LAST_PAGE),
        )

    def url(self) -> str:
        pairs = _scope_pairs(self.scope)
        if self.category is not None:
            pairs["category"] = self.category.value
        if self.order is not FailureOrder.TIMES:
            pairs["sort"] = self.order.value
        if self.page > 1:
            pairs["page"] = str(self.page)
        return f"/failures?{urlencode(pairs)}"

    def of(self, category: FailureCategory | None) -> Self:
        return replace(self, category=category, page=1)

    def at(self, page: int) -> Self:
        return replace(self, page=page)

    def group_url(self, fingerprint: str) -> str:
        return GroupQuery(scope=self.scope).url(fingerprint)

    @property
    def is_last(self) -> bool:
        """Whether no later page can be asked for."""
        return self.page >= _LAST_PAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupQuery:
    """Of one group; `before` is a place in the list of its runs."""

    scope: Scope
    before: RunCursor | None = None

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self:
        begun_at, _, key = query.get("before", "").partition(".")
        place = number_in(begun_at), number_in(key)
        return cls(
            scope=Scope.read(query, within=_USUAL),
            before=None if place[0] is None or place[1] is None else RunCursor(place[0], place[1]),
        )

    def url(self, fingerprint: str, before: RunCursor | None = None) -> str:
        pairs = _scope_pairs(self.scope)
        if before is not None:
            pairs["before"] = f"{before.begun_at}.{before.key}"
        return f"/failures/{fingerprint}?{urlencode(pairs)}"

    def list_url(self) -> str:
        """All groups in the same range."""
        return FailuresQuery(scope=self.scope).url()
