"""Where records go: the server's address and the token to write with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from holdfast._settings import state_dir

__all__ = [
    "LOCAL",
    "LOCAL_SERVER_FILE",
    "Destination",
    "LocalServer",
    "is_loopback",
    "local_token",
    "same_server",
]

LOCAL_SERVER_FILE: Final = "local-server.json"
LOCAL: Final = "local"
"""The fingerprint of no token: the local server's is used, whichever that is at the time."""
_LOOPBACK: Final = frozenset({"localhost", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A server and how to be let in. Without a token the local server's is looked up when it is needed.

    `any_server`: it need not be Holdfast, and is spoken to in the words that it understands.
    """

    url: str
    token: str | None = None
    any_server: bool = False

    @property
    def token_fingerprint(self) -> str:
        """What tells two tokens apart on disk without showing either."""
        return LOCAL if self.token is None else hashlib.sha256(self.token.encode()).hexdigest()[:16]

    @property
    def key(self) -> str:
        """The name of this destination's directory in the spool."""
        named = f"{self.url.rstrip('/')}\n{self.token_fingerprint}" + ("\nany" if self.any_server else "")
        return hashlib.sha256(named.encode()).hexdigest()[:16]


def _host_and_port(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "", 0
    return (parts.hostname or "").lower(), port or (443 if parts.scheme == "https" else 80)


def is_loopback(url: str) -> bool:
    host = _host_and_port(url)[0]
    return host in _LOOPBACK or host.startswith("127.")


def same_server(one: str, other: str) -> bool:
    """Whether two addresses name one server, the names of the loopback counting as one."""
    if _host_and_port(one)[1] != _host_and_port(other)[1]:
        return False
    return _host_and_port(one)[0] == _host_and_port(other)[0] or (is_loopback(one) and is_loopback(other))


class LocalServer(msgspec.Struct, frozen=True, kw_only=True):
    """What a running `holdfast serve` tells the processes of its machine."""

    url: str
    token: str | None = None
    pid: int | None = None
    version: str | None = None


def local_token(url: str, directory: Path | None = None) -> str | None:
    """The token that this machine's own server gives to its neighbours; None where `url` is not that server.

    Reads `local-server.json` of the state directory.
    """
    if not is_loopback(url):
        return None
    try:
        content = ((directory or state_dir()) / LOCAL_SERVER_FILE).read_bytes()
        server = msgspec.json.decode(content, type=LocalServer)
    except (OSError, msgspec.DecodeError):
        return None
    return server.token if same_server(server.url, url) else None
