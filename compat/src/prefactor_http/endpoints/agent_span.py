"""Agent spans: create, finish."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from prefactor_http.endpoints.keys import Requester, body, checked_key, segment, zoned
from prefactor_http.models.agent_span import AgentSpan, SpanStatus
from prefactor_http.models.base import ApiResponse

__all__ = ["AgentSpanClient"]

_PATH = "/api/v1/agent_spans"


class AgentSpanClient:
    def __init__(self, http_client: Requester) -> None:
        self._http = http_client

    async def create(
        self,
        agent_instance_id: str,
        schema_name: str,
        status: SpanStatus,
        payload: dict[str, Any] | None = None,
        result_payload: dict[str, Any] | None = None,
        id: str | None = None,
        parent_span_id: str | None = None,
        started_at: datetime | None = None,
        finished_at: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> AgentSpan:
        """The new span. `result_payload` is for spans that are told whole, with a final status."""
        details = body(
            {
                "agent_instance_id": agent_instance_id,
                "schema_name": schema_name,
                "status": status,
                "payload": payload or {},
                "result_payload": result_payload,
                "id": id,
                "parent_span_id": parent_span_id,
                "started_at": zoned(started_at),
                "finished_at": zoned(finished_at),
                "idempotency_key": checked_key(idempotency_key),
            }
        )
        answer = await self._http.request("POST", _PATH, json_data={"details": details})
        return ApiResponse[AgentSpan].model_validate(answer).details

    async def finish(
        self,
        agent_span_id: str,
        status: Literal["complete", "failed", "cancelled"] | None = None,
        result_payload: dict[str, Any] | None = None,
        timestamp: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> AgentSpan:
        """The span at its end; `complete` where no status is given."""
        fields = body(
            {
                "status": status,
                "result_payload": result_payload,
                "timestamp": zoned(timestamp),
                "idempotency_key": checked_key(idempotency_key),
            }
        )
        answer = await self._http.request(
            "POST", f"{_PATH}/{segment(agent_span_id)}/finish", json_data=fields
        )
        return ApiResponse[AgentSpan].model_validate(answer).details
