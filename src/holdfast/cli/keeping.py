"""Where erasing and retention are asked for: the running server's API, else the database itself."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote

import msgspec

from holdfast._clock import utc_now_ns
from holdfast._settings import setting_source
from holdfast.cli.api import Json, Server
from holdfast.cli.local import running_server
from holdfast.errors import ApiError, CommandError
from holdfast.wire.erasing import ErasureAsk, RetentionChange
from holdfast.wire.vocabulary import TokenScope

if TYPE_CHECKING:
    from holdfast.server.config import ServerConfig
    from holdfast.server.services.auth import Principal
    from holdfast.server.services.forgetting.erasures import Erasures
    from holdfast.server.services.forgetting.retention import RetentionRules

__all__ = ["Keeping", "keeping"]

_PATIENCE: Final = 600.0


class Keeping(Protocol):
    """The details of the API's answers. Each raises `CommandError` for what it answers with an error."""

    def erase(self, ask: ErasureAsk) -> Json: ...

    def receipt(self, receipt_id: str) -> Json: ...

    def rules(self) -> list[Json]: ...

    def keep(self, agent: str | None, change: RetentionChange) -> Json: ...

    def drop_rule(self, agent: str) -> Json: ...


@contextmanager
def keeping(data: Path | None) -> Generator[Keeping]:
    """The server that `HOLDFAST_URL` or the settings name, else the one that runs on this machine over that
    database, else the database. What an erasure that was interrupted left is done first."""
    from holdfast.server.config import ServerConfig  # the server takes a second to import

    config = ServerConfig.from_settings(data=data)
    if data is None and setting_source("url") != "default":
        yield _ThroughServer(Server(patience=_PATIENCE))
        return
    said = running_server()
    if said is not None and config.database is None and Path(said.data) == config.data.resolve():
        yield _ThroughServer(Server(said.url, said.token, patience=_PATIENCE))
        return
    with _on_database(config) as found:
        yield found


class _ThroughServer:
    def __init__(self, server: Server) -> None:
        self._server = server

    def erase(self, ask: ErasureAsk) -> Json:
        return _details(self._server.post("/erasures", {"details": ask}))

    def receipt(self, receipt_id: str) -> Json:
        return _details(self._server.get(f"/erasures/{quote(receipt_id, safe='')}"))

    def rules(self) -> list[Json]:
        found: list[Json] = self._server.get("/retention")["summaries"]
        return found

    def keep(self, agent: str | None, change: RetentionChange) -> Json:
        return _details(self._server.request("PUT", _rule(agent), body={"details": change}))

    def drop_rule(self, agent: str) -> Json:
        return _details(self._server.request("DELETE", _rule(agent)))


class _OnDatabase:
    def __init__(self, who: Principal, erasures: Erasures, rules: RetentionRules) -> None:
        self._who = who
        self._erasures = erasures
        self._rules = rules

    def erase(self, ask: ErasureAsk) -> Json:
        return _answered(lambda: self._erasures.erase(self._who, None, ask))

    def receipt(self, receipt_id: str) -> Json:
        return _answered(lambda: self._erasures.show(self._who, receipt_id))

    def rules(self) -> list[Json]:
        rows = self._rules.rules(self._who).summaries
        return msgspec.convert(msgspec.to_builtins(rows), list[Json])

    def keep(self, agent: str | None, change: RetentionChange) -> Json:
        return _answered(lambda: self._rules.set(self._who, None, agent, change))

    def drop_rule(self, agent: str) -> Json:
        return _answered(lambda: self._rules.drop(self._who, None, agent))


@contextmanager
def _on_database(config: ServerConfig) -> Generator[_OnDatabase]:
    from holdfast.server.app import DATABASE_FILE, open_index, open_store
    from holdfast.server.services.auth import Principal
    from holdfast.server.services.forgetting.erasing import ErasureWork
    from holdfast.server.services.forgetting.erasures import Erasures
    from holdfast.server.services.forgetting.retention import RetentionRules
    from holdfast.server.services.managing.changes import Changes
    from holdfast.server.services.mover import erase_moved
    from holdfast.server.services.searching.indexing import Indexing
    from holdfast.server.services.setup import DEFAULT_ACCOUNT
    from holdfast.server.stores.search.queue import oldest_queued
    from holdfast.server.stores.tiered.store import TieredStore

    file = config.data / DATABASE_FILE
    if config.database is None and not file.exists():
        raise CommandError(f"there is no record at {file}", fix="name its directory with --data DIRECTORY")
    with ExitStack() as stack:
        store = stack.enter_context(closing(open_store(config)))
        work = ErasureWork(store, utc_now_ns)
        index = stack.enter_context(closing(open_index(config, store)))
        indexing = Indexing(store, index)

        def carry_out() -> Future[None]:
            work.carry_on()
            while oldest_queued(store, 1) and indexing.step() is not None:
                pass  # where a server has the index, that forgets the runs
            while index.tidy():
                pass
            if isinstance(store, TieredStore) and erase_moved(store):
                while erase_moved(store):
                    pass
                store.span_writes.purge()
            done: Future[None] = Future()
            done.set_result(None)
            return done

        carry_out()
        changes = Changes(store, utc_now_ns)
        asker = f"{getpass.getuser()} on the server's machine"
        who = Principal(token_id="", account_id=DEFAULT_ACCOUNT, scopes=frozenset(TokenScope))
        erasures = Erasures(store, changes, utc_now_ns, carry_out, asker=asker)
        yield _OnDatabase(who, erasures, RetentionRules(store, changes, utc_now_ns))


def _rule(agent: str | None) -> str:
    return "/retention" if agent is None else f"/retention/{quote(agent, safe='')}"


def _details(answer: Json) -> Json:
    found: Json = answer["details"]
    return found


def _answered(work: Callable[[], bytes | msgspec.Struct]) -> Json:
    try:
        answer = work()
    except ApiError as error:
        raise CommandError(error.message) from error
    encoded = answer if isinstance(answer, bytes) else msgspec.json.encode(answer)
    return _details(msgspec.json.decode(encoded, type=Json))
