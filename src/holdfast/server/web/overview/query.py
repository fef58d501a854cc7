"""What the query of the overview's address says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Self
from urllib.parse import urlencode

from holdfast.server.web.scope import Scope

__all__ = ["OverviewQuery", "Split"]

_USUAL: Final = "24h"


class Split(StrEnum):
    """What cost and tokens are told apart by."""

    MODEL = "model"
    AGENT = "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewQuery:
    """Anything unusable counts as not given: the last 24 hours of all agents, by model."""

    scope: Scope
    split: Split = Split.MODEL

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self:
        split = Split.AGENT if query.get("by") == Split.AGENT else Split.MODEL
        return cls(scope=Scope.read(query, within=_USUAL), split=split)

    def pairs(self) -> dict[str, str]:
        pairs = self.scope.full_pairs()
        if self.split is not Split.MODEL:
            pairs["by"] = self.split.value
        return pairs

    def url(self, path: str = "/") -> str:
        return f"{path}?{urlencode(self.pairs())}"

    def within(self, name: str | None) -> Self:
        """The same about a named range; None for all time."""
        return replace(self, scope=replace(self.scope, within=name, begin=None, end=None))

    def of_agent(self, agent: str | None) -> Self:
        return replace(self, scope=replace(self.scope, agent=agent))

    def by(self, split: Split) -> Self:
        return replace(self, split=split)
