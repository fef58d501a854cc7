"""A running server for the tests of one module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server
from server.client import Api


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    with background_server(ServerConfig(data=tmp_path_factory.mktemp("data"), port=0)) as server:
        yield server


@pytest.fixture(scope="module")
def api(running: Listening) -> Iterator[Api]:
    with Api(running.url, running.token) as api:
        yield api
