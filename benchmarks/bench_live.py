"""How soon an open page of a live run is told: from the answer to an operation until the event has arrived.

On PostgreSQL the operation goes to one server process and the page is open at another one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path
from queue import Queue

import urllib3

from benchmarks.processes import HoldfastServer
from benchmarks.report import Line, print_table, spread

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # where the server that can be started is
from postgres_server import postgres_database, postgres_server

__all__ = ["main"]

OPERATIONS = 60
SPACING = 0.3
"""Seconds between two operations: a page is told at most five times a second."""
_SAFE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "deadlock_timeout": "1s"}


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres_server(**_SAFE) as postgres,
        postgres_database(postgres, "bench") as database,
    ):
        home = Path(folder)
        with HoldfastServer(home / "embedded") as embedded:
            alone = _delays(embedded, embedded)
        with (
            HoldfastServer(home / "one", database=database) as one,
            HoldfastServer(home / "two", database=database) as two,
        ):
            same = _delays(one, one)
            other = _delays(one, two)
    print_table(
        f"From the answer to an operation until the page is told, in milliseconds (median of {OPERATIONS})",
        [
            Line(what=what, ours=spread([1000 * delay for delay in delays]))
            for what, delays in (
                ("embedded database", alone),
                ("PostgreSQL, the page at the same server", same),
                ("PostgreSQL, the page at another server", other),
            )
        ],
    )


def _delays(writing: HoldfastServer, reading: HoldfastServer) -> list[float]:
    """In seconds; of a run whose page is open."""
    http = urllib3.PoolManager(headers={"Authorization": f"Bearer {writing.token}"})
    run_id = str(uuid.uuid4())

    def post(path: str, body: dict[str, object]) -> None:
        answer = http.request("POST", f"{writing.url}/api/v1{path}", json=body)
        assert answer.status == 200, answer.data

    post("/agent_instance/register", {"id": run_id, "agent_id": "watched"})
    post(f"/agent_instance/{run_id}/start", {})
    told: Queue[float] = Queue()
    reader = threading.Thread(target=_read, args=(reading, run_id, told), daemon=True)
    reader.start()
    told.get(timeout=30)  # the state at the beginning
    delays: list[float] = []
    for number in range(OPERATIONS):
        time.sleep(SPACING)
        span = {"agent_instance_id": run_id, "id": f"{run_id}-{number}", "schema_name": "agent:tool"}
        post("/agent_spans", {"details": span})
        answered = time.perf_counter()
        delays.append(max(0.0, told.get(timeout=30) - answered))
    post(f"/agent_instance/{run_id}/finish", {})
    reader.join(30)
    return delays


def _read(server: HoldfastServer, run_id: str, told: Queue[float]) -> None:
    link = subprocess.run(
        [sys.executable, "-m", "holdfast.cli", "login-link", "--json"],
        env=server.environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    logged_in = urllib3.request("GET", json.loads(link.stdout)["url"], redirect=False)
    cookie = logged_in.headers["set-cookie"].partition(";")[0]
    url = f"{server.url}/runs/{run_id}/live"
    answer = urllib3.request("GET", url, headers={"Cookie": cookie}, preload_content=False, timeout=60)
    for line in answer:
        if line.startswith(b"event: "):
            told.put(time.perf_counter())


if __name__ == "__main__":
    main()
