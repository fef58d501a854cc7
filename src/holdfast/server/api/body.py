"""Reading a request body: whole, decompressed, never more than allowed."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any, Final

from litestar import Request

from holdfast.errors import ApiError
from holdfast.server.services.access import services_of
from holdfast.wire.vocabulary import ErrorCode

__all__ = ["read_body"]

_WINDOWS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 47}  # 47: zlib, told from gzip by its header
_STEP: Final = 1 << 20


async def read_body(request: Request[Any, Any, Any], limit: int) -> bytes:
    """The body, at most `limit` bytes of it before and after decompression.

    Raises `ApiError`: 413 beyond the limit, 415 for an encoding other than gzip and deflate, 400 for
    compressed data that is broken or cut, 408 where nothing more comes for the configured patience.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "") and encoding not in _WINDOWS:
        raise ApiError(
            415, ErrorCode.UNSUPPORTED_MEDIA, f"content-encoding {encoding!r}: use gzip or deflate"
        )
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    patience = services_of(request).config.patience
    loop = asyncio.get_running_loop()
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(patience) as waiting:
            async for chunk in request.stream():
                waiting.reschedule(loop.time() + patience)
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit)
                chunks.append(chunk)
    except TimeoutError:
        raise ApiError(408, ErrorCode.BAD_REQUEST, "the rest of the body did not come") from None
    body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    return _inflate(body, _WINDOWS[encoding], limit) if encoding in _WINDOWS else body


def _inflate(body: bytes, window: int, limit: int) -> bytes:
    """A megabyte at a time, so that a bomb is noticed at the limit and not when it has gone off."""
    inflater = zlib.decompressobj(window)
    parts: list[bytes] = []
    size = 0
    rest = body
    try:
        while not inflater.eof:
            part = inflater.decompress(rest, _STEP)
            rest = inflater.unconsumed_tail
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            if not part and not rest:
                raise ApiError(400, ErrorCode.BAD_REQUEST, "the compressed body ends too early")
            parts.append(part)
    except zlib.error as error:
        raise ApiError(400, ErrorCode.BAD_REQUEST, f"the compressed body is broken: {error}") from None
    return b"".join(parts)


def _too_large(limit: int) -> ApiError:
    return ApiError(413, ErrorCode.TOO_LARGE, f"the body is larger than {limit} bytes")
