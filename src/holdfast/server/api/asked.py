"""What a change asks for: its fields and its idempotency key, wherever they lie."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec
from litestar import Response
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Raw, Struct

from holdfast.server.api.authorize import AnyRequest
from holdfast.server.api.body import read_body
from holdfast.server.services.reading import invalid
from holdfast.server.services.recording.decoding import decode_fields
from holdfast.server.services.requests import decode_as
from holdfast.wire.envelopes import ErrorAnswer

__all__ = ["answer", "answers", "key_outside", "read_asked", "read_key"]

StructT = TypeVar("StructT", bound=Struct)
_LARGEST: Final = 4 << 20
_encode: Final = msgspec.json.Encoder().encode
_text: Final = msgspec.json.Decoder(str | None).decode
_ERROR: Final = ResponseSpec(ErrorAnswer, generate_examples=False, description="What is wrong")


def answers(success: object) -> dict[int, ResponseSpec]:
    """What a route may answer, for the description of the API."""
    codes = (400, 401, 403, 404, 409, 413, 415, 422, 503)
    return {200: ResponseSpec(success, generate_examples=False), **dict.fromkeys(codes, _ERROR)}  # type: ignore[arg-type]  # generic aliases are no plain types


async def read_asked(
    request: AnyRequest, wanted: type[StructT], *, wrapped: bool = True
) -> tuple[StructT, str | None]:
    """The fields (under `details` unless not `wrapped`; where there is no `details` then, as they lie) and
    the key: of the body, of `details`, of the header, of the query. Raises `ApiError` 400, 413, 415, 422."""
    body = decode_fields(await read_body(request, _LARGEST))
    if wrapped and "details" not in body:
        raise invalid("details", "is missing")
    details = _inner(body["details"]) if "details" in body else body
    return decode_as(details, wanted), _key_in(body) or _key_in(details) or key_outside(request)


async def read_key(request: AnyRequest) -> str | None:
    """The key of a change that has no other fields; there need be no body."""
    return _key_in(decode_fields(await read_body(request, _LARGEST))) or key_outside(request)


def key_outside(request: AnyRequest) -> str | None:
    """The key in the header or in the query."""
    return request.headers.get("idempotency-key") or request.query_params.get("idempotency_key")


async def answer(work: Callable[[], bytes | Struct]) -> Response[bytes]:
    """What the work gives, done off the event loop, as JSON."""
    done = await asyncio.to_thread(work)
    return Response(done if isinstance(done, bytes) else _encode(done), media_type="application/json")


def _inner(details: Raw) -> dict[str, Raw]:
    if bytes(details).lstrip()[:1] != b"{":
        raise invalid("details", "must be an object")
    return decode_fields(bytes(details))


def _key_in(fields: dict[str, Raw]) -> str | None:
    raw = fields.get("idempotency_key")
    try:
        return None if raw is None else _text(raw)
    except msgspec.ValidationError as error:
        raise invalid("idempotency_key", str(error)) from None
