"""`holdfast db copy`."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from holdfast.cli.api import Server
from holdfast.server.config import ServerConfig
from holdfast.server.running import background_server
from holdfast.server.stores.sqlite.store import SqliteStore


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The file of a server that has recorded a run and ended."""
    with background_server(ServerConfig(data=tmp_path / "source", port=0)) as server:
        Server(server.url, server.token).post(
            "/agent_instance/register", {"id": "run-1", "agent_id": "tester"}
        )
    return tmp_path / "source" / "holdfast.db"


def test_a_record_moves_to_a_shared_database(holdfast, source, postgres, tmp_path):
    """The command says what it copied; a server on the copy takes the old token and has the run."""
    ran = holdfast("db", "copy", "--from", source, "--to", postgres)
    assert ran.code == 0, ran.err
    assert "The same, table by table" in ran.out
    token = (source.parent / "local-token").read_text().strip()
    with background_server(ServerConfig(data=tmp_path / "other", database=postgres, port=0)) as server:
        assert Server(server.url, token).has_run("run-1")
    again = holdfast("db", "copy", "--from", source, "--to", postgres)
    assert again.code == 1
    assert "used since it was copied" in again.err
    assert "empty database" in again.err


def test_a_difference_fails(holdfast, source, tmp_path):
    """Exit code 1, and one line with the table and the first row that differs; --json says the same of each table."""
    target = tmp_path / "target.db"
    SqliteStore(target).close()
    with closing(sqlite3.connect(target)) as connection:
        connection.execute(
            "CREATE TRIGGER odd AFTER INSERT ON agents BEGIN UPDATE agents SET name = 'x'; END"
        )
        connection.commit()
    ran = holdfast("db", "copy", "--from", source, "--to", target, "--json")
    assert (ran.code, ran.json["same"]) == (1, False)
    assert "agents: id=" in ran.err
    assert "differs in name" in ran.err
    (wrong,) = [table for table in ran.json["tables"] if table["difference"] is not None]
    assert wrong["table"] == "agents"


def test_wrong_usage(holdfast, source, tmp_path):
    """Spans cannot be both copied and left; both sides must be named."""
    both = ("--from-spans", "clickhouse://host/x", "--keep-spans")
    assert holdfast("db", "copy", "--from", source, "--to", tmp_path / "x.db", *both).code == 2
    assert holdfast("db", "copy", "--from", source).code == 2
