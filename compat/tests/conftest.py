"""Every test has its own settings, state and data directories; those that want it share a server per module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from serverside import Shown

from holdfast.testing import running_server
from isolation import isolated, isolated_session

__all__ = ["isolated", "isolated_session"]


@pytest.fixture(scope="module")
def shown() -> Iterator[Shown]:
    with running_server() as server:
        assert server.token is not None
        yield Shown(server.url, server.token)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
