"""The PostgreSQL store keeps the contract of all stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.server.services.setup import prepare
from holdfast.server.stores.base import Store
from holdfast.server.stores.opening import open_database
from server.records import NOW
from server.store_contract import *  # noqa: F403 - the suite is the module


@pytest.fixture
def store(postgres: str) -> Iterator[Store]:
    store = open_database(Path("unused"), postgres)
    prepare(store, NOW)
    yield store
    store.close()
