"""Which recorded failures are alike: the same category, the same side, and a message that differs only in what
differs from one time to the next (numbers, ids, quoted values, paths, addresses)."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from msgspec import Struct

from holdfast.core.failures.classify import classify
from holdfast.core.failures.evidence import examine
from holdfast.wire.vocabulary import FailureCategory

__all__ = ["Group", "cleaned_message", "error_of", "group_of"]

_READ: Final = 4_000
"""So much of a message is looked at: the rest seldom tells failures apart, and may be a megabyte."""
_KEPT: Final = 240
_TYPES: Final = 2_048
_VARYING: Final = re.compile(
    r"""
    (?P<kept>\b(?:status(?:[ _]code)?|error(?:[ _]code)?|code|http(?:/\d(?:\.\d)?)?|returned|exit[ _]code)
        [\s:='"(]{1,3}\d{1,3}\b)
    |(?P<url>\b[a-z][a-z0-9+.-]{1,15}://[^\s'"<>)\]]+)
    |(?P<mail>\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+)
    |(?P<path>(?<![\w/])(?:[A-Za-z]:)?(?:[\\/][\w.@+~%=:-]+){2,}[\\/]?|(?<![\w/])[.~](?:/[\w.@+~%=-]+)+)
    |(?P<time>\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?)
    |(?P<uuid>\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b)
    |(?P<quoted>"[^"\n]{1,400}"|`[^`\n]{1,400}`|(?<!\w)'[^'\n]{1,400}'(?!\w)|“[^”\n]{1,400}”)
    |(?P<number>(?<!\w)[-+]?\d+(?:[.,_:]\d+)*(?:[hm]\d+(?:\.\d+)?s?|[hms]|ms|us|kb|mb|gb)?(?!\w))
    |(?P<id>\b0x[0-9a-f]+\b|\b(?=\w*\d\w*\d)(?=\w*[A-Z_])\w{5,}\b|\b[A-Z]+-\d{3,}\b)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_TRACEBACK: Final = re.compile(
    r"Traceback \(most recent call last\):.*\n(?=[ \t]*[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning)\b)",
    re.DOTALL,
)
_NO_NAME: Final = re.compile(r"\W")
_SHOWN: Final = {
    "url": "<url>",
    "mail": "<address>",
    "path": "<path>",
    "time": "<time>",
    "uuid": "<id>",
    "quoted": "<…>",
    "id": "<id>",
    "number": "<n>",
}


class Group(Struct, frozen=True, kw_only=True, gc=False):
    """What failures of one group have in common.

    `side` is who failed: a model's provider, or the tool. `error` tells errors apart by type and message alone,
    whoever met them; it is the end of `fingerprint`, and '' where nothing was said.
    """

    fingerprint: str
    error: str
    category: FailureCategory
    side: str | None
    error_type: str | None
    message: str


def error_of(fingerprint: str) -> str:
    """The `Group.error` of a fingerprint."""
    return fingerprint.rpartition("-")[2]


def group_of(
    *,
    error_type: str | None,
    message: str,
    category: FailureCategory | None,
    provider: str | None,
    tool: str | None,
) -> Group:
    """The group of one failure, from what was recorded of it. `category` None: not classified by whoever wrote
    it. `tool` is the name of the tool it happened in, None outside of tools. Always the same for the same."""
    seen = _seen(error_type, message[:_READ], in_tool=tool is not None)
    error = _digest(error_type or "", seen.words) if error_type or seen.words else ""
    category = category or seen.category
    side = tool if tool is not None and category is FailureCategory.TOOL_ERROR else provider or seen.provider
    fingerprint = f"{category.value}-{_digest(side)[:6] if side else 0}-{error}"
    return Group(
        fingerprint=fingerprint,
        error=error,
        category=category,
        side=side,
        error_type=error_type,
        message=seen.words,
    )


def cleaned_message(message: str) -> str:
    """The message as one line without what varies, cut to a length that can be shown. Of a traceback only the
    last line is kept."""
    text = message[:_READ]
    if "Traceback (" in text:
        text = _TRACEBACK.sub("", text)
    text = _VARYING.sub(_replacement, " ".join(text.replace("\x00", " ").split()))
    return text if len(text) <= _KEPT else text[: _KEPT - 1] + "…"


def _replacement(found: re.Match[str]) -> str:
    kind = found.lastgroup or ""
    return found[0] if kind == "kept" else _SHOWN[kind]


def _digest(*parts: str) -> str:
    return blake2b(
        "\n".join(parts).encode("utf-8", "backslashreplace"), digest_size=6, usedforsecurity=False
    ).hexdigest()


class _Seen(Struct, frozen=True, gc=False):
    words: str
    category: FailureCategory
    provider: str | None


@lru_cache(maxsize=4_096)
def _seen(error_type: str | None, message: str, *, in_tool: bool) -> _Seen:
    """Failures come in storms of the same one, and judging takes a hundred times as long as looking it up."""
    if error_type is None and not message:
        return _Seen("", FailureCategory.TOOL_ERROR if in_tool else FailureCategory.UNKNOWN, None)
    error = _exception_named(error_type or "Exception")(message)
    failure = classify(error, "tool" if in_tool else "model")
    # of a provider's answer the sentence in it: keys and codes around it say nothing to a reader
    sentence = examine(error).message if "{" in message else message
    return _Seen(cleaned_message(sentence), failure.category, failure.provider)


@lru_cache(maxsize=_TYPES)
def _exception_named(qualified: str) -> type[Exception]:
    """A class of that name: the classification knows the classes of many libraries by theirs."""
    module, _, name = qualified.rpartition(".")
    name = _NO_NAME.sub("_", name)[:200] or "Exception"
    return type(name, (Exception,), {"__module__": module or "builtins"})
