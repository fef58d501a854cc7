"""Whatever goes wrong is answered with a JSON object; a client never meets HTML or an empty body."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect

from holdfast.errors import ApiError, StoreUnavailableError
from holdfast.server.services.access import LOGIN_HELP, LoginNeededError
from holdfast.server.services.json_errors import json_error, json_http_error
from holdfast.wire.vocabulary import ErrorCode

__all__ = ["HANDLERS"]

_log: Final = logging.getLogger("holdfast.server")
_AnyRequest = Request[Any, Any, Any]


def _known(_request: _AnyRequest, error: ApiError) -> Response[bytes]:
    return json_error(error)


def _http(_request: _AnyRequest, error: HTTPException) -> Response[bytes]:
    return json_http_error(error)


def _store(_request: _AnyRequest, error: StoreUnavailableError) -> Response[bytes]:
    return json_error(ApiError(503, ErrorCode.UNAVAILABLE, str(error), retry_after=1.0))


def _unexpected(request: _AnyRequest, error: Exception) -> Response[bytes]:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return json_error(ApiError(500, ErrorCode.INTERNAL, "the server failed; its log says how"))


def _login(_request: _AnyRequest, _error: LoginNeededError) -> Redirect:
    return Redirect(LOGIN_HELP, status_code=303)


HANDLERS: Final[dict[int | type[Exception], Callable[[_AnyRequest, Any], Response[Any]]]] = {
    ApiError: _known,
    StoreUnavailableError: _store,
    LoginNeededError: _login,
    HTTPException: _http,
    Exception: _unexpected,
}
