"""A running server for the tests of one module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server
from server.client import Api


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    config = ServerConfig(data=tmp_path_factory.mktemp("data"), port=0, max_body=8 << 20)
    with background_server(config) as server:
        yield server


@pytest.fixture(scope="module")
def api(running: Listening) -> Iterator[Api]:
    with Api(running.url, running.token) as api:
        yield api


@pytest.fixture(scope="session")
def framework_traces() -> Path:
    """The exports of real frameworks beside the checkout; tests without them skip and say so."""
    folder = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "framework_traces"
    if not folder.is_dir():
        pytest.skip("the recorded framework traces are not here")
    return folder
