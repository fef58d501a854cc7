"""From the bytes of a request body to operations; what is wrong is said in the words of the API."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Raw

from holdfast.errors import ApiError
from holdfast.wire.bulk import BulkRequest, BulkRequestRaw
from holdfast.wire.operations import Operation
from holdfast.wire.vocabulary import ErrorCode, OnError

__all__ = [
    "DecodedBulk",
    "as_utf8",
    "decode_bulk",
    "decode_fields",
    "decode_operation",
    "with_whole_characters",
]

_bulk: Final = msgspec.json.Decoder(BulkRequest).decode
_bulk_raw: Final = msgspec.json.Decoder(BulkRequestRaw).decode
_operation: Final[Callable[[bytes | Raw], Operation]] = msgspec.json.Decoder(Operation).decode
_fields: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_encode: Final = msgspec.json.Encoder().encode
_key: Final = msgspec.json.Decoder(str).decode

_PLACE: Final = re.compile(r" - at `(?:key in )?\$(?:\[\.\.\.\])?\.?([^`]*)`$")
_ESCAPES: Final = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u[dD][89a-fA-F]..|.)", re.DOTALL)

DecodedBulk = tuple[OnError, list[Operation], list[int], dict[int, tuple[str, ApiError]]]
"""What to do on an error, the usable operations, the place in the request of each, and by place the
idempotency key and the error of each that is not usable."""


def decode_bulk(body: bytes) -> DecodedBulk:
    """Raises `ApiError` where the request as a whole cannot be used; a bad item spoils only itself."""
    body = as_utf8(body)
    try:
        request = _bulk(body)
    except msgspec.ValidationError:
        return _item_by_item(body)
    except (msgspec.DecodeError, RecursionError) as error:
        mended = with_whole_characters(body)
        if mended == body:
            raise _malformed(error) from None
        return decode_bulk(mended)
    return request.on_error, request.items, list(range(len(request.items))), {}


def _item_by_item(body: bytes) -> DecodedBulk:
    try:
        request = _bulk_raw(body)
    except msgspec.ValidationError as error:
        raise _validation(error) from None
    items: list[Operation] = []
    places: list[int] = []
    errors: dict[int, tuple[str, ApiError]] = {}
    for place, raw in enumerate(request.items):
        try:
            items.append(_decode_item(raw))
            places.append(place)
        except ApiError as error:
            errors[place] = (_key_of(raw, place), error)
    return request.on_error, items, places, errors


def _decode_item(raw: Raw) -> Operation:
    try:
        return _operation(raw)
    except msgspec.ValidationError as error:
        # Some clients wrap the fields of an item as the single call has them.
        try:
            fields = _fields(raw)
            inner = _fields(fields.pop("details"))
        except (msgspec.ValidationError, KeyError):
            raise _validation(error) from None
        return decode_operation(inner | fields)


def decode_operation(fields: dict[str, Raw]) -> Operation:
    """The operation with these fields, `_type` among them. Raises `ApiError` 422 naming the field."""
    try:
        return _operation(_encode(fields))
    except msgspec.ValidationError as error:
        raise _validation(error) from None


def decode_fields(body: bytes) -> dict[str, Raw]:
    """The fields of a JSON object; no body at all counts as an empty one. Raises `ApiError` 400 or 422."""
    if not body.strip():
        return {}
    body = as_utf8(body)
    try:
        return _fields(body)
    except msgspec.ValidationError as error:
        raise _validation(error) from None
    except (msgspec.DecodeError, RecursionError) as error:
        mended = with_whole_characters(body)
        if mended == body:
            raise _malformed(error) from None
        return decode_fields(mended)


def _key_of(raw: Raw, place: int) -> str:
    try:
        return _key(_fields(raw)["idempotency_key"])
    except (msgspec.ValidationError, KeyError):
        return f"items[{place}]"


def as_utf8(body: bytes) -> bytes:
    """What is not text becomes U+FFFD: a record with one bad character is worth more than none."""
    if not body.isascii():
        try:
            str(body, "utf-8")
        except UnicodeDecodeError:
            return body.decode("utf-8", "replace").encode()
    return body


def with_whole_characters(body: bytes) -> bytes:
    """Escapes of half a surrogate pair, which the decoder refuses and some writers send, become U+FFFD."""
    return _ESCAPES.sub(_mend_escape, body)


def _mend_escape(found: re.Match[bytes]) -> bytes:
    escape = found.group()
    lone = len(escape) == 6 and escape[1:3] in (b"ud", b"uD")
    return b"\\ufffd" if lone else escape


def _malformed(error: Exception) -> ApiError:
    text = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
    return ApiError(400, ErrorCode.BAD_REQUEST, f"the body is not usable JSON: {text}")


def _validation(error: msgspec.ValidationError) -> ApiError:
    text = str(error)
    place = _PLACE.search(text)
    field = (place.group(1) if place else "") or "body"
    problem = text[: place.start()] if place else text
    missing = re.search(r"missing required field `([^`]*)`", problem)
    if missing:
        field = missing.group(1) if field == "body" else f"{field}.{missing.group(1)}"
    return ApiError(422, ErrorCode.VALIDATION, f"{field}: {problem}", errors={field: problem})
