"""Running the application with uvicorn: in this thread until told to stop, or in a thread of its own."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import uvicorn

from holdfast._version import __version__
from holdfast.errors import ServerStartError
from holdfast.server.app import create_app
from holdfast.server.config import ServerConfig
from holdfast.server.services.context import Services
from holdfast.server.services.setup import DEFAULT_ACCOUNT, local_token
from holdfast.server.slow_clients import http_protocol

__all__ = ["Listening", "background_server", "serve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """A server that answers. `token` has every scope; `login_url` logs one browser in, once, within
    15 minutes. `services` are the running server's own. `otlp_grpc_port` is None where none is open."""

    url: str
    token: str
    login_url: str
    version: str
    services: Services
    otlp_grpc_port: int | None = None


def serve(config: ServerConfig, *, ready: Callable[[Listening], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM, then answer what has been accepted, write it and return.

    Calls `ready` once the server answers. Raises `ServerStartError` where the address cannot be listened
    on, `StoreError` where the database cannot be used.
    """
    with _bound(config) as listener, _returning_on_signals():
        _Server(config, listener, ready).run(sockets=[listener])


@contextmanager
def background_server(config: ServerConfig, *, start_timeout: float = 30.0) -> Generator[Listening]:
    """The same in a thread, for the length of the block. Raises as `serve` does, and `ServerStartError`
    where it does not answer within `start_timeout` seconds."""
    started = threading.Event()
    told: list[Listening] = []
    failed: list[BaseException] = []

    def ready(listening: Listening) -> None:
        told.append(listening)
        started.set()

    def run() -> None:
        try:
            server.run(sockets=[listener])
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            failed.append(error)
        finally:
            started.set()

    with _bound(config) as listener:
        server = _Server(config, listener, ready)
        thread = threading.Thread(target=run, name="holdfast-server", daemon=True)
        thread.start()
        try:
            started.wait(start_timeout)
            if not told:
                raise (
                    failed[0] if failed else ServerStartError(_address(listener), "the server did not start")
                )
            yield told[0]
        finally:
            server.should_exit = True
            thread.join()


class _Server(uvicorn.Server):
    """Tells when it answers."""

    def __init__(
        self, config: ServerConfig, listener: socket.socket, ready: Callable[[Listening], None] | None
    ) -> None:
        self._app = create_app(config)
        self._settings = config
        self._listener = listener
        self._ready = ready
        super().__init__(
            uvicorn.Config(
                self._app,
                http=http_protocol(config.patience),
                ws="none",
                loop="auto",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=3,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.should_exit:
            raise ServerStartError(_address(self._listener), "the application did not start; see its log")
        if self._ready is not None:
            services: Services = self._app.state.services
            url = f"http://{_address(self._listener)}"
            self._ready(
                Listening(
                    url=url,
                    token=local_token(services.auth, self._settings.data),
                    login_url=f"{url}/login?code={services.auth.login_code(DEFAULT_ACCOUNT)}",
                    version=__version__,
                    services=services,
                    otlp_grpc_port=self._app.state.otlp_grpc_port,
                )
            )


@contextmanager
def _returning_on_signals() -> Generator[None]:
    """uvicorn, once it has ended well, sends itself the signal again: without this the process would die of
    it instead of returning to its caller."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _ignored) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignored(_number: int, _frame: FrameType | None) -> None:
    """The server has seen the signal already."""


@contextmanager
def _bound(config: ServerConfig) -> Generator[socket.socket]:
    if config.otlp_grpc_port:
        _bind(config.host, config.otlp_grpc_port).close()  # gRPC binds by itself, too late to be heard
    with _bind(config.host, config.port) as listener:
        yield listener


def _bind(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ServerStartError(f"{host}:{port}", error.strerror or str(error)) from error
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
