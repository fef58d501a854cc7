"""Stores and a running server for the tests beside this file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server
from holdfast.server.services.setup import prepare
from holdfast.server.stores.base import Store
from holdfast.server.stores.sqlite import SqliteStore
from server.client import Api
from server.records import NOW


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = SqliteStore(tmp_path / "record.db")
    prepare(store, NOW)
    yield store
    store.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    """A server for the tests of one module."""
    with background_server(
        ServerConfig(data=tmp_path_factory.mktemp("data"), port=0, max_body=4 << 20)
    ) as server:
        yield server


@pytest.fixture(scope="module")
def api(running: Listening) -> Iterator[Api]:
    with Api(running.url, running.token) as api:
        yield api
