"""The client: records what agents do, in programs that know it by this name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

from holdfast import Client
from holdfast.tracing.api import open_client
from prefactor_core._recorder import Recorder
from prefactor_core.config import PrefactorCoreConfig
from prefactor_core.context_stack import SpanContextStack
from prefactor_core.exceptions import ClientAlreadyInitializedError, ClientNotInitializedError
from prefactor_core.managers.agent_instance import AgentInstanceHandle, AgentInstanceManager
from prefactor_core.managers.span import SpanManager
from prefactor_core.operations import Operation
from prefactor_core.queue.base import Queue
from prefactor_core.queue.executor import TaskExecutor
from prefactor_core.schema_registry import SchemaRegistry
from prefactor_core.span_context import SpanContext
from prefactor_http.client import PrefactorHttpClient

__all__ = ["PrefactorCoreClient"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What there is between `initialize` and `close`. `executor` works off the caller's own queue."""

    client: Client
    http: PrefactorHttpClient
    recorder: Recorder
    executor: TaskExecutor | None
    instances: AgentInstanceManager
    spans: SpanManager


class PrefactorCoreClient:
    """No method waits for the server, and nothing that goes wrong with recording is raised: operations go to a
    spool on disk, from which they are delivered in the background, by a later process if need be.

    With a `queue` of the caller's own they are put on that first, and `config.queue_config` says how workers
    bring them to the spool.
    """

    def __init__(self, config: PrefactorCoreConfig, queue: Queue[Operation] | None = None) -> None:
        self._config = config
        self._queue = queue
        self._parts: _Parts | None = None

    async def initialize(self) -> None:
        """Raises `ClientAlreadyInitializedError` on a second call, and `holdfast.SettingError` (a `ValueError`)
        for an address that is none."""
        if self._parts is not None:
            raise ClientAlreadyInitializedError("the client is initialized already")
        http_config = self._config.http_config
        client = await asyncio.to_thread(
            open_client, url=http_config.api_url, token=http_config.api_token or None, any_server=True
        )
        recorder, http = Recorder(client), PrefactorHttpClient(http_config)
        executor = self._executor(recorder)
        self._parts = _Parts(
            client=client,
            http=http,
            recorder=recorder,
            executor=executor,
            instances=AgentInstanceManager(http, self._enqueue),
            spans=SpanManager(http, self._enqueue),
        )
        if executor is not None:
            executor.start()

    async def close(self) -> None:
        """Empty the queue, and deliver what can be within the setting `flush_timeout` (2 s); what is left stays
        in the spool for a later process. Instances of this client that are still open end as cancelled."""
        parts, self._parts = self._parts, None
        if parts is None:
            return
        if parts.executor is not None:
            await parts.executor.stop()
        await parts.http.close()
        await asyncio.to_thread(parts.client.close)

    async def __aenter__(self) -> Self:
        await self.initialize()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def instance_manager(self) -> AgentInstanceManager:
        return self._ready().instances

    @property
    def span_manager(self) -> SpanManager:
        return self._ready().spans

    async def create_agent_instance(
        self,
        agent_id: str | None = None,
        agent_version: dict[str, Any] | None = None,
        agent_schema_version: dict[str, Any] | None = None,
        instance_id: str | None = None,
        external_schema_version_id: str | None = None,
        *,
        environment_id: str | None = None,
        purpose: Literal["live", "smoke_test", "eval"] | None = None,
        external_identifier: str | None = None,
    ) -> AgentInstanceHandle:
        """A new instance, pending. `agent_id` may be left out with a token that is bound to one agent.

        Without `agent_schema_version` the configured registry makes one, under `external_schema_version_id` or
        an identifier that follows from its content. Raises `ValueError` where there is neither.
        """
        manager = self._ready().instances
        made = await manager.register(
            agent_id,
            agent_version,
            agent_schema_version or self._schema_version(external_schema_version_id),
            instance_id,
            environment_id=environment_id,
            purpose=purpose,
            external_identifier=external_identifier,
        )
        return AgentInstanceHandle(made, self)

    async def create_span(
        self,
        instance_id: str,
        schema_name: str,
        parent_span_id: str | None = None,
        payload: dict[str, Any] | None = None,
    ) -> str:
        """The id of a span that is active until `finish_span`. It never becomes the parent of others by itself."""
        return await self._ready().spans.create(instance_id, schema_name, parent_span_id, payload)

    async def finish_span(self, span_id: str, result_payload: dict[str, Any] | None = None) -> None:
        await self._ready().spans.finish(span_id, result_payload)

    async def record_quality(self, instance_id: str, name: str, payload: dict[str, Any] | None) -> None:
        """Record a named judgement of an instance, also after its end; None takes it away."""
        self._ready().recorder.record_quality(instance_id, name, payload)

    @asynccontextmanager
    async def span(
        self,
        instance_id: str,
        schema_name: str,
        parent_span_id: str | None = None,
        span_id: str | None = None,
        payload: dict[str, Any] | None = None,
    ) -> AsyncGenerator[SpanContext]:
        """A span around a block. Its parent is the innermost block of the same instance, unless
        `parent_span_id` is given; `span_id` is its id, where it must be a certain one."""
        manager = self._ready().spans
        prepared = manager.prepare(instance_id, schema_name, parent_span_id, span_id=span_id)
        context = SpanContext(prepared, manager, payload)
        SpanContextStack.push(prepared)
        try:
            yield context
        except BaseException as error:
            await context.end_by(error)
            raise
        else:
            await context.finish()
        finally:
            SpanContextStack.remove(prepared)

    def _ready(self) -> _Parts:
        if self._parts is None:
            raise ClientNotInitializedError("call initialize() first, or use the client with `async with`")
        return self._parts

    def _schema_version(self, external_id: str | None) -> dict[str, Any]:
        registry = self._config.schema_registry
        if registry is None:
            raise ValueError("agent_schema_version is needed where no schema_registry is configured")
        if isinstance(registry, SchemaRegistry):
            return registry.to_agent_schema_version(external_id)
        made: dict[str, Any] = registry.to_agent_schema_version(external_id or "unversioned")
        return made

    def _executor(self, recorder: Recorder) -> TaskExecutor | None:
        if self._queue is None:
            return None
        how = self._config.queue_config
        return TaskExecutor(
            self._queue,
            recorder.carry_out,
            how.num_workers,
            how.max_retries,
            retry_delay_base=how.retry_delay_base,
        )

    async def _enqueue(self, operation: Operation) -> None:
        parts = self._ready()
        try:
            if self._queue is None:
                parts.recorder.record(operation)
            else:
                await self._queue.put(operation)
        except Exception as error:  # noqa: BLE001 - telemetry never raises into agent code
            parts.client.guard.took(error, operation.type.name)
