"""What the server acknowledged is kept, however it ends."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3

from holdfast._ids import new_id
from holdfast.server.stores.schema import record as schema
from holdfast.server.stores.sqlite.store import SqliteStore
from server.client import Api
from server.records import rows

_CHILD = Path(__file__).with_name("server_child.py")


@contextmanager
def _server(data: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    child = subprocess.Popen([sys.executable, str(_CHILD), str(data)], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        url, token = child.stdout.readline().split()
        yield child, url, token
    finally:
        child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


def _record(
    url: str, token: str, run_id: str, acknowledged: set[str], enough: threading.Event, want: int
) -> None:
    """Send spans until the server is gone; note those that were answered."""
    with Api(url, token) as api:
        while True:
            ids = [new_id() for _ in range(20)]
            kind = {"_type": "agent_spans/create", "agent_instance_id": run_id, "status": "complete"}
            try:
                _, answer = api.bulk([kind | {"id": span_id, "idempotency_key": span_id} for span_id in ids])
            except urllib3.exceptions.HTTPError:
                return
            assert answer["accepted"] == 20
            acknowledged.update(ids)
            if len(acknowledged) >= want:
                enough.set()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_kill_keeps_what_was_acknowledged(tmp_path: Path, seed: int) -> None:
    """Killed with SIGKILL while several clients write, again and again, the server has every span it answered
    for, each once, and totals that are the sums over the rows."""
    acknowledged: set[str] = set()
    chance = random.Random(seed)
    for _ in range(3):
        with _server(tmp_path) as (child, url, token):
            enough = threading.Event()
            want = len(acknowledged) + chance.randint(1, 1500)
            writers = [
                threading.Thread(target=_record, args=(url, token, f"run-{n}", acknowledged, enough, want))
                for n in range(3)
            ]
            for writer in writers:
                writer.start()
            assert enough.wait(60)
            child.send_signal(signal.SIGKILL)
            for writer in writers:
                writer.join()
    store = SqliteStore(tmp_path / "holdfast.db")
    kept = rows(store, schema.spans)
    bodies = {row["key"] for row in rows(store, schema.span_bodies)}
    runs = rows(store, schema.instances)
    store.close()
    assert acknowledged <= {row["id"] for row in kept}
    assert bodies == {row["body_key"] for row in kept}
    for run in runs:
        own = [row for row in kept if row["instance_key"] == run["key"]]
        assert (run["spans_total"], run["spans_complete"]) == (len(own), len(own))


def test_a_polite_end_answers_everyone(tmp_path: Path) -> None:
    """On SIGTERM the server ends by itself, with everything written."""
    with _server(tmp_path) as (child, url, token):
        with Api(url, token) as api:
            api.run("run")
        child.terminate()
        assert child.wait(30) == 0
    store = SqliteStore(tmp_path / "holdfast.db")
    (run,) = rows(store, schema.instances)
    store.close()
    assert run["status"] == "active"
    assert not (tmp_path / "holdfast.db-wal").exists()
