"""A real server for the commands, and the commands run as a shell would, in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec
import pytest

from holdfast.cli.app import run
from holdfast.cli.hosting import Presence
from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server
from holdfast.tracing.api import shutdown


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command printed and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return msgspec.json.decode(self.out)


@pytest.fixture
def holdfast(monkeypatch, capsys) -> Iterator[Callable[..., Ran]]:
    def call(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["holdfast", *map(str, arguments)])
        capsys.readouterr()
        code = run()
        printed = capsys.readouterr()
        return Ran(code=code, out=printed.out, err=printed.err)

    yield call
    shutdown()


@pytest.fixture
def server(tmp_path, monkeypatch) -> Iterator[Listening]:
    """A server on an empty database, with its address and token in the environment."""
    data = tmp_path / "server-data"
    with background_server(ServerConfig(data=data, port=0)) as listening:
        monkeypatch.setenv("HOLDFAST_URL", listening.url)
        monkeypatch.setenv("HOLDFAST_TOKEN", listening.token)
        monkeypatch.setenv("HOLDFAST_DATA", str(data))
        yield listening


@pytest.fixture
def announced(server, tmp_path) -> Iterator[Listening]:
    """The server, announced to its neighbours as `holdfast serve` does it."""
    presence = Presence(tmp_path / "server-data")
    presence.announce(server)
    yield server
    presence.leave()
