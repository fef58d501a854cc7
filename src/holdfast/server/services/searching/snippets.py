"""The piece of a found text that shows why it was found."""

from __future__ import annotations

import re
from typing import Final

from holdfast.server.services.clean_text import clean
from holdfast.server.stores.search.words import Match, Term
from holdfast.wire.search import SnippetPart

__all__ = ["snippet"]

_BEFORE: Final = 60
_LONGEST: Final = 240
_HUMP: Final = r"(?<=[a-z])(?=[A-Z])"
_BEGIN: Final = rf"(?:(?<![^\W_])|{_HUMP})"
_END: Final = rf"(?:(?![^\W_])|{_HUMP})"
_SPACES: Final = re.compile(r"\s+")


def snippet(text: str, match: Match) -> list[SnippetPart]:
    """About 240 characters as one line, cleaned, what was asked for marked. Where it stands in another spelling
    (accents) nothing is marked, and the beginning shown."""
    hits = re.compile("|".join(map(_pattern, match.wanted)))
    first = hits.search(text)
    start = 0 if first is None else max(0, first.start() - _BEFORE)
    if start:
        start = text.find(" ", start, start + _BEFORE // 2) + 1 or start
    shown = _SPACES.sub(" ", clean(text[start : start + _LONGEST])).strip()
    parts: list[SnippetPart] = []
    at = 0
    for hit in hits.finditer(shown):
        if hit.start() > at:
            parts.append(SnippetPart(text=shown[at : hit.start()], hit=False))
        parts.append(SnippetPart(text=hit[0], hit=True))
        at = hit.end()
    rest = shown[at:] + ("…" if start + _LONGEST < len(text) else "")
    if rest:
        parts.append(SnippetPart(text=rest, hit=False))
    if start:
        parts.insert(0, SnippetPart(text="…", hit=False))
    return parts


def _pattern(term: Term) -> str:
    return "|".join(_phrase(phrase, term.prefix) for phrase in sorted(term.phrases, key=len, reverse=True))


def _phrase(words: tuple[str, ...], prefix: bool) -> str:
    """It begins and ends where a word does, or a hump; characters that are words by themselves do anywhere."""
    begin = _BEGIN if words[0].isascii() else ""
    end = r"[^\W_]*" if prefix else _END if words[-1].isascii() else ""
    between = r"[\W_]*".join(words)
    return f"{begin}(?i:{between}){end}"
