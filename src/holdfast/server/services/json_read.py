"""Decoding JSON that is shown: lenient, because what was recorded is shown whatever it is."""

from __future__ import annotations

import json
from typing import Final, cast

import msgspec

__all__ = ["as_list", "as_object", "decode_json", "resolve_pointer"]

_decode: Final = msgspec.json.Decoder().decode


def decode_json(data: bytes) -> object:
    """The value; NaN, lone surrogates and broken UTF-8 are let through. Raises `ValueError` for no JSON and
    for JSON that is nested too deeply to be read."""
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    except RecursionError:
        raise ValueError("nested too deeply") from None
    try:
        return cast("object", json.loads(data.decode("utf-8", "replace")))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def as_object(value: object) -> dict[str, object]:
    """The value where it is a JSON object, else an empty one."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[object]:
    """The value where it is a JSON array, else an empty one."""
    return cast("list[object]", value) if isinstance(value, list) else []


def resolve_pointer(value: object, pointer: str) -> object:
    """What an RFC 6901 pointer points at. Raises `KeyError` where that is nothing."""
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = as_object(cast("object", value))[key]
        else:
            items = as_list(value)
            if not key.isascii() or not key.isdigit() or int(key) >= len(items):
                raise KeyError(pointer)
            value = items[int(key)]
    return value
