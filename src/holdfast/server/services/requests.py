"""From the body of a request about what is managed to its fields; what is wrong is named field by field."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from holdfast.errors import ApiError
from holdfast.server.services.recording.decoding import decode_fields
from holdfast.wire.vocabulary import ErrorCode

__all__ = ["decode_as"]

StructT = TypeVar("StructT", bound=Struct)


def decode_as(given: bytes | dict[str, Raw], wanted: type[StructT]) -> StructT:
    """The body as a `wanted`. Unknown fields are ignored. Raises `ApiError`: 400 for what is no JSON, 422
    with every field that is missing or has the wrong type in `errors`."""
    fields = decode_fields(given) if isinstance(given, bytes) else given
    try:
        return msgspec.json.decode(msgspec.json.encode(fields), type=wanted)
    except msgspec.ValidationError as error:
        problems = _problems(fields, wanted) or {"details": str(error)}
    message = "; ".join(f"{name}: {problem}" for name, problem in problems.items())
    raise ApiError(422, ErrorCode.VALIDATION, message, errors=problems)


def _problems(fields: dict[str, Raw], wanted: type[Struct]) -> dict[str, str]:
    found: dict[str, str] = {}
    for field in msgspec.structs.fields(wanted):
        name = field.encode_name
        if name not in fields:
            if field.required:
                found[name] = "is missing"
            continue
        try:
            _decode(fields[name], field.type)
        except msgspec.ValidationError as error:
            found[name] = str(error)
    return found


def _decode(raw: Raw, kind: Any) -> None:  # a type as `msgspec` tells it, which no annotation can name
    msgspec.json.decode(raw, type=kind)
