"""What JSON can say, as attributes of OpenTelemetry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

import msgspec
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from holdfast.server.services.json_read import as_object, decode_json

__all__ = ["any_value", "json_text", "object_in", "pair", "pairs", "value_in", "writable"]

_LEAST: Final = -(1 << 63)
_BEYOND: Final = 1 << 63
_encode: Final = msgspec.json.Encoder().encode


def pairs(attributes: Mapping[str, object]) -> list[KeyValue]:
    """Those that are None are left out: OpenTelemetry has no attribute without a value."""
    return [pair(name, value) for name, value in attributes.items() if value is not None]


def pair(name: str, value: object) -> KeyValue:
    try:
        return KeyValue(key=name, value=any_value(value))
    except UnicodeEncodeError:
        return KeyValue(key=writable(name), value=any_value(_writable_inside(value)))


def any_value(value: object) -> AnyValue:
    """Raises `UnicodeEncodeError` for halves of surrogate pairs."""
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value) if _LEAST <= value < _BEYOND else AnyValue(string_value=str(value))
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list):
        items = cast("list[object]", value)
        return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in items]))
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        inner = [KeyValue(key=name, value=any_value(item)) for name, item in fields.items()]
        return AnyValue(kvlist_value=KeyValueList(values=inner))
    return AnyValue()


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
