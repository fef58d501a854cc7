"""One key for values that mean the same: key order, 1 and 1.0, JSON text and what it says do not matter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Final, cast

import msgspec

__all__ = ["same_key"]

_DEEPEST: Final = 64


def same_key(value: object) -> bytes | None:
    """Sixteen bytes that are equal for canonically equal values; None for what has no such key (endless, or of
    objects that only equal themselves)."""
    try:
        plain = _plain(_parsed(value), 0)
        return blake2b(msgspec.json.encode(plain, order="deterministic"), digest_size=16).digest()
    except (TypeError, ValueError, RecursionError):
        return None


def _parsed(value: object) -> object:
    """Models send arguments as JSON text; frameworks hand on the one or the other."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:
            return value
    return value


def _plain(value: object, depth: int) -> object:
    if isinstance(value, str):  # JSON has no lone surrogates, file names and broken output do
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if depth > _DEEPEST:
        raise ValueError("nested without end")
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {str(key): _plain(inner, depth + 1) for key, inner in items}
    if isinstance(value, (list, tuple)):
        return [_plain(inner, depth + 1) for inner in cast("Iterable[object]", value)]
    if isinstance(value, (set, frozenset)):
        members = (_plain(inner, depth + 1) for inner in cast("Iterable[object]", value))
        return sorted(msgspec.json.encode(member, order="deterministic") for member in members)
    return msgspec.to_builtins(value)
