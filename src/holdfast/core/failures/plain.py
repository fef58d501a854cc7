"""Reading other people's exceptions without being hurt by them.

An exception's attributes may raise, lie about their class, or lead in a circle. Everything that the
classification looks at passes through here once and is then built of `str`, `int`, `dict` and `list` alone.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

__all__ = ["MAX_TEXT", "Json", "embedded", "parse", "plain", "read", "text_of"]

Json = None | bool | int | float | str | list[Any] | dict[str, Any]
"""A border: what came from outside, of builtin types only."""

MAX_TEXT: Final = 8_000
_ESCAPE: Final = re.compile(r"\\([\\'\"abfnrtvxuUN\n])?")
_MAX_DEPTH: Final = 6
_MAX_ITEMS: Final = 60
_MAX_INT: Final = 2**63  # larger ones overflow where a float is made of them


def read(thing: object, name: str) -> object:
    """The attribute, or None where there is none or its property raises."""
    try:
        return getattr(thing, name, None)
    except Exception:  # noqa: BLE001  # a property of a foreign object may raise anything
        return None


def text_of(thing: object) -> str:
    """`str(thing)`, its middle cut out past `MAX_TEXT`; empty where `__str__` raises or lies."""
    try:
        text = str.__str__(thing if isinstance(thing, str) else str(thing))
    except Exception:  # noqa: BLE001  # as above
        return ""
    if len(text) <= MAX_TEXT:
        return text
    half = MAX_TEXT // 2
    return f"{text[:half]}\n…\n{text[-half:]}"


def plain(thing: object, depth: int = 0) -> Json:
    """A copy in builtin types, cut at six levels and sixty items; None for what has no such form."""
    try:
        return _copy(thing, depth)
    except Exception:  # noqa: BLE001  # as above: even isinstance may raise
        return None


def _copy(thing: object, depth: int) -> Json:
    if thing is None or isinstance(thing, bool):
        return thing
    if isinstance(thing, int):
        return number if abs(number := int.__int__(thing)) < _MAX_INT else None
    if isinstance(thing, float):
        return float.__float__(thing)
    if isinstance(thing, str):
        return text_of(thing)
    if isinstance(thing, bytes | bytearray):
        return bytes(thing[:MAX_TEXT]).decode("utf-8", "replace")
    if depth >= _MAX_DEPTH:
        return None
    if isinstance(thing, Mapping):
        pairs = cast("Mapping[object, object]", thing).items()
        return {text_of(key): plain(value, depth + 1) for key, value in _some(pairs)}
    if isinstance(thing, list | tuple | set | frozenset):
        return [plain(item, depth + 1) for item in _some(cast("Iterable[object]", thing))]
    return None


def _some(items: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for item in items:
        found.append(item)
        if len(found) == _MAX_ITEMS:
            break
    return found


def parse(text: str) -> Json:
    """A JSON text, or the `repr` of a dict or list; None for anything else."""
    text = text.strip()
    if text[:1] not in ("{", "[") or len(text) > MAX_TEXT + 10:
        return None
    try:
        return plain(json.loads(text))
    except (ValueError, RecursionError):
        pass
    try:
        return plain(ast.literal_eval(_ESCAPE.sub(_known_escape, text)))
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None


def _known_escape(found: re.Match[str]) -> str:
    """An escape as it is, if Python knows it; of others (paths, regular expressions) it would warn on stderr."""
    return found[0] if found[1] else "\\\\"


def embedded(text: str) -> Json:
    """The first dict written out within a text, as clients do: "Error code: 429 - {'error': …}".

    Where what follows its last brace does not belong to it, that is left out.
    """
    start = text.find("{")
    if start < 0:
        return None
    try:
        return plain(json.JSONDecoder().raw_decode(text, start)[0])
    except (ValueError, RecursionError):
        pass
    end = text.rfind("}")
    return parse(text[start : end + 1]) if end > start else None
