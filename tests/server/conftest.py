"""Stores and a running server for the tests beside this file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server
from holdfast.server.services.setup import prepare
from holdfast.server.stores.base import Store
from holdfast.server.stores.sqlite.store import SqliteStore
from postgres_server import postgres_database
from server.client import Api
from server.records import NOW


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = SqliteStore(tmp_path / "record.db")
    prepare(store, NOW)
    yield store
    store.close()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def running(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Listening]:
    """A server for the tests of one module, over each store."""
    config = ServerConfig(data=tmp_path_factory.mktemp("data"), port=0, max_body=4 << 20)
    if request.param == "sqlite":
        with background_server(config) as server:
            yield server
        return
    address = request.getfixturevalue("postgres_address")
    with (
        postgres_database(address, request.module.__name__) as database,
        background_server(replace(config, database=database)) as server,
    ):
        yield server


@pytest.fixture(scope="module")
def api(running: Listening) -> Iterator[Api]:
    with Api(running.url, running.token) as api:
        yield api
