"""`holdfast db` and `holdfast serve --database`."""

from __future__ import annotations

import pytest

from holdfast.cli.api import Server
from serving import serving


def test_the_embedded_database(tmp_path, holdfast):
    """Status tells that there is none and makes none; upgrade makes it; then it is up to date."""
    nothing = holdfast("db", "status", "--data", tmp_path / "new")
    assert (nothing.code, "does not exist" in nothing.err) == (1, True)
    assert not (tmp_path / "new").exists()
    made = holdfast("db", "upgrade", "--data", tmp_path / "new", "--json").json
    assert (made["current"], made["address"]) == (True, str(tmp_path / "new" / "holdfast.db"))
    assert "Up to date" in holdfast("db", "status", "--data", tmp_path / "new").out


def test_a_shared_database(postgres, tmp_path, holdfast):
    """An empty PostgreSQL database has no tables until it is upgraded; its address may come from the
    environment, and is shown without the password."""
    address = postgres.replace("postgres@", "postgres:secret@")
    assert holdfast("db", "status", "--database", address, "--json").json["revision"] is None
    assert "No tables yet" in holdfast("db", "status", "--database", address).out
    upgraded = holdfast("db", "upgrade", "--database", address)
    assert upgraded.code == 0
    assert "secret" not in upgraded.out
    assert holdfast("db", "status", "--database", address, "--json").json["current"]


@pytest.mark.parametrize("address", ["mysql://someone@127.0.0.1/x", "postgresql://127.0.0.1:1/x"])
def test_a_database_that_cannot_be_used_is_one_line(address, tmp_path, holdfast):
    """An address of another kind, or one where nothing answers, is an error line."""
    ran = holdfast("serve", "--database", address, "--data", tmp_path, "--port", "0")
    assert ran.code == 1
    assert address in ran.err.replace("+psycopg", "").replace("\n", "")
    assert "Traceback" not in ran.err


def test_servers_share_one_record(postgres, tmp_path, monkeypatch):
    """What one server is told another one on the same database shows."""
    with (
        serving(tmp_path / "a", "--port", "0", "--database", postgres) as (_, first),
        serving(tmp_path / "b", "--port", "0", "--database", postgres) as (_, second),
    ):
        token = (tmp_path / "a" / "local-token").read_text().strip()
        Server(first["url"], token).post("/agent_instance/register", {"id": "run-1", "agent_id": "tester"})
        assert Server(second["url"], token).has_run("run-1")
