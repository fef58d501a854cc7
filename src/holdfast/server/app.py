"""The composition root: what a server is made of."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from importlib.util import find_spec
from typing import Final
from urllib.parse import urlsplit

from litestar import Litestar
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import ASGIApp

from holdfast._clock import utc_now_ns
from holdfast._version import __version__
from holdfast.errors import InvalidInputError, MissingExtraError
from holdfast.server.api import api_routes
from holdfast.server.api.errors import HANDLERS
from holdfast.server.api.protection import Protection, is_loopback
from holdfast.server.config import ServerConfig
from holdfast.server.services.auth import Auth
from holdfast.server.services.checking.checker import Checker
from holdfast.server.services.context import Services
from holdfast.server.services.followers import Followers
from holdfast.server.services.forgetting.eraser import Eraser
from holdfast.server.services.forward.background import forwarding
from holdfast.server.services.forward.receiver import headers_in, traces_address
from holdfast.server.services.heard import Heard
from holdfast.server.services.housekeeping import Housekeeping
from holdfast.server.services.managing.managed import Managed
from holdfast.server.services.managing.saved_lists import SavedLists
from holdfast.server.services.mover import moving
from holdfast.server.services.otlp.export import TraceIngest
from holdfast.server.services.recording.commit import Committer
from holdfast.server.services.recording.ingest import Ingest
from holdfast.server.services.records import Records
from holdfast.server.services.searching.indexer import Indexer
from holdfast.server.services.searching.search import Search
from holdfast.server.services.setup import prepare
from holdfast.server.services.viewing.queries import Queries
from holdfast.server.stores.base import Store
from holdfast.server.stores.opening import DatabaseState, database_state, open_database, open_search
from holdfast.server.stores.search.index import SearchIndex
from holdfast.server.web.routes import web_routes

__all__ = ["create_app", "open_index", "open_services", "open_store", "store_state"]

DATABASE_FILE: Final = "holdfast.db"


def open_store(config: ServerConfig) -> Store:
    """The configured database with today's tables. Raises `StoreError`."""
    return open_database(config.data / DATABASE_FILE, config.database, config.spans)


def open_index(config: ServerConfig, store: Store) -> SearchIndex:
    """The search index of the configured database. Raises `StoreError`."""
    return open_search(config.data / DATABASE_FILE, config.database, store)


def store_state(config: ServerConfig) -> DatabaseState:
    """How far the configured database is, changing nothing. Raises `StoreError` where there is none."""
    return database_state(config.data / DATABASE_FILE, config.database, config.spans)


@contextmanager
def open_services(config: ServerConfig) -> Generator[Services]:
    """Everything behind the routes. What was accepted is written before this ends."""
    store = open_store(config)
    try:
        prepare(store, utc_now_ns())
        auth = Auth(store, utc_now_ns)
        heard = Heard()
        checker = Checker(store)
        index = open_index(config, store)
        indexer = Indexer(store, index)
        committer = Committer(store, utc_now_ns, to_check=checker.wake, to_index=indexer.committed)
        keeper = Housekeeping(
            store, auth, heard, utc_now_ns, abandon_after=config.abandon_after, every=config.sweep_every
        )
        eraser = Eraser(store, utc_now_ns, agent_gone=auth.forget)
        ingest = Ingest(committer)
        try:
            with moving(store, utc_now_ns, after=config.spans_after):
                yield Services(
                    config=config,
                    clock=utc_now_ns,
                    store=store,
                    auth=auth,
                    ingest=ingest,
                    traces=TraceIngest(committer),
                    records=Records(store, heard, utc_now_ns),
                    queries=Queries(store),
                    followers=Followers(store),
                    managed=Managed.over(store, auth, ingest, utc_now_ns, erase=eraser.wake),
                    search=Search(store, index),
                    saved=SavedLists(store, utc_now_ns),
                )
        finally:
            committer.close()
            eraser.close()
            keeper.close()
            checker.close()
            indexer.close()
            index.close()
            auth.save_last_use()
    finally:
        store.close()


def _check(config: ServerConfig) -> None:
    """What would else fail only while the server starts. Raises `HoldfastError`."""
    if config.forward_to is not None:
        address = urlsplit(traces_address(config.forward_to))
        headers_in(config.forward_headers or "")
        if address.port == config.port and is_loopback(address.hostname or "") and is_loopback(config.host):
            raise InvalidInputError("forward_to", "is this server itself", "name the one to forward to")
    if config.otlp_grpc_port is not None and find_spec("grpc") is None:
        raise MissingExtraError("grpcio", "grpc", "OTLP over gRPC")


@asynccontextmanager
async def _grpc_port(services: Services) -> AsyncGenerator[int | None]:
    if services.config.otlp_grpc_port is None:
        yield None
        return
    from holdfast.server.api.otlp_grpc import grpc_traces  # an extra, and 100 ms to import

    async with grpc_traces(services) as port:
        yield port


def create_app(config: ServerConfig) -> Litestar:
    """The application; its lifespan opens the database and closes it."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncGenerator[None]:
        with open_services(config) as services, forwarding(config, services.store, utc_now_ns):
            app.state.services = services
            async with _grpc_port(services) as port:
                app.state.otlp_grpc_port = port
                yield

    _check(config)

    def protected(app: ASGIApp) -> Protection:
        return Protection(app, local_only=is_loopback(config.host))

    return Litestar(
        route_handlers=[*api_routes(), *web_routes()],
        lifespan=[lifespan],
        exception_handlers=HANDLERS,
        middleware=[protected],
        request_max_body_size=None,  # bodies are read, and bounded, by `api.body`
        openapi_config=OpenAPIConfig(
            title="Holdfast",
            version=__version__,
            path="/openapi",  # not below the API: the plugin answers unknown paths beside it with HTML
            # The documentation pages of other plugins load their scripts from elsewhere.
            render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        ),
        logging_config=None,
    )
