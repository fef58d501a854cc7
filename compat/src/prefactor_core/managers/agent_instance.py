"""Agent instances: one execution of an agent each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from prefactor_core._ids import new_id
from prefactor_core.operations import Operation, OperationType
from prefactor_http.client import PrefactorHttpClient
from prefactor_http.endpoints.keys import checked_key

if TYPE_CHECKING:
    from prefactor_core.client import PrefactorCoreClient
    from prefactor_core.span_context import SpanContext

__all__ = ["AgentInstanceHandle", "AgentInstanceManager"]

FinishStatus = Literal["complete", "failed", "cancelled"]


class AgentInstanceManager:
    """Makes the operations of instances and hands each to `enqueue`.

    Nothing here asks the server: `http_client` is there for those who made managers of their own.
    """

    def __init__(
        self, http_client: PrefactorHttpClient, enqueue: Callable[[Operation], Awaitable[None]]
    ) -> None:
        self.http_client = http_client
        self._enqueue = enqueue

    async def register(
        self,
        agent_id: str | None = None,
        agent_version: dict[str, Any] | None = None,
        agent_schema_version: dict[str, Any] | None = None,
        instance_id: str | None = None,
        *,
        environment_id: str | None = None,
        purpose: Literal["live", "smoke_test", "eval"] | None = None,
        external_identifier: str | None = None,
    ) -> str:
        """The id of the new instance, which is pending: `instance_id`, or one that is made here."""
        made = instance_id or new_id(agent_id)
        await self._put(
            OperationType.REGISTER_AGENT_INSTANCE,
            {
                "id": made,
                "agent_id": agent_id,
                "agent_version": agent_version,
                "agent_schema_version": agent_schema_version,
                "environment_id": environment_id,
                "purpose": purpose,
                "external_identifier": external_identifier,
            },
        )
        return made

    async def start(self, instance_id: str) -> None:
        await self._put(OperationType.START_AGENT_INSTANCE, {"agent_instance_id": instance_id})

    async def finish(self, instance_id: str, status: FinishStatus = "complete") -> None:
        await self._finish(instance_id, status, None)

    async def start_with_idempotency_key(self, instance_id: str, idempotency_key: str) -> None:
        """As `start`; a repeat changes nothing, under whichever key. Raises `ValueError` for a key of other than
        1 to 64 characters."""
        key = checked_key(idempotency_key)
        await self._put(OperationType.START_AGENT_INSTANCE, {"agent_instance_id": instance_id}, key)

    async def finish_with_idempotency_key(
        self, instance_id: str, idempotency_key: str, status: FinishStatus = "complete"
    ) -> None:
        """As `finish`; a repeat changes nothing, under whichever key. Raises as `start_with_idempotency_key`."""
        await self._finish(instance_id, status, checked_key(idempotency_key))

    async def _finish(self, instance_id: str, status: FinishStatus, key: str | None) -> None:
        fields = {"agent_instance_id": instance_id, "status": status}
        await self._put(OperationType.FINISH_AGENT_INSTANCE, fields, key)

    async def _put(self, kind: OperationType, payload: dict[str, Any], key: str | None = None) -> None:
        await self._enqueue(
            Operation(type=kind, payload=payload, timestamp=datetime.now(UTC), idempotency_key=key)
        )


class AgentInstanceHandle:
    """One instance, from `PrefactorCoreClient.create_agent_instance`. `start` and `finish` count once each."""

    def __init__(self, instance_id: str, client: PrefactorCoreClient) -> None:
        self._id = instance_id
        self._client = client
        self._started = False
        self._finished = False

    @property
    def id(self) -> str:
        return self._id

    async def start(self) -> None:
        if not self._started:
            self._started = True
            await self._client.instance_manager.start(self._id)

    async def finish(self, status: FinishStatus = "complete") -> None:
        if not self._finished:
            self._finished = True
            await self._client.instance_manager.finish(self._id, status)

    async def record_quality(self, name: str, payload: dict[str, Any] | None) -> None:
        """Record a named judgement of this instance, also after its end; None takes it away."""
        await self._client.record_quality(self._id, name, payload)

    async def create_span(
        self,
        schema_name: str,
        parent_span_id: str | None = None,
        payload: dict[str, Any] | None = None,
    ) -> str:
        """As `PrefactorCoreClient.create_span`."""
        return await self._client.create_span(self._id, schema_name, parent_span_id, payload)

    async def finish_span(self, span_id: str, result_payload: dict[str, Any] | None = None) -> None:
        await self._client.finish_span(span_id, result_payload)

    def span(
        self,
        schema_name: str,
        parent_span_id: str | None = None,
        payload: dict[str, Any] | None = None,
    ) -> AbstractAsyncContextManager[SpanContext]:
        """As `PrefactorCoreClient.span`."""
        return self._client.span(self._id, schema_name, parent_span_id, payload=payload)
