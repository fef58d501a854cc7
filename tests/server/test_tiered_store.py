"""A store with a span store behind it keeps the contract of all stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.server.services.setup import prepare
from holdfast.server.stores.base import Store
from holdfast.server.stores.opening import open_database
from server.records import NOW
from server.store_contract import *  # noqa: F403 - the suite is the module


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def store(tmp_path: Path, chdb: str, request: pytest.FixtureRequest) -> Iterator[Store]:
    address = request.getfixturevalue("postgres") if request.param == "postgres" else None
    store = open_database(tmp_path / "record.db", address, chdb)
    prepare(store, NOW)
    yield store
    store.close()
