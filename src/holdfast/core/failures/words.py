"""What the words of a message say, for when type, status and code leave it open."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from typing import Final

from msgspec import Struct

from holdfast.core.failures.phrases import ADVICE, FOREIGN, PARTS, PHRASES
from holdfast.wire.vocabulary import FailureCategory

__all__ = ["normal_form", "says", "sounds_like_failure"]

_LONGEST: Final = 3_000
_GAP: Final = r"(?:(?!\. ).){0,90}?"

_URL: Final = re.compile(r"\b(?:https?|wss?|grpc)://[^\s'\"<>)\]}]+", re.IGNORECASE)
_MARKUP: Final = re.compile(r"<(?:style|script)\b.*?</(?:style|script)>|</?[a-z][^>]{0,200}>|<!doctype[^>]*>", re.I | re.S)
_QUOTED: Final = re.compile(r"(?<!\w)(['\"])(?:(?!\1).){0,2000}\1(?!\w)")
_JOINTS: Final = re.compile(r"[_\-\u2010-\u2015]+|(?<=[a-z])(?=[A-Z][a-z])")
_NOT: Final = re.compile(r"\b(ca|wo|sha)?n't\b|(?<=\w)n't\b")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?]) ")

_DENIED: Final = re.compile(r"\b(?:not|no|without|never)\b(?: an?| any| the)? (?:[\w/]+ ){0,4}?(?:errors?|failures?|problems?|issues?)\b")
_TALK: Final = re.compile(
    r"\s*(?:let'?s|let me|i'll|i will|we (?:should|need|can)|here's|here is|fixed|fixes|resolved|closes?|implemented|added|refactored?|"
    r"updated?|investigat\w+|discuss\w*|explain\w*|how (?:do|to|can)|what is|summary|todo|please review|the user|in this (?:chapter|section|article))\b"
)
_FAILING: Final = re.compile(
    r"\b(?:errors?|fail(?:s|ed|ing|ure|ures)?|exceptions?|cannot|could not|unable|invalid|denied|refused|unexpected|missing|"
    r"illegal|crash\w*|abort\w*|fatal|panic|broken|corrupt\w*|unsupported|rejected|not (?:found|allowed|supported|valid|available|"
    r"exist|permitted|set|ready|yet)|does not|did not|unknown|unhandled|traceback|timeout|timed out|overflow|wrong|boom|bad|"
    r"unavailable|exhausted|too (?:many|long|large)|killed|lost|oops|sorry|interrupt\w*|violat\w*|exceed\w*)\b|错误|失败|异常|エラー|오류"
)


class _Rule(Struct, frozen=True):
    category: FailureCategory
    exact: bool
    pattern: re.Pattern[str]


@cache
def _rules() -> tuple[_Rule, ...]:
    """Compiled on the first failure, not on import."""
    rules = [_Rule(category, True, re.compile(anywhere)) for category, anywhere in FOREIGN]
    for category, exact, lines in PHRASES:
        phrases = "|".join(line.strip() for line in lines.splitlines() if line.strip())
        for name, part in PARTS.items():
            phrases = phrases.replace("{" + name + "}", part)
        rules.append(_Rule(category, exact, re.compile(rf"(?<!\w)(?:{phrases.replace('~', _GAP)})(?!\w)")))
    return tuple(rules)


@cache
def _advice() -> re.Pattern[str]:
    return re.compile(ADVICE.strip())


def normal_form(text: str, *, echoes: bool = False) -> str:
    """The text as the phrases expect it: lower case, `_` and `-` as spaces, "n't" as " not", one space
    between words, without addresses and markup (both are full of words that mean nothing here), and without
    the sentences that only give advice. With `echoes`, quoted parts go too: an error of local code quotes
    the input that it disliked. Of long texts both ends are kept."""
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST * 2 // 3]} … {text[-_LONGEST // 3 :]}"
    text = _MARKUP.sub(" ", _URL.sub(" ", text)).replace("\u2019", "'").replace("`", " ")
    if echoes and len((own := _QUOTED.sub(" ", text)).split()) > 1:
        text = own
    text = _JOINTS.sub(" ", text).lower()
    text = " ".join(_NOT.sub(lambda found: "cannot" if found[1] == "ca" else " not", text).split())
    return " ".join(one for one in _SENTENCE_END.split(text) if not _advice().match(one))


def says(text: str, among: Collection[FailureCategory] | None = None) -> tuple[FailureCategory, str] | None:
    """The category that a text (in normal form) speaks of, and the words that do. With `among` only those
    categories count, and only by phrases exact enough to correct other evidence."""
    if _TALK.match(text):
        return None
    text = _DENIED.sub(" ", text)
    for rule in _rules():
        if (among is None or (rule.exact and rule.category in among)) and (found := rule.pattern.search(text)):
            return rule.category, found.group()
    return None


def sounds_like_failure(text: str) -> bool:
    """False for prose (in normal form) in which nothing goes wrong: a report that counts 402 records is no
    error. One or two words alone are taken for the name of one."""
    if len(text.split()) < 3:
        return True
    return not _TALK.match(text) and bool(_FAILING.search(_DENIED.sub(" ", text)))
