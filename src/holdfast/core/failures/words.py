"""What the words of a message say, for when type, status and code leave it open."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from typing import Final

from msgspec import Struct

from holdfast.core.failures.phrases import ADVICE, DENIED, FAILING, FOREIGN, PARTS, PHRASES, TALK
from holdfast.wire.vocabulary import FailureCategory

__all__ = ["is_talk", "normal_form", "nothing_wrong", "says"]

_LONGEST: Final = 3_000
_LONG: Final = 60  # words
_START: Final = 20  # words within which a long error message has said that it is one
_GAP: Final = r"(?:(?!\. ).){0,90}?"

_URL: Final = re.compile(r"\b(?:https?|wss?|grpc)://[^\s'\"<>)\]}]+", re.IGNORECASE)
_MARKUP: Final = re.compile(
    r"<(?:style|script)\b.*?</(?:style|script)>|<!doctype[^>]*>|</?(?:html|head|title|body|center|h[1-6]|hr|br|p|div|span|a|"
    r"b|i|pre|code|strong|em|ul|ol|li|table|tr|td|th|meta|link|img|section|header|footer|main|form|button)\b[^<>]*>",
    re.IGNORECASE | re.DOTALL,
)
_QUOTED: Final = re.compile(r"(?<!\w)(['\"])(?:(?!\1).){0,2000}\1(?!\w)")
_JOINTS: Final = re.compile(r"[_\-\u2010-\u2015]+|(?<=[a-z])(?=[A-Z][a-z])")
_NOT: Final = re.compile(r"\b(ca|wo|sha)?n't\b|(?<=\w)n't\b")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?]) ")

_ADVICE: Final = re.compile(ADVICE)
_DENIED: Final = re.compile(DENIED)
_TALK: Final = re.compile(TALK)
_FAILING: Final = re.compile(FAILING)


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
    return " ".join(one for one in _SENTENCE_END.split(text) if not _ADVICE.match(one))


def says(text: str, among: Collection[FailureCategory] | None = None) -> tuple[FailureCategory, str] | None:
    """The category that a text (in normal form) speaks of, and the words that do. With `among` only those
    categories count, and only by phrases exact enough to correct other evidence."""
    text = _DENIED.sub(" ", text)
    for rule in _rules():
        if (among is None or (rule.exact and rule.category in among)) and (
            found := rule.pattern.search(text)
        ):
            return rule.category, found.group()
    return None


def is_talk(text: str) -> bool:
    """Whether a text (in normal form) is about something rather than the message of an error: it begins as
    people or models begin to talk, or goes on at length without having said at once what is wrong."""
    if _TALK.match(text):
        return True
    words = text.split()
    start = " ".join(words[:_START])
    return len(words) > _LONG and not _FAILING.search(start) and says(start) is None


def nothing_wrong(text: str) -> bool:
    """Whether no word of a text (in normal form) is one of trouble: a report that counts 402 records. One or
    two words alone are taken for the name of an error."""
    return len(text.split()) > 2 and not _FAILING.search(_DENIED.sub(" ", text))
