"""The HTTP of forwarding: one receiver, one request at a time, gzipped protobuf."""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

import urllib3

from holdfast._version import __version__
from holdfast.errors import InvalidInputError
from holdfast.server.services.forward.verdicts import Later, Verdict, WrongPlace, judge

__all__ = ["Receiver", "header_in", "headers_in", "traces_address"]

_PATH: Final = "/v1/traces"
_LONGEST_ANSWER: Final = 1 << 20


def traces_address(url: str) -> str:
    """Where traces go, given an endpoint as `OTEL_EXPORTER_OTLP_ENDPOINT` has it (or with `/v1/traces` already).

    Raises `InvalidInputError` for what is no http address.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInputError("to", f"{url!r} is no address", "write http://127.0.0.1:4318")
    path = parts.path.rstrip("/")
    return urlunsplit(parts._replace(path=path if path.endswith(_PATH) else path + _PATH, fragment=""))


def headers_in(text: str) -> dict[str, str]:
    """Headers as `OTEL_EXPORTER_OTLP_HEADERS` has them: `name=value,name=value`, percent-encoded.

    Raises `InvalidInputError` for a part without `=`.
    """
    found: dict[str, str] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, value = header_in(part)
        found[name] = unquote(value)
    return found


def header_in(text: str) -> tuple[str, str]:
    """The name, in lower case, and the value of `name=value`. Raises `InvalidInputError`."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InvalidInputError("header", f"{text!r} is no header", "write name=value")
    return name.strip().lower(), value.strip()


class Receiver:
    """For one thread. `timeout` is in seconds for one request; redirects are not followed, since the headers
    may hold secrets."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        timeout: float = 10.0,
        ca_bundle: str | None = None,
    ) -> None:
        self._url = traces_address(url)
        self._headers = {
            "content-type": "application/x-protobuf",
            "content-encoding": "gzip",
            "user-agent": f"holdfast/{__version__}",
            **headers,
        }
        limits = urllib3.Timeout(connect=min(5.0, timeout), read=timeout)
        self._pool = urllib3.PoolManager(retries=False, timeout=limits, ca_certs=ca_bundle, maxsize=1)

    @property
    def name(self) -> str:
        """The address without what may be secret in it."""
        parts = urlsplit(self._url)
        host = parts.hostname or ""
        shown = f"[{host}]" if ":" in host else host
        return urlunsplit(
            (parts.scheme, f"{shown}:{parts.port}" if parts.port else shown, parts.path, "", "")
        )

    def send(self, body: bytes) -> Verdict:
        """Never raises for what the network or the receiver does."""
        try:
            answer = self._pool.request(
                "POST",
                self._url,
                body=zlib.compress(body, 1, 31),  # 31: a gzip container of the widest window
                headers=self._headers,
                redirect=False,
                preload_content=False,
            )
            try:
                content = answer.read(_LONGEST_ANSWER, decode_content=True)
                headers = {name.lower(): value for name, value in answer.headers.items()}
            finally:
                answer.release_conn()
        except urllib3.exceptions.SSLError as error:
            return WrongPlace(f"TLS: {error}")
        except (urllib3.exceptions.LocationValueError, ValueError) as error:
            return WrongPlace(str(error))
        except (urllib3.exceptions.HTTPError, OSError) as error:
            return Later(_reason(error))
        return judge(answer.status, headers, content, time.time())

    def close(self) -> None:
        self._pool.clear()


def _reason(error: Exception) -> str:
    for known in ("Connection refused", "Name or service not known", "timed out", "reset by peer"):
        if known in str(error):
            return known.lower()
    return f"{type(error).__name__}: {error}"[:200]
