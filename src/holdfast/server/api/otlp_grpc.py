"""OTLP over gRPC, on a port of its own: the same path as OTLP over HTTP. Needs the extra `grpc`.

https://opentelemetry.io/docs/specs/otlp/#otlpgrpc
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Final, NoReturn

from holdfast.errors import ApiError, MissingExtraError, ServerStartError
from holdfast.server.services.context import Services
from holdfast.server.services.otlp.answers import TOKEN_HEADERS, authorization, export_response, rpc_status
from holdfast.server.services.otlp.export import Encoding
from holdfast.wire.vocabulary import TokenScope

if find_spec("grpc") is None:
    raise MissingExtraError("grpcio", "grpc", "OTLP over gRPC")

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo

__all__ = ["grpc_traces"]

_EXPORT: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_THREADS: Final = 32
"""Requests at once; each waits for its commit."""
_GRACE: Final = 3.0
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


@asynccontextmanager
async def grpc_traces(services: Services) -> AsyncGenerator[int]:
    """Serve for the length of the block; the port. Raises `ServerStartError` where it cannot be listened on."""
    host, port = services.config.host, services.config.otlp_grpc_port or 0
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    server = grpc.server(
        ThreadPoolExecutor(_THREADS, thread_name_prefix="holdfast-grpc"),
        handlers=[_Traces(services, asyncio.get_running_loop())],
        options=[
            ("grpc.max_receive_message_length", services.config.max_body),
            ("grpc.so_reuseport", 0),  # else a second server takes a share of the first one's requests
        ],
    )
    try:
        bound = server.add_insecure_port(address)
    except RuntimeError as error:
        raise ServerStartError(address, str(error)) from error
    server.start()
    try:
        yield bound
    finally:
        await asyncio.to_thread(server.stop(_GRACE).wait)


class _Refusal(grpc.Status):
    """How gRPC is told of an error: with its details as `google.rpc.Status`, a wished delay among them."""

    def __init__(self, error: ApiError) -> None:
        status = rpc_status(error)
        self.code = _CODES[status.code]
        self.details = error.message
        self.trailing_metadata: tuple[tuple[str, str | bytes], ...] = ()
        if error.retry_after is not None:
            delay = Duration()
            delay.FromNanoseconds(int(error.retry_after * 1e9))
            wish = AnyMessage()
            wish.Pack(RetryInfo(retry_delay=delay))
            status.details.append(wish)
            self.trailing_metadata = (("grpc-status-details-bin", status.SerializeToString()),)


class _Traces(grpc.GenericRpcHandler):
    """Bodies stay bytes: they are decoded where those of HTTP are."""

    def __init__(self, services: Services, loop: asyncio.AbstractEventLoop) -> None:
        self._services = services
        self._loop = loop

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        if handler_call_details.method != _EXPORT:
            return None
        return grpc.unary_unary_rpc_method_handler(self._export)

    def _export(self, body: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            who = self._services.auth.principal(_authorization(context))
            who.need(TokenScope.INGEST)
            exporting = self._services.traces.export(who, body, Encoding.PROTOBUF)
            return export_response(asyncio.run_coroutine_threadsafe(exporting, self._loop).result())
        except ApiError as error:
            _refuse(context, error)


def _refuse(context: grpc.ServicerContext, error: ApiError) -> NoReturn:
    context.abort_with_status(_Refusal(error))


def _authorization(context: grpc.ServicerContext) -> str | None:
    given = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
    token = next(filter(None, map(given.get, TOKEN_HEADERS)), None)
    return authorization(token, given.get("authorization"))
