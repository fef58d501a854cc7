"""Reading the forms of pages."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from holdfast.errors import ApiError
from holdfast.server.web.answers import AnyRequest
from holdfast.wire.vocabulary import ErrorCode

__all__ = ["read_form"]

_LARGEST_FORM: Final = 64 << 10


async def read_form(request: AnyRequest) -> dict[str, str]:
    """The fields of a small form. Raises `ApiError` 413."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LARGEST_FORM:
            raise ApiError(413, ErrorCode.TOO_LARGE, "The form is too large.")
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
