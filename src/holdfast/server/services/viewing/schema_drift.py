"""What changed between two versions of the schemas that an agent declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, cast

import msgspec
from msgspec import Struct

from holdfast.wire.operations import SchemaVersion

__all__ = ["Change", "Drift", "declared_fields", "drift_between"]

_DEEPEST: Final = 8
_MOST_FIELDS: Final = 5_000
_decode: Final = msgspec.json.Decoder(SchemaVersion).decode

Fields = Mapping[tuple[str, str], str]
"""(span type, path) to the type that is declared there, `params.query` to `string, optional`. A span type itself
has the path ''."""


class Change(Struct, frozen=True, kw_only=True):
    """One field. `before` is '' where it was added, `after` where it was removed; `path` is '' where it is a whole
    span type."""

    span_type: str
    path: str
    before: str
    after: str


class Drift(Struct, frozen=True, kw_only=True):
    """In the order of span types and paths."""

    added: tuple[Change, ...]
    removed: tuple[Change, ...]
    changed: tuple[Change, ...]

    @property
    def empty(self) -> bool:
        return not (self.added or self.removed or self.changed)


def declared_fields(content: bytes) -> Fields:
    """Of a stored `SchemaVersion`. What is no schema counts as one without fields; of endless ones a part."""
    version = _decode(content)
    found: dict[tuple[str, str], str] = {}
    for kind in version.span_type_schemas or ():
        found[kind.name, ""] = "span type"
        _add(found, kind.name, "params", kind.params_schema)
        if kind.result_schema is not None:
            _add(found, kind.name, "result", kind.result_schema)
    for judged in version.quality_schemas or ():
        name = f"quality {judged.name}".strip()
        found[name, ""] = "quality record"
        _add(found, name, "", judged.schema)
    return found


def drift_between(before: Fields, after: Fields) -> Drift:
    """The fields of a span type that came or went as a whole are not told one by one."""
    added = [_change(key, "", after[key]) for key in after if key not in before]
    removed = [_change(key, before[key], "") for key in before if key not in after]
    changed = [
        _change(key, before[key], after[key]) for key in after if key in before and before[key] != after[key]
    ]
    return Drift(added=_outermost(added), removed=_outermost(removed), changed=_ordered(changed))


def _outermost(changes: list[Change]) -> tuple[Change, ...]:
    whole = {change.span_type for change in changes if not change.path}
    return _ordered([one for one in changes if not one.path or one.span_type not in whole])


def _ordered(changes: list[Change]) -> tuple[Change, ...]:
    return tuple(sorted(changes, key=lambda one: (one.span_type, one.path)))


def _change(key: tuple[str, str], before: str, after: str) -> Change:
    return Change(span_type=key[0], path=key[1], before=before, after=after)


def _add(found: dict[tuple[str, str], str], name: str, part: str, schema: Mapping[str, object]) -> None:
    for path, kind in _fields(schema, part, 0):
        if len(found) >= _MOST_FIELDS:
            return
        found[name, path] = kind


def _fields(schema: Mapping[str, object], path: str, depth: int) -> Iterator[tuple[str, str]]:
    properties = schema.get("properties")
    required = schema.get("required")
    needed = set(cast("list[object]", required)) if _is_texts(required) else set[object]()
    if isinstance(properties, dict) and depth < _DEEPEST:
        for name, inner in cast("dict[str, object]", properties).items():
            below = f"{path}.{name}" if path else name
            yield below, _kind(inner) + ("" if name in needed else ", optional")
            if isinstance(inner, dict):
                yield from _fields(cast("dict[str, object]", inner), below, depth + 1)
    items = schema.get("items")
    if isinstance(items, dict) and depth < _DEEPEST:
        inside = cast("dict[str, object]", items)
        yield f"{path}[]", _kind(inside)
        yield from _fields(inside, f"{path}[]", depth + 1)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in cast("list[object]", value))


def _kind(schema: object) -> str:
    if not isinstance(schema, dict):
        return "anything"
    known = cast("dict[str, object]", schema)
    kind = known.get("type")
    if isinstance(kind, str):
        said = kind
    elif _is_texts(kind):
        said = " or ".join(sorted(cast("list[str]", kind)))
    elif isinstance(known.get("$ref"), str):
        said = str(known["$ref"]).rpartition("/")[2]
    else:
        said = next(
            (word for word in ("enum", "const", "anyOf", "oneOf", "allOf") if word in known), "anything"
        )
    choices = known.get("enum")
    if isinstance(choices, list):
        said += f" of {len(cast('list[object]', choices))}"
    return said
