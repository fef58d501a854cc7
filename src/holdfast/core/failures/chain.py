"""The exceptions below an exception."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from holdfast.core.failures.plain import read

__all__ = ["below", "chain"]

_LONGEST = 16


def below(error: BaseException) -> Iterator[BaseException]:
    """What directly caused `error`: its members if it is a group, its cause, its context unless suppressed,
    and what libraries keep in attributes (`reason` in urllib, `original_error`, `last_attempt` …)."""
    if isinstance(error, BaseExceptionGroup):
        yield from cast("BaseExceptionGroup[BaseException]", error).exceptions
    for name in (
        "__cause__",
        "reason",
        "original_error",
        "original_exception",
        "orig",
        "last_exception",
        "failed_attempts",
    ):
        inner = read(error, name)
        if isinstance(inner, BaseException):
            yield inner
    if not error.__suppress_context__ and isinstance(error.__context__, BaseException):
        yield error.__context__


def chain(error: BaseException) -> list[BaseException]:
    """`error` and what is below it, outermost first, each once, sixteen at most."""
    found: list[BaseException] = []
    seen: set[int] = set()
    waiting = [error]
    while waiting and len(found) < _LONGEST:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        found.append(current)
        waiting.extend(below(current))
    return found
