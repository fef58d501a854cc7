"""Spans: one piece of work in an instance each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from holdfast.tracing.failure import describe
from prefactor_core._ids import new_id
from prefactor_core.context_stack import SpanContextStack
from prefactor_core.models import Span
from prefactor_core.operations import Operation, OperationType
from prefactor_http.client import PrefactorHttpClient

__all__ = ["SpanManager"]

FinishStatus = Literal["complete", "failed", "cancelled"]


class SpanManager:
    """Makes the operations of spans and hands each to `enqueue`. A span is remembered until its end.

    Nothing here asks the server: `http_client` is there for those who made managers of their own. An id is
    final from the start; what the signatures call `temp_id` is the span's id.
    """

    def __init__(
        self, http_client: PrefactorHttpClient, enqueue: Callable[[Operation], Awaitable[None]]
    ) -> None:
        self.http_client = http_client
        self._enqueue = enqueue
        self._spans: dict[str, Span] = {}

    def prepare(
        self,
        instance_id: str,
        schema_name: str,
        parent_span_id: str | None = None,
        *,
        span_id: str | None = None,
    ) -> str:
        """The id of a span that is known here and nowhere else, until `start` or `cancel_unstarted`.

        Without `parent_span_id` its parent is the innermost open span of the same instance.
        """
        made = span_id or new_id(instance_id)
        self._spans[made] = Span(
            id=made,
            instance_id=instance_id,
            schema_name=schema_name,
            parent_span_id=parent_span_id or self._innermost(instance_id),
        )
        return made

    async def start(self, temp_id: str, payload: dict[str, Any] | None = None) -> str:
        """Send a prepared span as active; returns its id. One that is not prepared, or started already, is left
        alone."""
        span = self._spans.get(temp_id)
        if span is not None and span.status == "pending":
            span.status, span.payload, span.started_at = "active", payload or {}, datetime.now(UTC)
            await self._create(span, span.started_at)
        return temp_id

    async def cancel_unstarted(self, temp_id: str) -> None:
        """Send a prepared span as pending, and cancel it."""
        span = self._spans.pop(temp_id, None)
        if span is not None and span.status == "pending":
            now = datetime.now(UTC)
            await self._create(span, now)
            await self._finish(temp_id, {"status": "cancelled"}, now)

    async def create(
        self,
        instance_id: str,
        schema_name: str,
        parent_span_id: str | None = None,
        payload: dict[str, Any] | None = None,
        span_id: str | None = None,
    ) -> str:
        """Prepare a span and send it as active; returns its id. It stays open until `finish`."""
        return await self.start(
            self.prepare(instance_id, schema_name, parent_span_id, span_id=span_id), payload
        )

    async def finish(
        self,
        span_id: str,
        result_payload: dict[str, Any] | None = None,
        status: FinishStatus = "complete",
        *,
        error: BaseException | None = None,
    ) -> None:
        """End a span, also one that was started elsewhere. `error` is recorded with its type, message and stack."""
        self._spans.pop(span_id, None)
        fields: dict[str, Any] = {"status": status, "result_payload": result_payload}
        if error is not None:
            fields["error"] = msgspec.to_builtins(describe(error))
        await self._finish(span_id, fields, datetime.now(UTC))

    async def update_payload(self, span_id: str, payload: dict[str, Any]) -> None:
        """Merge `payload` into that of an open span; it is sent with the span's end."""
        span = self._spans.get(span_id)
        if span is not None:
            span.payload = {**span.payload, **payload}
        await self._put(
            OperationType.UPDATE_SPAN_PAYLOAD,
            {"agent_span_id": span_id, "payload": payload},
            datetime.now(UTC),
        )

    def get_span(self, span_id: str) -> Span | None:
        """A span that is prepared or open; None for one that has ended or was never made here."""
        return self._spans.get(span_id)

    def _innermost(self, instance_id: str) -> str | None:
        for span_id in reversed(SpanContextStack.get_stack()):
            span = self._spans.get(span_id)
            # One that is not known was pushed by somebody who knows what they do.
            if span is None or span.instance_id == instance_id:
                return span_id
        return None

    async def _create(self, span: Span, now: datetime) -> None:
        await self._put(
            OperationType.CREATE_SPAN,
            {
                "id": span.id,
                "agent_instance_id": span.instance_id,
                "schema_name": span.schema_name,
                "parent_span_id": span.parent_span_id,
                "status": span.status,
                "payload": span.payload,
            },
            now,
        )

    async def _finish(self, span_id: str, fields: dict[str, Any], now: datetime) -> None:
        await self._put(OperationType.FINISH_SPAN, {"agent_span_id": span_id, **fields}, now)

    async def _put(self, kind: OperationType, payload: dict[str, Any], now: datetime) -> None:
        await self._enqueue(Operation(type=kind, payload=payload, timestamp=now))
