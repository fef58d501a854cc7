"""A server of this machine, announced to its neighbours, which delivers what dead processes left."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final
from urllib.parse import urlsplit

import msgspec

from holdfast._settings import read_setting
from holdfast._version import __version__
from holdfast.cli.api import Server
from holdfast.cli.local import Announcement, announcement, announcement_file
from holdfast.errors import CommandError, ServerStartError
from holdfast.server.app import open_store
from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening
from holdfast.tracing.adopter import Adopter, adopt_for
from holdfast.tracing.pipeline import spool_root

__all__ = ["Presence", "near_address", "start_errors", "stoppable"]

_PROBE_SECONDS: Final = 2.0
_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - replaced, not listened on


def near_address(url: str) -> str:
    """The address by which this machine reaches a server that listens on every address."""
    host = urlsplit(url).hostname or ""
    near = _ANY.get(host)
    if near is None:
        return url
    return url.replace(f"[{host}]" if ":" in host else host, near, 1)


class Presence:
    """The server's word to its neighbours and the adopter beside it. `leave` takes both back."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._adopter: Adopter | None = None
        self._said: Announcement | None = None

    def announce(self, listening: Listening) -> None:
        """Write `local-server.json` (for this user only) and begin to deliver what the dead left."""
        url = near_address(listening.url)
        said = Announcement(
            url=url,
            token=listening.token,
            pid=os.getpid(),
            version=__version__,
            data=str(self._data.resolve()),
        )
        _write_private(announcement_file(), msgspec.json.encode(said))
        self._said = said
        self._adopter = adopt_for(url, listening.token, spool_root(read_setting("spool")))
        self._adopter.start()

    @property
    def adopted(self) -> int:
        """Operations of dead processes that were delivered."""
        return 0 if self._adopter is None else self._adopter.adopted

    def leave(self) -> None:
        """Stop delivering and take the announcement back, unless another server has made its own since."""
        if self._adopter is not None:
            self._adopter.stop()
        if self._said is not None and announcement() == self._said:
            with suppress(OSError):
                announcement_file().unlink()


@contextmanager
def stoppable() -> Generator[None]:
    """Ctrl-C and SIGTERM end the block: what follows it (and every `finally` inside it) still runs.

    Without this a SIGTERM would end the process on the spot. For the main thread only.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def start_errors(config: ServerConfig) -> Generator[None]:
    """A database that cannot be used is said so before anything listens; an address that is taken becomes a
    `CommandError` that says by whom, and what to do."""
    open_store(config).close()
    try:
        yield
    except ServerStartError as error:
        url = near_address(f"http://{config.host}:{config.port}")
        if _is_holdfast(url):
            raise CommandError(
                f"a Holdfast server already runs at {url}",
                fix="`holdfast login-link` opens it; `holdfast serve --port 4654` starts another one",
            ) from error
        raise CommandError(
            f"cannot listen on {error.address}: {error.problem.lower()}",
            fix="choose another port: `holdfast serve --port 4654`, or 0 for any that is free",
        ) from error


def _is_holdfast(url: str) -> bool:
    try:
        Server(url, patience=_PROBE_SECONDS).ping()
    except CommandError:
        return False
    return True


def _write_private(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    beside.replace(path)
