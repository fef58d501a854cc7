"""A bare HTTP client: what it sends is what the test says."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import msgspec
import urllib3


class Api:
    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        self._http = urllib3.PoolManager(retries=False)
        self._headers = {"Content-Type": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.clear()

    def raw(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> urllib3.BaseHTTPResponse:
        return self._http.request(
            method, self.url + path, body=body, headers=self._headers | (headers or {}), redirect=False
        )

    def send(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and decoded JSON object of `/api/v1` + `path`."""
        encoded = None if body is None else msgspec.json.encode(body)
        answer = self.raw(method, f"/api/v1{path}", encoded, headers)
        assert answer.headers["content-type"].startswith("application/json"), answer.data
        decoded = msgspec.json.decode(answer.data)
        assert isinstance(decoded, dict)
        return answer.status, decoded

    def post(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        return self.send("POST", path, body, headers)

    def get(self, path: str) -> tuple[int, Any]:
        return self.send("GET", path)

    def bulk(self, items: list[Any], **fields: Any) -> tuple[int, Any]:
        body = {"on_error": "continue", "items": items, **fields}
        return self.post("/bulk", body, {"Prefer": "return=minimal"})

    def run(self, run_id: str, **fields: Any) -> str:
        """A registered and started run."""
        assert self.post("/agent_instance/register", {"id": run_id, "agent_id": "tester", **fields})[0] == 200
        assert self.post(f"/agent_instance/{run_id}/start", {})[0] == 200
        return run_id
