"""All that routes and pages use, in one object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from holdfast.server.config import ServerConfig
from holdfast.server.services.auth import Auth
from holdfast.server.services.followers import Followers
from holdfast.server.services.managing.managed import Managed
from holdfast.server.services.managing.saved_lists import SavedLists
from holdfast.server.services.otlp.export import TraceIngest
from holdfast.server.services.recording.ingest import Ingest
from holdfast.server.services.records import Records
from holdfast.server.services.searching.search import Search
from holdfast.server.services.viewing.queries import Queries
from holdfast.server.stores.base import Store

__all__ = ["Services"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Made by the composition root, for the life of the server. `clock` gives nanoseconds since 1970."""

    config: ServerConfig
    clock: Callable[[], int]
    store: Store
    auth: Auth
    ingest: Ingest
    traces: TraceIngest
    queries: Queries
    followers: Followers
    records: Records
    managed: Managed
    search: Search
    saved: SavedLists
