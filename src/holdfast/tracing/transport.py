"""The HTTP of the exporter: one kept connection, requests that end in time, errors of one kind."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from holdfast._version import __version__
from holdfast.errors import DeliveryError
from holdfast.tracing.destination import Destination, is_loopback, local_token
from holdfast.wire.spool_state import SPOOL_HEADER, SpoolState

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, HTTPConnectionPool, PoolManager

__all__ = ["Answer", "HttpTransport", "TransportOptions"]

_LONGEST_ANSWER: Final = 16 << 20
_WORTH_COMPRESSING: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportOptions:
    """`timeout` in seconds for one request. `compress` is auto (all but loopback), always or never."""

    timeout: float = 10.0
    ca_bundle: str | None = None
    compress: str = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer, whatever its status. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpTransport:
    """Asks one server, and posts JSON to it. For one thread; connects, and imports what that takes, at the first
    request.

    Where the destination has no token the local server's is read again at each new connection and after a
    refusal, so that a server that starts later, or anew, is found.
    """

    def __init__(
        self,
        destination: Destination,
        options: TransportOptions,
        tell: Callable[[], SpoolState] | None = None,
    ) -> None:
        """`tell` says how the spool stands: it goes along with what is posted."""
        self._destination = destination
        self._options = options
        self._tell = tell
        self._pool: HTTPConnectionPool | None = None
        self._headers: dict[str, str] = {}
        self._prefix = ""
        loopback = is_loopback(destination.url)
        self._compress = options.compress == "always" or (options.compress == "auto" and not loopback)

    def get(self, path: str, timeout: float | None = None) -> Answer:
        """As `post`, without a body."""
        return self._ask("GET", path, None, timeout)

    def post(self, path: str, body: bytes, timeout: float | None = None) -> Answer:
        """POST `body`; `timeout` shortens the configured one. Raises `DeliveryError` where no answer came."""
        return self._ask("POST", path, body, timeout)

    def _ask(self, method: str, path: str, body: bytes | None, timeout: float | None) -> Answer:
        import urllib3

        pool = self._pool or self._connect()
        headers = self._headers
        if self._tell is not None and body is not None:
            headers = {**headers, SPOOL_HEADER: self._tell().header()}
        if self._compress and body is not None and len(body) >= _WORTH_COMPRESSING:
            body = zlib.compress(body, 1, 31)  # 31: a gzip container of the widest window
            headers = {**headers, "Content-Encoding": "gzip"}
        seconds = self._options.timeout if timeout is None else min(timeout, self._options.timeout)
        try:
            response = pool.urlopen(
                method,
                f"{self._prefix}{path}",
                body=body,
                headers=headers,
                retries=False,
                redirect=False,
                timeout=urllib3.Timeout(total=seconds),
                preload_content=False,
            )
            return self._read(response)
        except urllib3.exceptions.SSLError as error:
            self.reconnect()
            raise DeliveryError(f"TLS: {error}", permanent=True) from error
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            self.reconnect()
            raise DeliveryError(f"{type(error).__name__}: {error}") from error

    def _read(self, response: BaseHTTPResponse) -> Answer:
        content = response.read(_LONGEST_ANSWER, decode_content=True)
        headers = {name.lower(): value for name, value in response.headers.items()}
        if response.read(1):  # more than any answer of ours: not worth reading to its end
            self.reconnect()
        else:
            response.release_conn()
        if response.status in (401, 403):
            self.reconnect()
        return Answer(status=response.status, headers=headers, body=content)

    def reconnect(self) -> None:
        """Close; the next `post` connects anew and looks for the local server's token again."""
        if self._pool is not None:
            self._pool.close()
        self._pool = None

    def _connect(self) -> HTTPConnectionPool:
        import urllib3

        url = self._destination.url
        token = self._destination.token or local_token(url)
        agent = f"holdfast-python/{__version__}"
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Prefer": "return=minimal",
            "User-Agent": f"{agent} python/{sys.version_info.major}.{sys.version_info.minor}",
            "X-Prefactor-SDK": f"holdfast@{__version__}",
        }
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        try:
            self._prefix = urlsplit(url).path.rstrip("/")
            manager = self._manager(url)
            self._pool = manager.connection_from_url(url)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise DeliveryError(f"{type(error).__name__}: {error}", permanent=True) from error
        return self._pool

    def _manager(self, url: str) -> PoolManager:
        import urllib.request

        import urllib3

        parts = urlsplit(url)
        proxy = urllib.request.getproxies().get(parts.scheme)
        if proxy and not is_loopback(url) and not urllib.request.proxy_bypass(parts.netloc):
            return urllib3.ProxyManager(proxy, maxsize=1, ca_certs=self._options.ca_bundle)
        return urllib3.PoolManager(maxsize=1, ca_certs=self._options.ca_bundle)
