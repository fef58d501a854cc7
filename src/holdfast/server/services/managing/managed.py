"""The services behind the management routes, in one object."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from holdfast.server.services.asking.answering import Answering
from holdfast.server.services.auth import Auth
from holdfast.server.services.forgetting.erasures import Erasures
from holdfast.server.services.forgetting.retention import RetentionRules
from holdfast.server.services.managing.agent_context import AgentContexts
from holdfast.server.services.managing.agents import Agents
from holdfast.server.services.managing.api_tokens import ApiTokens
from holdfast.server.services.managing.changes import Changes
from holdfast.server.services.managing.deployments import Deployments
from holdfast.server.services.managing.places import Places
from holdfast.server.services.managing.scores import Scores
from holdfast.server.services.managing.span_maker import SpanMaker
from holdfast.server.services.managing.versions import Versions
from holdfast.server.services.recording.ingest import Ingest
from holdfast.server.services.recording.mixed_bulk import MixedBulk
from holdfast.server.services.viewing.storage import StorageSizes
from holdfast.server.stores.base import Store

__all__ = ["Managed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed:
    """Made with `over`, for the life of the server."""

    agents: Agents
    places: Places
    deployments: Deployments
    versions: Versions
    tokens: ApiTokens
    contexts: AgentContexts
    scores: Scores
    answering: Answering
    span_maker: SpanMaker
    mixed_bulk: MixedBulk
    erasures: Erasures
    retention: RetentionRules
    storage: StorageSizes

    @classmethod
    def over(
        cls,
        store: Store,
        auth: Auth,
        ingest: Ingest,
        clock: Callable[[], int],
        *,
        erase: Callable[[], Future[None]],
    ) -> Managed:
        """`erase` begins to carry out the erasures that have been asked for."""
        changes = Changes(store, clock)
        agents = Agents(store, auth, changes, clock)
        versions = Versions(store, changes)
        return cls(
            agents=agents,
            places=Places(store, changes),
            deployments=Deployments(store, auth, changes),
            versions=versions,
            tokens=ApiTokens(store, auth, clock),
            contexts=AgentContexts(store, agents, versions),
            scores=Scores(store, changes),
            answering=Answering(store, changes),
            span_maker=SpanMaker(store, ingest),
            mixed_bulk=MixedBulk(agents, ingest),
            erasures=Erasures(store, changes, clock, erase),
            retention=RetentionRules(store, changes, clock),
            storage=StorageSizes(store, clock),
        )
