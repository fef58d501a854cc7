"""Errors as HTTP answers in JSON."""

from __future__ import annotations

from typing import Final

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException

from holdfast.errors import ApiError
from holdfast.server.services.recording.ingest import error_answer
from holdfast.wire.vocabulary import ErrorCode

__all__ = ["json_error", "json_http_error"]

_CODES: Final = {
    400: ErrorCode.BAD_REQUEST,
    401: ErrorCode.BAD_TOKEN,
    403: ErrorCode.FORBIDDEN,
    404: ErrorCode.NOT_FOUND,
    405: ErrorCode.METHOD_NOT_ALLOWED,
    413: ErrorCode.TOO_LARGE,
    415: ErrorCode.UNSUPPORTED_MEDIA,
    422: ErrorCode.VALIDATION,
    503: ErrorCode.UNAVAILABLE,
}


def json_error(error: ApiError, headers: dict[str, str] | None = None) -> Response[bytes]:
    """The error as a JSON object, with `Retry-After` where it says when."""
    wait = {} if error.retry_after is None else {"Retry-After": f"{error.retry_after:.0f}"}
    return Response(
        msgspec.json.encode(error_answer(error)),
        status_code=error.status,
        media_type="application/json",
        headers=wait | (headers or {}),
    )


def json_http_error(error: HTTPException) -> Response[bytes]:
    """The same for what the framework refuses: unknown paths, wrong methods."""
    code = _CODES.get(error.status_code)
    if code is None:
        code = ErrorCode.BAD_REQUEST if error.status_code < 500 else ErrorCode.INTERNAL
    return json_error(ApiError(error.status_code, code, error.detail), dict(error.headers or {}))
