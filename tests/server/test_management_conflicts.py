"""Two servers that manage the same thing at once, on one PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from holdfast._ids import new_id
from holdfast.errors import ApiError
from holdfast.server.services.auth import Principal
from holdfast.server.services.managing.changes import Changes
from holdfast.server.services.managing.places import Places
from holdfast.server.services.setup import DEFAULT_ACCOUNT, prepare
from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.opening import open_database
from holdfast.server.stores.places import EnvironmentRow, add_environment
from holdfast.wire.requests import EnvironmentCreate
from holdfast.wire.vocabulary import TokenScope
from server.records import NOW
from server.wait import wait_until

_WHO = Principal(token_id="", account_id=DEFAULT_ACCOUNT, scopes=frozenset(TokenScope))


@pytest.fixture
def stores(postgres: str) -> Iterator[tuple[Store, Store]]:
    with (
        closing(open_database(Path("unused"), postgres)) as one,
        closing(open_database(Path("unused"), postgres)) as other,
    ):
        prepare(one, NOW)
        yield one, other


def _places(store: Store) -> Places:
    return Places(store, Changes(store, lambda: NOW))


def _meeting(
    stores: tuple[Store, Store], first: Callable[[WriteTransaction], None], then: Callable[[], Any]
) -> Any:
    """What `then` gives that meets `first`'s transaction while that is not yet committed."""
    one, other = stores
    with ThreadPoolExecutor(1) as threads:
        with one.write() as transaction:
            first(transaction)
            late = threads.submit(then)
            wait_until(lambda: late.done() or _waits(other))
        return late.result()


def _waits(store: Store) -> bool:
    with store.reader.connect() as connection:
        waiting = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return bool(connection.execute(text(f"SELECT count(*) {waiting}")).scalar())


def _environment(name: str) -> EnvironmentRow:
    return EnvironmentRow(id=new_id(), account_id=DEFAULT_ACCOUNT, name=name, inserted_at=NOW, updated_at=NOW)


def test_a_name_that_another_server_takes_meanwhile(stores: tuple[Store, Store]) -> None:
    """The later of two is told that the name is taken, not that the server is unavailable."""
    places = _places(stores[1])
    with pytest.raises(ApiError) as told:
        _meeting(
            stores,
            lambda transaction: add_environment(transaction.connection, _environment("staging")),
            lambda: places.create_environment(_WHO, None, EnvironmentCreate(name="staging")),
        )
    assert (told.value.status, told.value.errors) == (422, {"name": "is taken"})


def test_the_same_key_at_two_servers(stores: tuple[Store, Store]) -> None:
    """A request that is repeated at another server while the first still answers it gets the first's answer."""
    places = _places(stores[1])
    answer = msgspec.json.encode({"first": True})
    scope = _WHO.reach.replay_scope
    again = _meeting(
        stores,
        lambda transaction: transaction.store_response(scope, "environments/create", "key-1", answer, NOW),
        lambda: places.create_environment(_WHO, "key-1", EnvironmentCreate(name="staging")),
    )
    assert again == answer
