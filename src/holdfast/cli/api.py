"""The command line's own requests to a server: plain HTTP, errors in one line with what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
import urllib3
from msgspec import Struct

from holdfast._settings import read_setting
from holdfast._version import __version__
from holdfast.errors import CommandError
from holdfast.tracing.destination import local_token

__all__ = ["Json", "Ping", "Server"]

_CONNECT_SECONDS: Final = 5.0
_PAGE: Final = 100
_MESSAGE_LENGTH: Final = 200
_REFUSALS: Final = (401, 403)

Json = dict[str, Any]
"""An answer of the API, whose shape the caller knows."""


class Ping(Struct, frozen=True, kw_only=True):
    """`refusal` says why the token was not accepted. `date` is the answer's HTTP date, to compare clocks."""

    accepted: bool
    refusal: CommandError | None
    version: str
    date: str | None


class Server:
    """A server at `url`. The token is the given one, else the setting, else this machine's own server's.

    `patience` is how many seconds an answer may take.
    """

    def __init__(self, url: str | None = None, token: str | None = None, *, patience: float = 60.0) -> None:
        self.url: str = read_setting("url", url).rstrip("/")
        self.token: str | None = read_setting("token", token) or local_token(self.url)
        bundle = read_setting("ca_bundle")
        timeout = urllib3.Timeout(connect=min(_CONNECT_SECONDS, patience), read=patience)
        self._pool = urllib3.PoolManager(retries=False, timeout=timeout, ca_certs=bundle)

    def ping(self) -> Ping:
        """Raises `CommandError` where nothing, or something else than Holdfast, answers."""
        answer = self._send("GET", f"{self.url}/api/v1/ping", None)
        refusal: CommandError | None = None
        read: Json = {}
        if answer.status in _REFUSALS:
            refusal = _refusal(self.url, _object(self.url, answer))
        else:
            read = _read(self.url, answer)
        about = msgspec.convert(read.get("details") or {}, Json)
        return Ping(
            accepted=refusal is None,
            refusal=refusal,
            version=str(about.get("version", "")),
            date=answer.headers.get("Date"),
        )

    def check_may_write(self) -> None:
        """Raises `CommandError` where the token may not record."""
        self.post("/control", {"agent_instance_ids": []})

    def has_run(self, run_id: str) -> bool:
        answer = self._send("GET", f"{self.url}/api/v1/agent_instance/{quote(run_id, safe='')}", None)
        if answer.status == 404:
            return False
        _read(self.url, answer)
        return True

    def get(self, path: str, **query: object) -> Json:
        return self.request("GET", path, query=query)

    def post(self, path: str, body: object) -> Json:
        return self.request("POST", path, body=body)

    def request(
        self, method: str, path: str, *, query: Mapping[str, object] | None = None, body: object = None
    ) -> Json:
        """The answer's JSON object. Raises `CommandError` for any that is not a success."""
        given = {name: str(value) for name, value in (query or {}).items() if value is not None}
        url = f"{self.url}/api/v1{path}" + (f"?{urlencode(given)}" if given else "")
        answer = self._send(method, url, None if body is None else msgspec.json.encode(body))
        return _read(self.url, answer)

    def _send(self, method: str, url: str, body: bytes | None) -> urllib3.BaseHTTPResponse:
        headers = {"User-Agent": f"holdfast-python/{__version__}", "Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            return self._pool.request(method, url, headers=headers, body=body)
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise CommandError(
                f"no server answers at {self.url} ({_reason(error)})",
                fix="start one with `holdfast serve`, or set HOLDFAST_URL to where it is",
            ) from error

    def pages(self, path: str, **query: object) -> Iterator[Json]:
        """Every row of a list, page by page."""
        offset: int | None = 0
        while offset is not None:
            paging: Json = {"pagination[offset]": offset, "pagination[page_size]": _PAGE}
            answer = self.request("GET", path, query={**query, **paging})
            yield from answer["summaries"]
            pagination: Json = answer["pagination"]
            offset = pagination["next_page_offset"]


def _read(url: str, answer: urllib3.BaseHTTPResponse) -> Json:
    said = _object(url, answer)
    if answer.status < 400:
        return said
    if answer.status in _REFUSALS:
        raise _refusal(url, said)
    raise CommandError(f"{url} answered {answer.status}: {_message(said)}")


def _object(url: str, answer: urllib3.BaseHTTPResponse) -> Json:
    try:
        return msgspec.json.decode(answer.data, type=Json)
    except msgspec.DecodeError:
        raise CommandError(
            f"what answers at {url} is not a Holdfast server (HTTP {answer.status}, no JSON)",
            fix="check HOLDFAST_URL; a proxy or a login page may be in between",
        ) from None


def _refusal(url: str, said: Json) -> CommandError:
    fix = "set HOLDFAST_TOKEN to a valid token; `holdfast token create` on the server's machine makes one"
    return CommandError(f"{url} refuses: {_message(said)}", fix=fix)


def _message(said: Json) -> str:
    return str(said.get("message") or said.get("code") or "no reason given")[:_MESSAGE_LENGTH]


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error  # urllib3 wraps the cause of some errors, not of others
    text = str(reason)
    for known in (
        "Connection refused",
        "Name or service not known",
        "timed out",
        "certificate verify failed",
    ):
        if known in text:
            return known.lower()
    return text[:_MESSAGE_LENGTH]
