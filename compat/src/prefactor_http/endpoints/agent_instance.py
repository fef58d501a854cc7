"""Agent instances: register, start, finish, record quality."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from prefactor_http.endpoints.keys import Requester, body, checked_key, segment, zoned
from prefactor_http.models.agent_instance import AgentInstance
from prefactor_http.models.base import ApiResponse

__all__ = ["AgentInstanceClient"]

_PATH = "/api/v1/agent_instance"


class AgentInstanceClient:
    def __init__(self, http_client: Requester) -> None:
        self._http = http_client

    async def register(
        self,
        agent_id: str | None = None,
        agent_version: dict[str, Any] | None = None,
        agent_schema_version: dict[str, Any] | None = None,
        id: str | None = None,
        idempotency_key: str | None = None,
        update_current_version: bool = True,
        *,
        environment_id: str | None = None,
        purpose: Literal["live", "smoke_test", "eval"] | None = None,
        external_identifier: str | None = None,
    ) -> AgentInstance:
        """The new instance, pending. `agent_id` may be left out with a token that is bound to one agent."""
        return await self._post(
            f"{_PATH}/register",
            {
                "agent_id": agent_id,
                "agent_version": agent_version or {},
                "agent_schema_version": agent_schema_version,
                "id": id,
                "idempotency_key": checked_key(idempotency_key),
                "update_current_version": update_current_version,
                "environment_id": environment_id,
                "purpose": purpose,
                "external_identifier": external_identifier,
            },
        )

    async def start(
        self, agent_instance_id: str, timestamp: datetime | None = None, idempotency_key: str | None = None
    ) -> AgentInstance:
        """The instance, active since `timestamp` (now where it is None)."""
        return await self._post(
            f"{_PATH}/{segment(agent_instance_id)}/start",
            {"timestamp": zoned(timestamp), "idempotency_key": checked_key(idempotency_key)},
        )

    async def finish(
        self,
        agent_instance_id: str,
        status: Literal["complete", "failed", "cancelled"] | None = None,
        timestamp: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> AgentInstance:
        """The instance at its end; `complete` where no status is given."""
        return await self._post(
            f"{_PATH}/{segment(agent_instance_id)}/finish",
            {
                "status": status,
                "timestamp": zoned(timestamp),
                "idempotency_key": checked_key(idempotency_key),
            },
        )

    async def record_quality(
        self,
        agent_instance_id: str,
        name: str,
        payload: dict[str, Any] | None,
        idempotency_key: str | None = None,
    ) -> AgentInstance:
        """Set one named quality payload; None takes it away. The others stay as they are."""
        fields = body({"name": name, "idempotency_key": checked_key(idempotency_key)}) | {"payload": payload}
        return await self._post(f"{_PATH}/{segment(agent_instance_id)}/record_quality", fields, whole=True)

    async def _post(self, path: str, fields: dict[str, Any], *, whole: bool = False) -> AgentInstance:
        answer = await self._http.request("POST", path, json_data=fields if whole else body(fields))
        return ApiResponse[AgentInstance].model_validate(answer).details
