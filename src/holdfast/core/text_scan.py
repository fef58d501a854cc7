"""Looking for things in the text of any value, and taking them out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, cast

import msgspec
from msgspec import Struct

from holdfast.errors import InvalidInputError

__all__ = ["Finder", "Hit", "Scan", "scan", "texts_of"]


class Hit(Struct, frozen=True):
    """Something found at `start` to `end` of a text; `label` says what, never its words."""

    start: int
    end: int
    label: str


Finder = Callable[[str, str], Iterable[Hit]]
"""Given a text and the name of the field that it is the value of ("" where it has none)."""

_DEEPEST = 64
_REBUILT: Final[dict[type, Callable[[list[object]], object]]] = {
    list: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
}
_ATOMS = (int, float, bool, type(None))


class Scan(Struct, frozen=True):
    """What was found in a value. `redacted` is the value with every hit replaced by `[redacted: <label>]`, the
    very object where nothing was found. `complete` is False where something was found inside an object that
    cannot be rebuilt: then `redacted` still holds it."""

    labels: tuple[str, ...]
    redacted: object
    complete: bool


def scan(value: object, find: Finder) -> Scan:
    """Look through strings, bytes, mappings (keys too) and sequences; through records of msgspec, dataclasses
    and pydantic by what they hold, and through any other object by its `str`."""
    walk = _Walk(find)
    redacted = walk.visit(value, "", 0)
    return Scan(tuple(dict.fromkeys(walk.labels)), redacted if walk.labels else value, walk.complete)


def texts_of(value: object, field: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Every text in a value with the name of the field it stands in; keys have none themselves. Raises
    `InvalidInputError` where values are nested without end."""
    if depth > _DEEPEST:
        raise InvalidInputError(field or "arguments", "is nested too deeply to be checked")
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, (bytes, bytearray)):
        yield field, value.decode("utf-8", "replace")
    elif isinstance(value, Mapping):
        for key, inner in cast("Mapping[object, object]", value).items():
            yield "", str(key)
            yield from texts_of(inner, str(key), depth + 1)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for inner in cast("Iterable[object]", value):
            yield from texts_of(inner, field, depth + 1)
    elif not isinstance(value, _ATOMS):
        yield field, str(value)


class _Walk:
    __slots__ = ("complete", "find", "labels")

    def __init__(self, find: Finder) -> None:
        self.find = find
        self.labels: list[str] = []
        self.complete = True

    def visit(self, value: object, name: str, depth: int) -> object:
        if isinstance(value, str):
            return self.text(value, name)
        if isinstance(value, _ATOMS):
            return value
        if isinstance(value, (bytes, bytearray)):
            return self.text(value.decode("utf-8", "surrogateescape"), name).encode(
                "utf-8", "surrogateescape"
            )
        if depth >= _DEEPEST:  # a cycle, or as good as one
            return self.opaque(value, name)
        if isinstance(value, Mapping):
            items = cast("Mapping[object, object]", value).items()
            return {
                self.text(key, "") if isinstance(key, str) else key: self.visit(
                    inner, key if isinstance(key, str) else name, depth + 1
                )
                for key, inner in items
            }
        if type(value) in _REBUILT:
            inner = [self.visit(item, name, depth + 1) for item in cast("Iterable[object]", value)]
            return _REBUILT[type(value)](inner)
        return self.opaque(value, name)

    def opaque(self, value: object, name: str) -> object:
        before = len(self.labels)
        self.visit_copy(value, name)
        if len(self.labels) > before:
            self.complete = False
        return value

    def visit_copy(self, value: object, name: str) -> None:
        dump: object = getattr(value, "model_dump", None)
        try:
            held = cast("Callable[[], object]", dump)() if callable(dump) else msgspec.to_builtins(value)
        except Exception:  # noqa: BLE001 - another library's object; its text is what is left to look at
            held = str(value)
        if isinstance(held, (dict, list, str)):
            self.visit(cast("object", held), name, 1)
        else:
            self.text(str(value), name)

    def text(self, text: str, name: str) -> str:
        parts: list[str] = []
        at = 0
        for hit in sorted(self.find(text, name), key=lambda hit: (hit.start, -hit.end)):
            if hit.start < at:
                continue
            self.labels.append(hit.label)
            parts += (text[at : hit.start], f"[redacted: {hit.label}]")
            at = hit.end
        return "".join(parts) + text[at:] if parts else text
