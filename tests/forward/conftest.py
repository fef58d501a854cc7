"""Two servers, from one of which runs are forwarded to the other, and a way to do it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from forward.sending import Forward, Sink
from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server
from postgres_server import postgres_database
from server.client import Api


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def here(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Listening]:
    config = ServerConfig(data=tmp_path_factory.mktemp("here"), port=0)
    if request.param == "sqlite":
        with background_server(config) as server:
            yield server
        return
    address = request.getfixturevalue("postgres_address")
    name = request.module.__name__.replace(".", "_")
    with (
        postgres_database(address, name) as database,
        background_server(replace(config, database=database)) as server,
    ):
        yield server


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    with background_server(ServerConfig(data=tmp_path_factory.mktemp("there"), port=0)) as server:
        yield server


@pytest.fixture(scope="module")
def api(here: Listening) -> Iterator[Api]:
    with Api(here.url, here.token) as api:
        yield api


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


@pytest.fixture
def forward(here: Listening) -> Forward:
    """Forwards what settles from now on."""
    return Forward(here.services.store, time.time_ns())
