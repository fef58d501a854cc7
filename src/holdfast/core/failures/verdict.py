"""From evidence to a category: type, status and code decide, and words say which book on the shelf.

In this order: a name that says it all (the class, then the provider's codes); the shelf from the provider's
less exact codes, the HTTP status and the class; on that shelf, what the message speaks of; words alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from holdfast.core.failures.evidence import Evidence
from holdfast.core.failures.signs import FIRM, GENERIC, LOCAL, SOFT, WRAPPERS, family, sign
from holdfast.core.failures.waits import wait_from_text
from holdfast.core.failures.words import is_talk, normal_form, nothing_wrong, says
from holdfast.wire.vocabulary import FailureCategory as C

__all__ = ["Verdict", "decide"]

_LOCAL_NAMES: Final = frozenset({"PermissionError", "RecursionError"})
"""Builtins that read like something else: like a provider's `permission_error`, like an agent's limit."""

_SOON: Final = 3600.0  # seconds: a quota that is back within the hour is a rate limit
_ASKED: Final = re.compile(r"\blimit:? (\d{1,12})\b[^.]{0,40}?\brequested:? (\d{1,12})\b")


class Verdict(Struct, frozen=True):
    """`firm` verdicts are not asked again of the causes below. `hopeless` says that this request can never
    succeed, although others of its category may."""

    category: C
    reason: str
    firm: bool
    code: str | None = None
    hopeless: bool = False


_STATUSES: Final[Mapping[int, C]] = MappingProxyType(
    {
        401: C.AUTH,
        402: C.QUOTA_EXHAUSTED,
        403: C.AUTH,
        407: C.AUTH,
        408: C.TIMEOUT,
        413: C.CONTEXT_OVERFLOW,
        424: C.PROVIDER_UNAVAILABLE,
        425: C.PROVIDER_UNAVAILABLE,
        429: C.RATE_LIMIT,
        451: C.CONTENT_FILTER,
        498: C.RATE_LIMIT,  # Groq: the flex tier has no capacity
        499: C.CANCELLED,
    }
)

_REFINE: Final[Mapping[C, frozenset[C]]] = MappingProxyType(
    {
        C.INVALID_REQUEST: frozenset(
            {
                C.AUTH,
                C.QUOTA_EXHAUSTED,
                C.CONTEXT_OVERFLOW,
                C.CONTENT_FILTER,
                C.RATE_LIMIT,
                C.MALFORMED_OUTPUT,
            }
        ),
        C.AUTH: frozenset({C.QUOTA_EXHAUSTED, C.CONTENT_FILTER, C.RATE_LIMIT}),
        C.RATE_LIMIT: frozenset({C.QUOTA_EXHAUSTED, C.RATE_LIMIT}),
        C.CONTEXT_OVERFLOW: frozenset({C.RATE_LIMIT}),
        C.PROVIDER_UNAVAILABLE: frozenset(
            {
                C.CONTEXT_OVERFLOW,
                C.QUOTA_EXHAUSTED,
                C.RATE_LIMIT,
                C.AUTH,
                C.CONNECTION_ERROR,
                C.MALFORMED_OUTPUT,
                C.CONTENT_FILTER,
            }
        ),
        C.CONNECTION_ERROR: frozenset({C.TIMEOUT}),
    }
)
"""Which other categories the message of each shelf may name."""


def decide(evidence: Evidence) -> Verdict:
    """The category of one exception, looked at alone."""
    if verdict := _firm(evidence):
        return verdict
    local = any(sign(name) in LOCAL or name in _LOCAL_NAMES for name in evidence.names[:1])
    message = normal_form(evidence.message, echoes=local)
    shelf = _shelf(evidence)
    if shelf is None:
        return _words_alone(evidence, message, local)
    said = says(message, _REFINE.get(shelf.category, ()))
    if said is not None and not _refills(shelf.category, said[0], evidence, message):
        why = f"{shelf.reason}; the message says {said[1]!r}"
        shelf = replace(shelf, category=said[0], reason=why)
    if shelf.category is C.RATE_LIMIT and _larger_than_the_limit(message):
        return replace(shelf, hopeless=True)
    return shelf


def _firm(evidence: Evidence) -> Verdict | None:
    for name in evidence.names:
        word = sign(name)
        if category := FIRM.get(word):
            return Verdict(category, f"the class {name}", True)
        if word in SOFT or word in GENERIC:
            break
    for code in evidence.codes:
        category = FIRM.get(sign(code))
        if category and not (category is C.INVALID_REQUEST and evidence.status in _STATUSES):
            return Verdict(category, f"the code {code}", True, code)
    return None


def _shelf(evidence: Evidence) -> Verdict | None:
    """What to start from, by the less exact names and the status; None where there are only words."""
    first = next(iter(evidence.codes), None)
    for code in evidence.codes:
        if sign(code) not in GENERIC and (category := SOFT.get(sign(code))):
            return Verdict(category, f"the code {code}", True, code)
    if (status := evidence.status) is not None:
        category = _STATUSES.get(status) or (C.PROVIDER_UNAVAILABLE if status >= 500 else C.INVALID_REQUEST)
        return Verdict(category, f"the status {status}", True, first)
    for code in evidence.codes:
        if category := C.INVALID_REQUEST if sign(code) in GENERIC else family(code):
            return Verdict(category, f"the code {code}", True, code)
    for name in evidence.names:
        if category := _class_means(name):
            return Verdict(category, f"the class {name}", sign(name) not in WRAPPERS, first)
    for name in evidence.said_names:
        if category := FIRM.get(sign(name)) or _class_means(name):
            return Verdict(category, f"the named class {name}", False, first)
    return None


def _class_means(name: str) -> C | None:
    word = sign(name)
    if word in LOCAL or name in _LOCAL_NAMES:
        return None
    return SOFT.get(word) or (C.INVALID_REQUEST if word in GENERIC else family(name))


def _refills(shelf: C, said: C, evidence: Evidence, message: str) -> bool:
    """Whether a "quota" under a 429 is a rate limit after all: the same breath says when to come back (Google
    words both alike). A limit of 0 never refills."""
    if shelf is not C.RATE_LIMIT or said is not C.QUOTA_EXHAUSTED or "limit: 0" in message:
        return False
    wait = evidence.delay if evidence.delay is not None else wait_from_text(message)
    return wait is not None and wait <= _SOON


def _larger_than_the_limit(message: str) -> bool:
    """Whether one request alone asks for more than a minute's allowance: "Limit 6000, Requested 7241"."""
    found = _ASKED.search(message)
    return found is not None and int(found[2]) > int(found[1])


def _words_alone(evidence: Evidence, message: str, local: bool) -> Verdict:
    if evidence.plain_exception and is_talk(message):
        return Verdict(C.NOT_AN_ERROR, "the text talks about something else", False)
    if evidence.names[:1] and evidence.names[0] in _LOCAL_NAMES:
        return Verdict(C.TOOL_ERROR, f"{evidence.names[0]} comes from code that runs here", False)
    if said := says(message):
        return Verdict(said[0], f"the words {said[1]!r}", False)
    if local:
        return Verdict(C.TOOL_ERROR, f"{evidence.names[0]} comes from code that runs here", False)
    if evidence.plain_exception and not evidence.codes and nothing_wrong(normal_form(evidence.text)):
        return Verdict(C.NOT_AN_ERROR, "nothing in the text speaks of a failure", False)
    return Verdict(C.UNKNOWN, "nothing known about it", False)
