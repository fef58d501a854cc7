"""What a balancer asks."""

from __future__ import annotations

from pathlib import Path

import msgspec
import psycopg
import pytest
import urllib3

from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server
from postgres_server import postgres_database


def _ask(url: str, path: str) -> tuple[int, str]:
    answer = urllib3.request("GET", url + path, retries=False)
    return answer.status, msgspec.json.decode(answer.data)["status"]


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_a_server_that_can_be_used(running: Listening, path: str) -> None:
    """Without a token, a server with its database answers both questions with yes."""
    assert _ask(running.url, path) == (200, "success")


def test_a_server_without_its_database(postgres_address: str, tmp_path: Path) -> None:
    """It lives but is not ready, as long as the database does not let it in; then it is again."""
    allow = 'ALTER DATABASE "test_health" ALLOW_CONNECTIONS {}'
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'test_health'"
    with (
        postgres_database(postgres_address, "test_health") as database,
        background_server(ServerConfig(data=tmp_path, database=database, port=0)) as server,
        psycopg.connect(f"{postgres_address}/postgres", autocommit=True) as owner,
    ):
        owner.execute(allow.format("false").encode())
        owner.execute(cut)
        assert _ask(server.url, "/health/live") == (200, "success")
        assert _ask(server.url, "/health/ready") == (503, "error")
        owner.execute(allow.format("true").encode())
        assert _ask(server.url, "/health/ready") == (200, "success")
