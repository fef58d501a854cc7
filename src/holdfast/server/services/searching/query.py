"""The language of searches: words, "phrases", beginnings*, -not. Nothing that can be typed is an error."""

from __future__ import annotations

import re
from typing import Final

from holdfast.server.stores.search.words import Match, Term, term_of

__all__ = ["LONGEST_QUERY", "parse_search"]

LONGEST_QUERY: Final = 400
_MOST_TERMS: Final = 16
_PIECE: Final = re.compile(r'(?P<no>-)?(?:"(?P<phrase>[^"]*)"|(?P<word>\S+))')


def parse_search(text: str) -> Match | None:
    """What is asked for; None where that is nothing: no word, or only words that must not be there.

    A quote without a partner, a lone minus or star are taken for what else is in them; so is all that follows
    the first 400 characters or 16 terms for nothing.
    """
    wanted: list[Term] = []
    unwanted: list[Term] = []
    for piece in _PIECE.finditer(text[:LONGEST_QUERY]):
        word = piece["word"] or ""
        term = term_of(piece["phrase"] or word, prefix=word.endswith("*"))
        if term is not None:
            (unwanted if piece["no"] else wanted).append(term)
        if len(wanted) + len(unwanted) == _MOST_TERMS:
            break
    return Match(wanted=tuple(wanted), unwanted=tuple(unwanted)) if wanted else None
