"""What JSON can say, as attributes of OpenTelemetry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

import msgspec
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from holdfast.server.services.json_read import as_object, decode_json

__all__ = ["Attributes", "json_text", "object_in", "put", "value_in", "writable"]

Attributes = RepeatedCompositeFieldContainer[KeyValue]

_LEAST: Final = -(1 << 63)
_BEYOND: Final = 1 << 63
_encode: Final = msgspec.json.Encoder().encode


def put(into: Attributes, attributes: Mapping[str, object]) -> None:
    """Those that are None are left out: OpenTelemetry has no attribute without a value.

    Values are written in place: to make messages and then copy them takes three times as long.
    """
    for name, value in attributes.items():
        if value is None:
            continue
        pair = into.add()
        try:
            pair.key = name
            _set(pair.value, value)
        except UnicodeEncodeError:
            pair.key = writable(name)
            pair.value.Clear()
            _set(pair.value, _writable_inside(value))


def _set(into: AnyValue, value: object) -> None:
    if isinstance(value, str):
        into.string_value = value
    elif isinstance(value, bool):
        into.bool_value = value
    elif isinstance(value, int):
        if _LEAST <= value < _BEYOND:
            into.int_value = value
        else:
            into.string_value = str(value)
    elif isinstance(value, float):
        into.double_value = value
    elif isinstance(value, list):
        into.array_value.SetInParent()
        for item in cast("list[object]", value):
            _set(into.array_value.values.add(), item)
    elif isinstance(value, dict):
        into.kvlist_value.SetInParent()
        for name, item in cast("dict[str, object]", value).items():
            pair = into.kvlist_value.values.add()
            pair.key = name
            _set(pair.value, item)


def writable(text: str) -> str:
    """With U+FFFD for each half of a surrogate pair: protobuf has no place for them."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _writable_inside(value: object) -> object:
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, list):
        return [_writable_inside(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        return {writable(name): _writable_inside(item) for name, item in fields.items()}
    return value


def value_in(data: bytes | None) -> object:
    """What recorded JSON says; None where it says nothing that can be read."""
    if data is None:
        return None
    try:
        return decode_json(data)
    except ValueError:
        return None


def object_in(data: bytes | None) -> dict[str, object]:
    """As `value_in`, where it is an object; an empty one where it is not."""
    return as_object(value_in(data))


def json_text(value: object) -> str:
    """As attributes hold what is nested: the conventions write content so. A text stays itself."""
    if isinstance(value, str):
        return value
    try:
        return _encode(value).decode()
    except UnicodeEncodeError:
        return _encode(_writable_inside(value)).decode()
