"""What an observed function was called with, and what a generator handed out."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

__all__ = ["Arguments", "Items"]

_MOST_ITEMS: Final = 10_000


class Arguments:
    """Names what a function is called with; made once for each function.

    Only what the caller gave is there, not the defaults, and not `self` or `cls`. Arguments that do not fit
    the function (the call itself will raise) are named by position."""

    __slots__ = ("_extra", "_names", "_skip")

    def __init__(self, function: Callable[..., Any]) -> None:
        names: list[str] = []
        self._extra = "args"
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):  # some builtins have no signature
            parameters = []
        for parameter in parameters:
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
                names.append(parameter.name)
            elif parameter.kind is parameter.VAR_POSITIONAL:
                self._extra = parameter.name
        method = "." in getattr(function, "__qualname__", "").rpartition("<locals>.")[2]
        self._skip = 1 if method and names and names[0] in ("self", "cls", "mcs") else 0
        self._names = tuple(names)

    def of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        given = dict(zip(self._names[self._skip :], args[self._skip :], strict=False))
        if len(args) > len(self._names):
            given[self._extra] = args[len(self._names) :]
        if kwargs:
            given.update(kwargs)
        return given


class Items:
    """What a generator yielded, kept to be recorded: a list, or one text where all of it was text.

    Past `limit` characters or 10,000 items no more is kept, only counted.
    """

    __slots__ = ("_all_text", "_count", "_items", "_left_out", "_room")

    def __init__(self, limit: int) -> None:
        self._items: list[Any] = []
        self._all_text = True
        self._count = 0
        self._room = limit
        self._left_out = 0

    def add(self, item: Any) -> None:
        self._count += 1
        text = isinstance(item, str)
        self._all_text = self._all_text and text
        if self._room <= 0 or len(self._items) >= _MOST_ITEMS:
            self._left_out += 1
            return
        self._room -= len(item) if text else 64
        self._items.append(item)

    def result(self) -> dict[str, Any]:
        kept: Any = self._items
        if self._all_text and self._items:
            kept = "".join(self._items)
        shown: dict[str, Any] = {"value": kept}
        if self._left_out:
            shown["$truncated"] = {"kept": len(self._items), "items": self._count}
        return shown
