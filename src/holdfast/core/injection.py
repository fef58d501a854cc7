"""Finding marks of prompt injection: sentences that give orders to a model, and signs that people do not type."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from holdfast.core.text_scan import Hit

__all__ = ["find_injection"]

_GAP: Final = r"[\s,]{1,5}(?:\w+[\s,]{1,5}){0,3}?"
_PHRASES: Final = (
    (
        "an order to ignore instructions",
        rf"\b(?:ignore|disregard|forget|override|bypass){_GAP}(?:previous|prior|above|earlier|preceding|system|your)"
        rf"\s{{1,5}}(?:\w+\s{{1,5}}){{0,2}}?(?:instructions?|prompts?|rules|guidelines|directions|directives)\b",
    ),
    (
        "a request for the system prompt",
        r"\b(?:reveal|show|print|repeat|output|leak|disclose|recite)\s{1,5}(?:me\s{1,5})?"
        r"(?:(?:your|the)\s{1,5}(?:full\s{1,5}|entire\s{1,5})?system|your\s{1,5}(?:initial|hidden|original))"
        r"\s{1,5}(?:prompt|instructions?|message)\b",
    ),
    (
        "a new identity",
        r"\byou are (?:now|no longer)\s{1,5}(?:in\s{1,5})?(?:\w+\s{1,5}){0,2}?"
        r"(?:DAN|developer mode|jailbroken|unrestricted|unfiltered|bound by|restricted by)\b",
    ),
    (
        "an order to hide something",
        r"\b(?:do not|don't|never)\s{1,5}(?:tell|inform|notify|alert)\s{1,5}the\s{1,5}user\b",
    ),
    (
        "new instructions",
        r"(?m)^\W{0,8}(?:new|updated|real|important)\s{1,5}(?:system\s{1,5})?instructions?\s{0,3}:",
    ),
)
_PHRASE: Final = re.compile(
    "|".join(f"(?P<p{i}>{p.replace('(?m)', '')})" for i, (_, p) in enumerate(_PHRASES)), re.I | re.M
)
_SIGNS: Final = (
    (
        "a chat template token",
        re.compile(
            r"<\|(?:im_start|im_end|im_sep|system|user|assistant|endoftext|begin_of_text|eot_id"
            r"|start_header_id|end_header_id)\|>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>"
        ),
    ),
    # Flags of England, Scotland and Wales are a black flag with tags: those are no hiding place.
    ("hidden tag characters", re.compile("(?<![\U0001f3f4\U000e0000-\U000e007f])[\U000e0000-\U000e007f]+")),
    ("text direction overrides", re.compile("[\u202d\u202e]+")),
    ("runs of invisible characters", re.compile("[\u200b\u200c\u2060\ufeff\u180e]{3,}")),
)
_INVISIBLE: Final = re.compile("[\u200b-\u200f\u2060-\u2064\ufeff\u00ad\u180e\U000e0000-\U000e007f]")


def find_injection(text: str, field: str = "") -> Iterable[Hit]:
    """The marks in `text`. Where a phrase shows only once compatibility characters and invisible ones are
    undone, all of the text is the hit."""
    hits = [_phrase(match, match.start(), match.end()) for match in _PHRASE.finditer(text)]
    for label, pattern in _SIGNS:
        hits += [Hit(match.start(), match.end(), label) for match in pattern.finditer(text)]
    if not hits and not text.isascii():
        plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
        if plain != text and (match := _PHRASE.search(plain)):
            hits.append(_phrase(match, 0, len(text)))
    return hits


def _phrase(match: re.Match[str], start: int, end: int) -> Hit:
    index = int((match.lastgroup or "p0")[1:])
    return Hit(start, end, _PHRASES[index][0])
