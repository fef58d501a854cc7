"""The HTTP client: one `aiohttp` session, retries, errors by class."""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Any, Self

import aiohttp

from prefactor_http.config import HttpClientConfig
from prefactor_http.endpoints.agent_instance import AgentInstanceClient
from prefactor_http.endpoints.agent_span import AgentSpanClient
from prefactor_http.endpoints.bulk import BulkClient
from prefactor_http.exceptions import PrefactorApiError, PrefactorClientError, error_for
from prefactor_http.retry import RetryHandler

__all__ = ["PrefactorHttpClient"]


class PrefactorHttpClient:
    """Speaks the HTTP API with one server. Make it inside a running event loop or before; `close()` it there.

    The session is opened by the first request, so that a client may be made where no loop runs yet.
    """

    def __init__(self, config: HttpClientConfig) -> None:
        self._config = config
        self._retry = RetryHandler(config)
        self._session: aiohttp.ClientSession | None = None
        self._agent_instances = AgentInstanceClient(self)
        self._agent_spans = AgentSpanClient(self)
        self._bulk = BulkClient(self)

    @property
    def config(self) -> HttpClientConfig:
        return self._config

    @property
    def agent_instances(self) -> AgentInstanceClient:
        return self._agent_instances

    @property
    def agent_spans(self) -> AgentSpanClient:
        return self._agent_spans

    @property
    def bulk(self) -> BulkClient:
        return self._bulk

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connections back. A second call does nothing."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, Any] | None = None,
        json_data: dict[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> dict[str, Any]:
        """The decoded JSON object that the server answers.

        Raises the `PrefactorApiError` of its status, `PrefactorRetryExhaustedError` where the retries did
        not help, `PrefactorClientError` for an answer that is not a JSON object.
        """
        key = idempotency_key or self._config.default_idempotency_key
        headers = {"Idempotency-Key": key} if key else None

        async def once() -> dict[str, Any]:
            session = self._open()
            url = self._config.api_url.rstrip("/") + path
            async with session.request(method, url, params=params, json=json_data, headers=headers) as answer:
                return _decode(answer.status, await answer.read())

        result: dict[str, Any] = await self._retry.execute(once, self._worth_another)
        return result

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            config = self._config
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=config.request_timeout, connect=config.connect_timeout),
                headers={
                    "Authorization": f"Bearer {config.api_token}",
                    "Content-Type": "application/json",
                    "Accept": "application/json",
                },
            )
        return self._session

    def _worth_another(self, error: Exception) -> bool:
        if isinstance(error, PrefactorApiError):
            return error.status_code in self._config.retry_on_status_codes
        return isinstance(error, aiohttp.ClientError | asyncio.TimeoutError)


def _decode(status: int, body: bytes) -> dict[str, Any]:
    try:
        decoded = json.loads(body)
    except ValueError:
        decoded = None
    if status >= 400:
        raise error_for(status, decoded)
    if not isinstance(decoded, dict):
        raise PrefactorClientError(f"the server answered {status} with something that is not a JSON object")
    return decoded
