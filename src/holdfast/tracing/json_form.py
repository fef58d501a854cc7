"""The closest JSON form of any Python object: bounded in size, depth, number and time, with secrets taken
out.

| given | recorded |
|---|---|
| text, numbers, booleans, None | as they are; NaN and infinities as `"NaN"`, `"Infinity"`, `"-Infinity"` |
| bytes | the text, where they are printable UTF-8; else `{"$bytes": base64}` |
| mappings, dataclasses, attrs, msgspec and pydantic objects, named tuples | an object of their fields |
| lists, tuples, sets, deques, ranges | an array (a set's in a stable order) |
| dates, times, UUIDs, decimals, paths | text, ISO 8601 for times |
| enums | their value |
| exceptions | `{"type", "message"}` |
| NumPy and pandas | lists where they are small, else their `repr` |
| iterators, coroutines, functions, types, anything else | `repr`; an iterator is never consumed |

A container inside itself becomes `{"$cycle": true}`, what lies too deep its `repr`.
"""

from __future__ import annotations

import base64
import datetime as dt
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from enum import Enum
from itertools import islice
from os import PathLike, fspath
from time import monotonic
from types import FunctionType, ModuleType
from typing import Any, Final, cast
from uuid import UUID

import msgspec

from holdfast.tracing.redaction import RedactHook, hints_at_secret, redact_text, sensitive_kind

__all__ = ["Bounds", "JsonForm", "OutOfRoomError", "type_of"]

Fields = Mapping[Any, Any] | None

type_of: Final = cast("Callable[[Any], Any]", type)
"""`type`, telling the type checker nothing: what it makes of an object of any type helps nobody."""

_TIMES: Final = (dt.datetime, dt.date, dt.time, dt.timedelta)


def _kinds(*kinds: Any) -> tuple[type[Any], ...]:
    """Types whose check leaves a value, to the type checker, the unknown object that it is."""
    return kinds


_BYTES: Final = _kinds(bytes, bytearray, memoryview)
_MAPPING: Final = _kinds(Mapping)
_SEQUENCES: Final = _kinds(list, tuple, deque, range)
_SETS: Final = _kinds(set, frozenset)
_PATHS: Final = _kinds(PathLike)
_path_text: Final = cast("Callable[[Any], Any]", fspath)
_TUPLE: Final = _kinds(tuple)
_MOST_BITS: Final = 8192
_NODES_BETWEEN_LOOKS: Final = 256


class OutOfRoomError(Exception):
    """The value does not fit into the bounds: it has to be shaped again with shorter texts and lists."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a value is kept. `room` is characters in all; `text` and `items` bound each text and
    container.

    With `strict`, running out of `room` raises `OutOfRoomError`; without, the rest is cut off and counted.
    """

    room: int
    text: int
    items: int
    depth: int = 64
    seconds: float = 0.1
    strict: bool = True


class JsonForm:
    """Shapes one value; afterwards `redacted` and `omitted` say how many secrets were replaced and how many
    characters and items were left out. For one value only."""

    __slots__ = (
        "_bounds",
        "_deadline",
        "_hook",
        "_looks",
        "_open",
        "_redact",
        "_room",
        "omitted",
        "redacted",
    )

    def __init__(self, bounds: Bounds, *, redact: bool, hook: RedactHook | None) -> None:
        self._bounds = bounds
        self._redact = redact
        self._hook = hook
        self._room = bounds.room
        self._deadline = monotonic() + bounds.seconds
        self._looks = _NODES_BETWEEN_LOOKS
        self._open: set[int] = set()
        self.redacted = 0
        self.omitted = 0

    def of(self, value: Any, path: tuple[str | int, ...] = ()) -> Any:
        if self._hook is not None:
            value = self._hooked(value, path)
        self._spend(1)
        kind = type_of(value)
        if kind is str:
            return self._text(value)
        if value is None or kind is bool or (kind is int and value.bit_length() <= _MOST_BITS):
            return value
        if kind is float:
            return value if math.isfinite(value) else _unfinite(value)
        if kind is dict:
            return self._within(value, path, self._object)
        if kind is list or kind is tuple:
            return self._within(value, path, self._array)
        return self._other(value, path)

    def _other(self, value: Any, path: tuple[str | int, ...]) -> Any:
        try:
            if isinstance(value, Enum):
                return self.of(value.value, path)
            if isinstance(value, str):
                return self._text(str.__str__(value))
            if isinstance(value, int):
                # Python refuses to write integers of thousands of digits in decimal, and would take its time.
                return int(value) if value.bit_length() <= _MOST_BITS else self._text(hex(value))
            if isinstance(value, float):
                return self.of(float(value), path)
            if isinstance(value, _BYTES):
                return self._bytes(value)
            if isinstance(value, _TIMES):
                return msgspec.to_builtins(value)
            if isinstance(value, UUID | Decimal | complex):
                return str(value)
            if isinstance(value, _PATHS):
                return self.of(_path_text(value), path)
            if isinstance(value, BaseException):
                return {"type": type_of(value).__qualname__, "message": self._text(_shown(value, str))}
            if isinstance(value, type | FunctionType | ModuleType):
                return self._text(_shown(value, repr))
            if isinstance(value, _MAPPING):
                return self._within(value, path, self._object)
            fields = _fields(value)
            if fields is not None:
                return self._within(value, path, lambda _, where: self._object(fields, where))
            if isinstance(value, _SEQUENCES):
                return self._within(value, path, self._array)
            if isinstance(value, _SETS):
                return self._within(value, path, lambda items, where: self._array(_in_order(items), where))
            small = _small_array(value)
            if small is not None:
                return self.of(small, path)
        except (OutOfRoomError, RecursionError):
            raise
        except Exception:  # noqa: BLE001 - the object's own code failed: its repr is the next best thing
            return self._text(_shown(value, repr))
        return self._text(_shown(value, repr))

    def _within(
        self, value: Any, path: tuple[str | int, ...], shape: Callable[[Any, tuple[str | int, ...]], Any]
    ) -> Any:
        if id(value) in self._open:
            return {"$cycle": True}
        if len(self._open) >= self._bounds.depth:
            self.omitted += 1
            return {"$truncated": {"depth": self._bounds.depth, "type": type_of(value).__qualname__}}
        self._open.add(id(value))
        try:
            return shape(value, path)
        finally:
            self._open.discard(id(value))

    def _object(self, value: Mapping[Any, Any], path: tuple[str | int, ...]) -> dict[str, Any]:
        shaped: dict[str, Any] = {}
        # In log probabilities, `token` is a piece of the model's answer.
        tokens_are_text = "logprob" in value
        for key, held in islice(value.items(), self._bounds.items):
            if self._full():
                break
            name = self._key(key, shaped)
            kind = sensitive_kind(name) if self._redact and len(name) <= 256 else None
            if kind is not None and _can_be_secret(held, kind) and not (kind == "token" and tokens_are_text):
                self.redacted += 1
                shaped[name] = {"$redacted": kind}
            else:
                shaped[name] = self.of(held, (*path, name))
        left = len(value) - len(shaped)
        if left > 0:
            self.omitted += left
            shaped["$truncated"] = {"kept": len(shaped), "items": len(value)}
        return shaped

    def _array(self, value: Any, path: tuple[str | int, ...]) -> list[Any]:
        shaped: list[Any] = []
        items: Iterable[Any] = islice(cast("Iterable[Any]", value), self._bounds.items)
        for position, held in enumerate(items):
            if self._full():
                break
            shaped.append(self.of(held, (*path, position)))
        left = len(value) - len(shaped)
        if left > 0:
            self.omitted += left
            shaped.append({"$truncated": {"kept": len(shaped), "items": len(value)}})
        return shaped

    def _key(self, key: Any, taken: Mapping[str, Any]) -> str:
        if type(key) is str:
            text = key
        elif isinstance(key, Enum) and isinstance(key.value, str | int):
            text = str(key.value)
        elif key is None or isinstance(key, str | int | float | UUID | dt.date):
            text = str(key)
        else:
            text = _shown(key, repr)
        text = self._text(text[:1024] if len(text) > 1024 else text)
        name, tries = text, 1
        while name in taken:  # 1 and "1" are two keys in Python and one in JSON
            tries += 1
            name = f"{text}#{tries}"
        return name

    def _text(self, text: str) -> str:
        limit = min(self._bounds.text, max(self._room, 16)) if not self._bounds.strict else self._bounds.text
        length = len(text)
        if length > limit:
            text = text[:limit]
            self.omitted += length - limit
        text = _without_surrogates(text)
        if self._redact and hints_at_secret(text.encode()):
            text, found = redact_text(text)
            self.redacted += found
        self._spend(len(text))
        return text if length <= limit else f"{text} […truncated: kept {limit} of {length} characters]"

    def _bytes(self, value: Any) -> Any:
        view = memoryview(value).cast("B")
        size = view.nbytes
        head = bytes(view[: self._bounds.text])
        try:
            text = head.decode()
        except UnicodeDecodeError:
            text = ""
        if (
            size == len(head)
            and (text or not size)
            and all(c.isprintable() or c in "\r\n\t" for c in text[:4096])
        ):
            return self._text(text)
        kept = head[: self._bounds.text * 3 // 4]
        self._spend(len(kept) * 4 // 3)
        shaped: dict[str, Any] = {"$bytes": base64.b64encode(kept).decode()}
        if size > len(kept):
            self.omitted += size - len(kept)
            shaped["$truncated"] = {"kept": len(kept), "bytes": size}
        return shaped

    def _hooked(self, value: Any, path: tuple[str | int, ...]) -> Any:
        assert self._hook is not None
        try:
            replaced = self._hook(path, value)
        except Exception:  # noqa: BLE001 - the user's rule failed: what it should have judged stays out
            self.redacted += 1
            return {"$redacted": "hook_failed"}
        if replaced is not value:
            self.redacted += 1
        return replaced

    def _spend(self, characters: int) -> None:
        self._room -= characters
        if self._room < 0 and self._bounds.strict:
            raise OutOfRoomError
        self._looks -= 1
        if self._looks <= 0:
            self._looks = _NODES_BETWEEN_LOOKS
            if monotonic() > self._deadline:
                if self._bounds.strict:
                    raise OutOfRoomError
                self._room = -1

    def _full(self) -> bool:
        return self._room <= 0


def _unfinite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _can_be_secret(value: Any, kind: str) -> bool:
    if value is None or isinstance(value, bool) or value in ("", b""):
        return False
    return not (kind == "token" and isinstance(value, int | float))


def _shown(value: Any, how: Callable[[Any], str]) -> str:
    try:
        return how(value)
    except Exception as error:  # noqa: BLE001 - a failing __repr__ must not fail the agent
        return f"<{type_of(value).__qualname__}: {how.__name__} raised {type(error).__qualname__}>"


def _without_surrogates(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="backslashreplace").decode()
    return text


def _in_order(items: Iterable[Any]) -> list[Any]:
    held = list(items)
    try:
        return sorted(held)
    except TypeError:
        return sorted(held, key=lambda item: (type(item).__qualname__, _shown(item, repr)[:256]))


# The border to other people's classes: they are known by what they offer, never imported.


def _fields(value: Any) -> Fields:
    kind = type_of(value)
    if isinstance(value, msgspec.Struct):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    if hasattr(kind, "__dataclass_fields__"):
        return _present(value, kind.__dataclass_fields__)
    if hasattr(kind, "__attrs_attrs__"):
        return _present(value, [field.name for field in kind.__attrs_attrs__])
    if isinstance(value, _TUPLE) and hasattr(kind, "_fields"):
        return dict(zip(kind._fields, value, strict=False))
    if hasattr(kind, "model_dump") and hasattr(kind, "model_fields"):
        return _mapping(value.model_dump(warnings=False))
    if hasattr(kind, "__fields__") and hasattr(kind, "dict"):
        return _mapping(value.dict())
    return None


def _present(value: Any, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def _mapping(dumped: Any) -> Fields:
    return dumped if isinstance(dumped, _MAPPING) else {"value": dumped}


def _small_array(value: Any) -> Any:
    if type_of(value).__module__.partition(".")[0] != "numpy":
        return None
    return value.tolist() if value.size <= 1000 else None
