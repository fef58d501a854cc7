"""All recorded real runs, copied from one database to another with the command."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest

from data.test_import_real_runs import RUNS, TURNS, import_all
from holdfast._clock import utc_now_ns
from holdfast.cli.api import Server
from holdfast.server.services.copying import copy_between
from holdfast.server.services.setup import prepare
from holdfast.server.stores.opening import open_database
from server.moved_runs import forget_work, left_here, move
from serving import serving
from waiting import wait_until

pytestmark = [pytest.mark.data, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def source(tmp_path: Path, run_files: list[Path]) -> Path:
    """The database file of a server that took them in, and has ended."""
    with serving(tmp_path / "data", "--port", "0") as (process, said):
        server = Server(said["url"])
        assert server.token is not None
        assert import_all(said["url"], server.token, run_files)[0] == 0
        process.terminate()
        process.wait(30)
    return tmp_path / "data" / "holdfast.db"


def _command(source: object, target: object) -> list[str]:
    return [
        sys.executable,
        "-m",
        "holdfast.cli",
        "db",
        "copy",
        "--json",
        "--from",
        str(source),
        "--to",
        str(target),
    ]


def _copied(source: object, target: object) -> dict[str, dict[str, Any]]:
    """What the command says of each table."""
    done = subprocess.run(_command(source, target), stdout=subprocess.PIPE, check=True)
    said = json.loads(done.stdout)
    assert said["same"]
    assert not said["source_changed"]
    return {table["table"]: table for table in said["tables"]}


def _prints(path: Path) -> dict[str, str]:
    """A fingerprint of every table of the file, by other means than the command's own."""

    def rows(connection: sqlite3.Connection, table: str) -> Iterator[bytes]:
        for row in connection.execute(f'SELECT * FROM "{table}"'):
            if row[0] != "copy":  # the mark of the copying itself
                yield sha256(repr(row).encode("utf-8", "surrogatepass")).digest()

    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {name: sha256(b"".join(sorted(rows(connection, name)))).hexdigest() for (name,) in names}


def _rows_there(address: str) -> int:
    try:
        with psycopg.connect(address) as connection:
            found = connection.execute("SELECT count(*) FROM span_bodies").fetchone()
    except psycopg.errors.UndefinedTable:
        return 0
    return found[0] if found else 0


def test_to_postgres_with_a_kill_and_back(source: Path, postgres: str, tmp_path: Path) -> None:
    """A copy killed in the middle goes on with what is missing; from PostgreSQL into a new file everything comes
    back to the byte."""
    with subprocess.Popen(_command(source, postgres), stdout=subprocess.DEVNULL) as process:
        wait_until(lambda: _rows_there(postgres) or process.poll() is not None, 60)
        process.kill()
    there = _rows_there(postgres)
    assert 0 < there < TURNS
    refused = subprocess.run(
        [sys.executable, "-m", "holdfast.cli", "token", "list"],
        env={**os.environ, "HOLDFAST_DATABASE": postgres},
        stderr=subprocess.PIPE,
        check=False,
    )
    assert (refused.returncode, b"not finished" in refused.stderr) == (1, True)
    said = _copied(source, postgres)
    assert (said["instances"]["rows"], said["spans"]["rows"], said["span_bodies"]["rows"]) == (
        RUNS,
        TURNS,
        TURNS,
    )
    assert said["span_bodies"]["added"] <= TURNS - there
    back = _copied(postgres, tmp_path / "back.db")
    assert {name: table["checksum"] for name, table in back.items()} == {
        name: table["checksum"] for name, table in said.items()
    }
    assert _prints(tmp_path / "back.db") == _prints(source)


def test_through_postgres_and_clickhouse_and_back(
    source: Path, postgres: str, chdb: str, tmp_path: Path
) -> None:
    """Copied to PostgreSQL, their spans moved to ClickHouse from there, and all of it copied into a new file: every
    row is what it was."""
    with closing(open_database(source, None)) as store:
        forget_work(store)  # what waits to be indexed is not moved
    _copied(source, postgres)
    with closing(open_database(Path("unused"), postgres, chdb)) as store:
        prepare(store, utc_now_ns())
        assert move(store) >= TURNS
        assert left_here(store)[0] == 0
    report = copy_between(postgres, str(tmp_path / "back.db"), lambda _: None, source_spans=chdb)
    assert report.same
    assert {table.table: table.rows for table in report.tables}["spans"] == TURNS
    back, was = _prints(tmp_path / "back.db"), _prints(source)
    assert {name for name in was if back[name] != was[name]} == set()
