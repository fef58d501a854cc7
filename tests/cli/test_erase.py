"""`holdfast erase`, `retention` and `backup`: beside a running server and on the database alone."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from holdfast._ids import new_id
from holdfast.server.config import ServerConfig
from holdfast.server.running import background_server
from server.client import Api


def _recorded(url: str, token: str, agent: str, *, runs: int = 2) -> list[str]:
    ids = []
    with Api(url, token) as api:
        for _ in range(runs):
            run_id = api.run(new_id(), agent_id=agent)
            span = {"agent_instance_id": run_id, "schema_name": "t", "payload": {"text": f"said by {agent}"}}
            assert api.post("/agent_spans", {"details": span})[0] == 200
            ids.append(run_id)
    return ids


@pytest.fixture
def record(tmp_path: Path, monkeypatch) -> Path:
    """The directory of a database with two runs of each of two agents, which no server has open."""
    data = tmp_path / "alone"
    with background_server(ServerConfig(data=data, port=0)) as server:
        for agent in ("keep me", "forget me"):
            _recorded(server.url, server.token, agent)
    monkeypatch.setenv("HOLDFAST_DATA", str(data))
    return data


def test_an_agent_is_erased_through_the_running_server(holdfast, server):
    """The receipt is printed, and the server knows neither the agent nor its runs."""
    (gone,) = _recorded(server.url, server.token, "forget me", runs=1)
    (kept,) = _recorded(server.url, server.token, "keep me", runs=1)
    ran = holdfast("erase", "--agent", "forget me", "--yes", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["state"] == "complete"
    assert (ran.json["counts"]["agents"], ran.json["counts"]["instances"]) == (1, 1)
    with Api(server.url, server.token) as api:
        assert api.get(f"/agent_instance/{gone}")[0] == 404
        assert api.get(f"/agent_instance/{kept}")[0] == 200
        assert api.get("/erasures")[1]["summaries"][0]["id"] == ran.json["id"]


def test_an_agent_is_erased_where_no_server_runs(holdfast, record):
    """On the database itself, to the last byte of it and of the search index."""
    assert any(b"said by forget me" in path.read_bytes() for path in record.glob("holdfast*.db*"))
    ran = holdfast("erase", "--agent", "forget me", "--yes")
    assert ran.code == 0, ran.err
    assert "instances" in ran.out
    files = [path for path in record.rglob("*") if path.is_file()]
    assert not [path.name for path in files if b"forget me" in path.read_bytes()]
    assert any(b"said by keep me" in path.read_bytes() for path in files)


def test_erasing_asks_first(holdfast, record):
    """A dry run tells what there is; without --yes, and nobody to ask, nothing happens."""
    found = holdfast("erase", "--where", 'agent = "forget me"', "--dry-run", "--json").json
    assert (found["agent_instances"], found["live"], found["agent_spans"], found["agents"]) == (2, 2, 2, 0)
    ran = holdfast("erase", "--agent", "forget me")
    assert ran.code == 2
    assert "2 runs (2 of them live) with 2 spans and 0 events, and the agent itself: not erased" in ran.err
    assert holdfast("erase", "--agent", "forget me", "--dry-run", "--json").json["agent_instances"] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "say what to erase"),
        (("--agent", "nobody"), "agent nobody not_found"),
        (("--where", "colour = red"), "where: 'colour' is no field"),
        (("--where", "status = red"), "status: is one of"),
        (("--run", "x", "--before", "soon"), "before: 'soon' is no time"),
    ],
)
def test_what_cannot_be_used_is_said(holdfast, record, arguments, words):
    """One line, with the field that it is about."""
    ran = holdfast("erase", *arguments, "--yes")
    assert ran.code in (1, 2)
    assert words in ran.err


def test_what_does_not_exist_is_not_made(holdfast, tmp_path):
    """Neither erasing nor a backup makes a database where none is."""
    for command in (("erase", "--run", "x", "--yes"), ("backup", tmp_path / "copy.db")):
        ran = holdfast(*command, "--data", tmp_path / "nowhere")
        assert ran.code == 1
        assert str(tmp_path / "nowhere") in ran.err
        assert not (tmp_path / "nowhere").exists()


_KILLED = """
import os, sys
from holdfast.server.services.forgetting import erasing
from holdfast.server.services.forgetting.erasing import ErasureWork

steps = int(sys.argv.pop(1))

class Killed(ErasureWork):
    def __init__(self, store, clock):
        super().__init__(store, clock, pause=self.count)
        self.left = steps
    def count(self):
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), 9)
        return True

erasing.ErasureWork = Killed
from holdfast.cli.app import run
sys.exit(run())
"""


@pytest.mark.parametrize("steps", [1, 2])
def test_a_killed_erasure_is_finished_by_the_next(holdfast, record, steps):
    """kill -9 in the middle; running the command again finishes the work, whose receipt is complete."""
    command = [sys.executable, "-c", _KILLED, str(steps), "erase", "--agent", "forget me", "--yes"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == -9
    again = holdfast("erase", "--agent", "forget me", "--yes")
    assert "not_found" in again.err  # it is gone: the work was finished before the new one was looked at
    with sqlite3.connect(record / "holdfast.db") as database:
        states = database.execute("SELECT state FROM receipts").fetchall()
        runs = database.execute("SELECT count(*) FROM instances WHERE account_id = 'default'").fetchone()
    database.close()
    assert (states, runs) == ([("complete",)], (2,))


def test_retention_rules(holdfast, record):
    """Set for all and for one agent, shown by name, and taken back."""
    assert holdfast("retention", "set", "--keep", "30d").code == 0
    assert holdfast("retention", "set", "--agent", "keep me", "--keep", "forever").code == 0
    rules = holdfast("retention", "show", "--json").json
    assert [(rule["agent_name"], rule["keep"]) for rule in rules] == [(None, "30d"), ("keep me", None)]
    assert "keep me" in holdfast("retention", "show").out
    assert holdfast("retention", "set", "--agent", "keep me", "--keep", "default").code == 0
    assert len(holdfast("retention", "show", "--json").json) == 1
    bad = holdfast("retention", "set", "--keep", "soon")
    assert bad.code == 1
    assert "no length of time" in bad.err


def test_a_backup_of_a_database_in_use(holdfast, server, tmp_path):
    """While clients record, the copy is whole, of one moment, its owner's only; a server runs on it."""
    stop = threading.Event()

    def keep_recording() -> None:
        while not stop.is_set():
            _recorded(server.url, server.token, "busy", runs=1)

    _recorded(server.url, server.token, "early", runs=3)
    writer = threading.Thread(target=keep_recording)
    writer.start()
    try:
        ran = holdfast("backup", tmp_path / "copy.db", "--json")
    finally:
        stop.set()
        writer.join()
    assert ran.code == 0, ran.err
    copy = tmp_path / "copy.db"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir() if "copy" in path.name) == ["copy.db"]
    restored = tmp_path / "restored"
    restored.mkdir()
    copy.rename(restored / "holdfast.db")
    with background_server(ServerConfig(data=restored, port=0)) as again, Api(again.url, again.token) as api:
        found = api.get("/agent_instance")[1]["pagination"]["item_count"]
        assert found == ran.json["rows"]["instances"] >= 3
        spans = api.get("/agent_spans?agent_id=early")[1]["summaries"]
        assert len(spans) == 3


def test_a_backup_takes_nothings_place(holdfast, record, tmp_path):
    """A file that is there stays as it is."""
    copy = tmp_path / "copy.db"
    copy.write_bytes(b"precious")
    ran = holdfast("backup", copy)
    assert ran.code == 1
    assert "exists already" in ran.err
    assert copy.read_bytes() == b"precious"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    assert holdfast("backup", tmp_path / "no such directory" / "copy.db").code == 1


def test_a_backup_of_postgresql_is_pg_dumps(holdfast, tmp_path, monkeypatch):
    """The command that does it is named, without the password."""
    monkeypatch.setenv("HOLDFAST_DATABASE", "postgresql://me:secret@db.example:5432/record")
    ran = holdfast("backup", tmp_path / "copy.dump")
    assert ran.code == 1
    assert "pg_dump --format=custom" in ran.err
    assert "postgresql://me@db.example:5432/record" in ran.err
    assert "secret" not in ran.err
