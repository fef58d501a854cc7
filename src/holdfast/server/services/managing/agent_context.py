"""A run with all that one needs to know to make sense of it, in one answer: for people and for models."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw

from holdfast.errors import ApiError
from holdfast.server.services.auth import Principal
from holdfast.server.services.checking.span_types import SpanTypes
from holdfast.server.services.details import instance_details
from holdfast.server.services.managing.agents import Agents
from holdfast.server.services.managing.changes import not_found
from holdfast.server.services.managing.versions import Versions
from holdfast.server.stores.base import Store
from holdfast.server.stores.reads.api import ApiReads
from holdfast.wire.management import (
    AgentContext,
    AgentContextAnswer,
    AgentDetails,
    AgentVersionDetails,
    ContextBody,
    SpanLine,
)

__all__ = ["AgentContexts"]

_SPANS: Final = 1_000
_encode: Final = msgspec.json.Encoder().encode


class AgentContexts:
    """Blocking; keep it off the event loop."""

    def __init__(self, store: Store, agents: Agents, versions: Versions) -> None:
        self._reads = ApiReads(store)
        self._types = SpanTypes(store)
        self._agents = agents
        self._versions = versions

    def show(self, who: Principal, run_id: str) -> AgentContextAnswer:
        """Raises `ApiError` 404."""
        found = self._reads.run(who.reach, run_id)
        if found is None:
            raise not_found("agent instance", run_id)
        run, quality = found
        spans = self._reads.first_spans(run.key, _SPANS)
        body = ContextBody(
            agent=self._agent(who, run.agent_id),
            agent_instance=Raw(_encode(instance_details(run, quality))),
            agent_version=self._version(who, run.agent_version_id),
            span_types=list(self._types.of(run.schema_version_id).values()),
            spans=[
                SpanLine(
                    id=span.id,
                    parent_span_id=span.parent_span_id,
                    schema_name=span.schema_name,
                    name=span.name,
                    status=span.status,
                    summary=span.summary,
                    error_type=span.error_type,
                )
                for span in spans
            ],
            spans_left_out=max(0, run.spans_total - len(spans)),
        )
        return AgentContextAnswer(agent_context=AgentContext(body=body))

    def _agent(self, who: Principal, agent_id: str | None) -> AgentDetails | None:
        try:
            return None if agent_id is None else self._agents.show(who, agent_id=agent_id).details
        except ApiError:  # not there any more, or beyond what the token reaches
            return None

    def _version(self, who: Principal, version_id: str | None) -> AgentVersionDetails | None:
        try:
            return None if version_id is None else self._versions.version(who, version_id).details
        except ApiError:  # as above
            return None
