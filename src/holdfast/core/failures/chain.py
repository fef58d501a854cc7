"""The exceptions below an exception."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast

from holdfast.core.failures.plain import read

__all__ = ["chain"]

_LONGEST: Final = 16
_KEPT_IN: Final = ("__cause__", "reason", "original_error", "original_exception", "orig", "last_exception")
"""Where an exception keeps the one that it is about (`reason` is urllib's and urllib3's)."""


def chain(error: BaseException) -> list[BaseException]:
    """`error` and what is below it (members of a group, causes, the context unless suppressed), outermost
    first, each once, sixteen at most."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting and len(found) < _LONGEST:
        current = waiting.pop(0)
        if not any(current is one for one in found):
            found.append(current)
            waiting.extend(_below(current))
    return found


def _below(error: BaseException) -> Iterator[BaseException]:
    members = read(error, "exceptions")
    candidates = list(cast("tuple[object, ...]", members)) if type(members) is tuple else []
    candidates += [read(error, name) for name in _KEPT_IN]
    if read(error, "__suppress_context__") is False:
        candidates.append(read(error, "__context__"))
    for candidate in candidates:
        if issubclass(type(candidate), BaseException):  # isinstance would ask a `__class__` that may lie
            yield cast("BaseException", candidate)
