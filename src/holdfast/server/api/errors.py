"""Whatever goes wrong is answered with a JSON object; a client never meets HTML or an empty body."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect

from holdfast.errors import ApiError, StoreUnavailableError
from holdfast.server.services.access import LOGIN_HELP, LoginNeededError
from holdfast.server.services.ingest import error_answer
from holdfast.wire.vocabulary import ErrorCode

__all__ = ["HANDLERS"]

_log: Final = logging.getLogger("holdfast.server")
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
_AnyRequest = Request[Any, Any, Any]


def _known(_request: _AnyRequest, error: ApiError) -> Response[bytes]:
    headers = {} if error.retry_after is None else {"Retry-After": f"{error.retry_after:.0f}"}
    return _answer(error, headers)


def _http(_request: _AnyRequest, error: HTTPException) -> Response[bytes]:
    code = _CODES.get(error.status_code)
    if code is None:
        code = ErrorCode.BAD_REQUEST if error.status_code < 500 else ErrorCode.INTERNAL
    return _answer(ApiError(error.status_code, code, error.detail), dict(error.headers or {}))


def _store(request: _AnyRequest, error: StoreUnavailableError) -> Response[bytes]:
    return _known(request, ApiError(503, ErrorCode.UNAVAILABLE, str(error), retry_after=1.0))


def _unexpected(request: _AnyRequest, error: Exception) -> Response[bytes]:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _answer(ApiError(500, ErrorCode.INTERNAL, "the server failed; its log says how"), {})


def _login(_request: _AnyRequest, _error: LoginNeededError) -> Redirect:
    return Redirect(LOGIN_HELP, status_code=303)


def _answer(error: ApiError, headers: dict[str, str]) -> Response[bytes]:
    return Response(
        msgspec.json.encode(error_answer(error)),
        status_code=error.status,
        media_type="application/json",
        headers=headers,
    )


HANDLERS: Final[dict[int | type[Exception], Callable[[_AnyRequest, Any], Response[Any]]]] = {
    ApiError: _known,
    StoreUnavailableError: _store,
    LoginNeededError: _login,
    HTTPException: _http,
    Exception: _unexpected,
}
