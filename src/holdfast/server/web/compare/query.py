"""What the query of the comparison's address says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Self
from urllib.parse import urlencode

from litestar.datastructures import MultiDict

from holdfast._ids import MAX_ID_LENGTH
from holdfast.server.web.links import number_in

__all__ = ["PREVIOUS", "CompareQuery"]

PREVIOUS: Final = "previous"
"""In the place of a run: the one that its agent did before the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareQuery:
    """Two runs; the row whose texts are shown, the first row, whether rows without a difference are left out.
    Anything unusable counts as not given."""

    a: str
    b: str
    at: int | None = None
    first: int | None = None
    only_differing: bool = False

    @classmethod
    def read(cls, query: MultiDict[str]) -> Self:
        """The runs are `a` and `b`, or twice `run`, as the boxes of the list of runs send them: then the one
        that stands first there, the newer one, is b."""
        ticked = [text for text in query.getall("run", []) if text]
        b, a = [*ticked, "", ""][:2]
        return cls(
            a=(query.get("a") or a)[:MAX_ID_LENGTH].strip(),
            b=(query.get("b") or b)[:MAX_ID_LENGTH].strip(),
            at=number_in(query.get("at")),
            first=number_in(query.get("from")),
            only_differing=query.get("only") == "differing",
        )

    def url(self) -> str:
        pairs = {
            "a": self.a,
            "b": self.b,
            "at": None if self.at is None else str(self.at),
            "from": None if self.first is None else str(self.first),
            "only": "differing" if self.only_differing else None,
        }
        return "/compare?" + urlencode({name: value for name, value in pairs.items() if value is not None})

    def show(self, at: int) -> str:
        """The address with that row's texts, in the same place."""
        return replace(self, at=at).url() + "#texts"

    def start_at(self, first: int) -> str:
        return replace(self, first=first).url() + "#steps"

    def differing(self, *, only: bool) -> str:
        return replace(self, only_differing=only, first=None).url() + "#steps"

    def swapped(self) -> str:
        return replace(self, a=self.b, b=self.a, at=None, first=None).url()
