"""A server of ours for the programs of these tests, and what its API shows of them."""

from __future__ import annotations

from typing import Any

from prefactor_http import HttpClientConfig
from server.client import Api

__all__ = ["Shown"]


class Shown:
    """What the server at `url` shows, once it shows it."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token

    @property
    def http_config(self) -> HttpClientConfig:
        return HttpClientConfig(api_url=self.url, api_token=self.token)

    def run(self, run_id: str) -> dict[str, Any]:
        with Api(self.url, self.token) as api:
            status, answer = api.get(f"/agent_instance/{run_id}")
        assert status == 200, answer
        details: dict[str, Any] = answer["details"]
        return details

    def runs(self) -> list[dict[str, Any]]:
        with Api(self.url, self.token) as api:
            rows: list[dict[str, Any]] = api.get("/agent_instance")[1]["summaries"]
        return rows

    def spans(self, run_id: str) -> dict[str, dict[str, Any]]:
        """By id."""
        with Api(self.url, self.token) as api:
            query = f"agent_instance_id={run_id}&include_summaries=true&pagination[page_size]=100"
            rows = api.get(f"/agent_spans?{query}")[1]["summaries"]
        return {row["id"]: row for row in rows}
