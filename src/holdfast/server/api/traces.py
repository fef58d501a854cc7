"""`POST /v1/traces`: OTLP over HTTP, as OpenTelemetry's exporters speak it.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Request, Response, post

from holdfast.errors import ApiError
from holdfast.server.api.body import read_body
from holdfast.server.services.access import principal_by, services_of
from holdfast.server.services.otlp.answers import TOKEN_HEADERS, authorization, export_response, rpc_status
from holdfast.server.services.otlp.export import Encoding, Outcome
from holdfast.wire.vocabulary import ErrorCode, TokenScope

__all__ = ["TRACE_ROUTES"]

_AnyRequest = Request[Any, Any, Any]
_encode: Final = msgspec.json.Encoder().encode


@post("/v1/traces", status_code=200, include_in_schema=False)
async def take_traces(request: _AnyRequest) -> Response[bytes]:
    """Errors are answered as `google.rpc.Status` in the encoding of the request."""
    encoding = Encoding.JSON
    try:
        encoding = _encoding(request)
        who = await principal_by(request, _authorization(request))
        who.need(TokenScope.INGEST)
        services = services_of(request)
        body = await read_body(request, services.config.max_body)
        return _answer(await services.traces.export(who, body, encoding), encoding)
    except ApiError as error:
        return _refusal(error, encoding)


def _encoding(request: _AnyRequest) -> Encoding:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given == "application/protobuf":
        return Encoding.PROTOBUF
    try:
        return Encoding(given)
    except ValueError:
        expected = " or ".join(encoding.value for encoding in Encoding)
        raise ApiError(415, ErrorCode.UNSUPPORTED_MEDIA, f"the content type must be {expected}") from None


def _authorization(request: _AnyRequest) -> str | None:
    token = next(filter(None, map(request.headers.get, TOKEN_HEADERS)), None)
    return authorization(token, request.headers.get("authorization"))


def _answer(outcome: Outcome, encoding: Encoding) -> Response[bytes]:
    if encoding is Encoding.JSON:
        partial: dict[str, object] = {}
        if outcome.rejected:
            # 64-bit numbers are strings in protobuf's JSON
            told = {"rejectedSpans": str(outcome.rejected), "errorMessage": outcome.problem}
            partial["partialSuccess"] = told
        return Response(_encode(partial), media_type=encoding.value)
    return Response(export_response(outcome), media_type=encoding.value)


def _refusal(error: ApiError, encoding: Encoding) -> Response[bytes]:
    status = rpc_status(error)
    if encoding is Encoding.JSON:
        body = _encode({"code": status.code, "message": error.message})
    else:
        body = status.SerializeToString()
    headers = {} if error.retry_after is None else {"Retry-After": f"{error.retry_after:.0f}"}
    return Response(body, status_code=error.status, media_type=encoding.value, headers=headers)


TRACE_ROUTES: Final = [take_traces]
