"""Word about changed runs: between servers on one PostgreSQL, and to those who follow a run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection, Generator, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import urllib3

from holdfast._ids import new_id
from holdfast.server.services.followers import Followers
from holdfast.server.services.setup import prepare
from holdfast.server.stores.base import Store
from holdfast.server.stores.opening import open_database
from holdfast.server.stores.rows import InstanceRow
from server.client import Api
from server.records import NOW
from serving import serving
from waiting import wait_until

_CONNECTIONS = (
    "FROM pg_stat_activity WHERE application_name = 'holdfast news' AND datname = current_database()"
)


class Heard:
    """What a watcher was told."""

    def __init__(self, store: Store) -> None:
        self._lock = threading.Lock()
        self.keys: set[int] = set()
        self.anything = 0
        store.watch(self._told)

    def _told(self, keys: Collection[int] | None) -> None:
        with self._lock:
            self.keys.update(keys or ())
            self.anything += keys is None


@pytest.fixture
def stores(postgres: str) -> Iterator[tuple[Store, Store]]:
    with (
        closing(open_database(Path("unused"), postgres)) as one,
        closing(open_database(Path("unused"), postgres)) as other,
    ):
        prepare(one, NOW)
        yield one, other


def _add(store: Store, count: int = 1) -> set[int]:
    with store.write() as transaction:
        return {
            transaction.add_instance(
                InstanceRow(
                    key=0,
                    account_id="default",
                    id=new_id(),
                    status="active",
                    purpose="live",
                    begun_at=NOW,
                    inserted_at=NOW,
                    updated_at=NOW,
                )
            )
            for _ in range(count)
        }


def _listen(address: str, stores: tuple[Store, Store]) -> tuple[Heard, Heard]:
    """Both watch, and each has its connection."""
    heard = Heard(stores[0]), Heard(stores[1])
    wait_until(lambda: all(one.anything for one in heard))
    with psycopg.connect(address) as connection:
        assert connection.execute(f"SELECT pid {_CONNECTIONS}".encode()).rowcount == 2
    return heard


def test_another_server_is_told(stores: tuple[Store, Store], postgres: str) -> None:
    """What one server commits the other hears of, many runs at once as well; each hears of its own, too."""
    first, second = _listen(postgres, stores)
    keys = _add(stores[0])
    wait_until(lambda: second.keys == keys)
    assert first.keys == keys
    many = _add(stores[1], 1_000)
    wait_until(lambda: first.keys == keys | many)


def test_a_lost_connection_is_made_again(stores: tuple[Store, Store], postgres: str) -> None:
    """After its connection was cut a server is told that anything may have changed, then hears as before."""
    _, second = _listen(postgres, stores)
    before = second.anything
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"SELECT pg_terminate_backend(pid) {_CONNECTIONS}".encode())
        wait_until(lambda: connection.execute(f"SELECT pid {_CONNECTIONS}".encode()).rowcount == 2)
    wait_until(lambda: second.anything > before)
    added: set[int] = set()

    def hears() -> bool:
        added.update(_add(stores[0]))  # until it has its own connection again, it tells of anything only
        return bool(added & second.keys)

    wait_until(hears)


def test_followers_of_a_run_are_woken(store: Store) -> None:
    """A commit wakes who follows that run and nobody else; a change before the wait is not lost."""
    mine, other = sorted(_add(store, 2))
    followers = Followers(store)

    def change(key: int) -> None:
        with store.write() as transaction:
            transaction.update_instances(transaction.instances_by_key([key]).values())

    async def follow() -> tuple[bool, bool]:
        with followers.follow(mine) as follower:
            await asyncio.to_thread(change, other)
            for_another = await follower.change(within=0.01)
            await asyncio.to_thread(change, mine)
            return for_another, await follower.change(within=60)

    assert asyncio.run(follow()) == (False, True)
    change(mine)  # nobody follows any more


def _events(url: str, cookie: str) -> Generator[str]:
    """The names of a stream's events as they come."""
    headers = {"Cookie": cookie}
    with closing(urllib3.request("GET", url, headers=headers, preload_content=False, timeout=60)) as answer:
        for line in answer:
            if line.startswith(b"event: "):
                yield line.decode().removeprefix("event: ").strip()


def test_a_page_at_another_server_hears_of_a_change(postgres: str, tmp_path: Path) -> None:
    """The live view at one server process goes on when an operation is acknowledged by another one."""
    options = ("--port", "0", "--database", postgres)
    with serving(tmp_path / "a", *options) as (_, here), serving(tmp_path / "b", *options) as (_, there):
        token = (tmp_path / "a" / "local-token").read_text().strip()
        logged_in = urllib3.request("GET", there["login_url"], redirect=False)
        cookie = logged_in.headers["set-cookie"].partition(";")[0]
        with Api(here["url"], token) as api:
            run_id = api.run(new_id())
            with closing(_events(f"{there['url']}/runs/{run_id}/live", cookie)) as events:
                assert next(events) == "changed"
                api.post(f"/agent_instance/{run_id}/finish", {})
                assert next(events) == "end"
