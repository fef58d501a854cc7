"""How a trace export is answered, over HTTP and over gRPC."""

from __future__ import annotations

from typing import Final

from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from holdfast.errors import ApiError
from holdfast.server.services.otlp.export import Outcome

__all__ = ["TOKEN_HEADERS", "authorization", "export_response", "rpc_status"]

TOKEN_HEADERS: Final = ("x-holdfast-token", "x-api-key", "api-key")
"""Where the token may stand instead, for exporters whose settings cannot say `Authorization`."""

_CODES: Final = {400: 3, 401: 16, 403: 7, 404: 5, 413: 8, 415: 3, 422: 3, 429: 8, 503: 14}
"""`google.rpc.Code` by HTTP status."""
_INTERNAL: Final = 13


def authorization(token: str | None, header: str | None) -> str | None:
    """The `Authorization` that a request means: `token` is what one of the other headers says."""
    return f"Bearer {token}" if token else header


def export_response(outcome: Outcome) -> bytes:
    message = ExportTraceServiceResponse()
    if outcome.rejected:
        message.partial_success.CopyFrom(
            ExportTracePartialSuccess(rejected_spans=outcome.rejected, error_message=outcome.problem)
        )
    return message.SerializeToString()


def rpc_status(error: ApiError) -> Status:
    return Status(code=_CODES.get(error.status, _INTERNAL), message=error.message)
