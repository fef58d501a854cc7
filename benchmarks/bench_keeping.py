"""What a backup, an erasure and writing the file anew cost those who record meanwhile, on one SQLite file.

A client sends a request of 50 whole spans of about 1 KB every 20 ms, and the longest wait for an answer counts:
alone, while `holdfast backup` copies the file, while runs are erased, and while the file is written anew.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import urllib3

from benchmarks.report import Line, print_table
from holdfast._ids import new_id
from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server

SIZE = 200 << 20
SPANS = 50
EVERY = 0.02
WORDS = "All work and no play makes this an agent whose spans are of a fair size. " * 14


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        with background_server(ServerConfig(data=data, port=0)) as server:
            client = _Client(server)
            runs = _fill(client, data / "holdfast.db")
            lines = list(_measured(client, data, runs))
    print_table(f"Keeping a record of {SIZE >> 20} MB: what others wait for meanwhile", lines)


class _Client:
    def __init__(self, server: Listening) -> None:
        self._http = urllib3.PoolManager(retries=False)
        self._url = f"{server.url}/api/v1"
        self._headers = {"Authorization": f"Bearer {server.token}", "Prefer": "return=minimal"}

    def send(self, path: str, body: Any) -> Any:
        answer = self._http.request(
            "POST", self._url + path, headers=self._headers, body=msgspec.json.encode(body)
        )
        assert answer.status == 200, answer.data
        return msgspec.json.decode(answer.data)

    def record(self, run_id: str, spans: int = SPANS) -> None:
        items: list[Any] = [_item("agent_instances/register", id=run_id, agent_id="bench")]
        for _ in range(spans):
            span: dict[str, Any] = {
                "id": new_id(),
                "schema_name": "agent:tool",
                "name": "t",
                "status": "complete",
            }
            span |= {"started_at": time.time_ns(), "finished_at": time.time_ns(), "payload": {"text": WORDS}}
            items.append(_item("agent_spans/create", agent_instance_id=run_id, **span))
        items.append(_item("agent_instances/finish", agent_instance_id=run_id))
        self.send("/bulk", {"on_error": "continue", "items": items})


def _item(kind: str, **fields: Any) -> dict[str, Any]:
    return {"_type": kind, "idempotency_key": new_id(), **fields}


def _fill(client: _Client, file: Path) -> list[str]:
    runs: list[str] = []
    while file.stat().st_size < SIZE:
        runs.append(new_id())
        client.record(runs[-1], 200)
    return runs


def _longest(client: _Client, work: Callable[[], None]) -> tuple[float, float, int]:
    """The longest wait of a request, and how long the work took, in seconds; and how many requests there were."""
    done, waits = threading.Event(), [0.0]

    def record() -> None:
        while not done.is_set():
            began = time.perf_counter()
            client.record(new_id())
            waits.append(time.perf_counter() - began)
            done.wait(EVERY)

    recorder = threading.Thread(target=record)
    recorder.start()
    began = time.perf_counter()
    work()
    took = time.perf_counter() - began
    done.set()
    recorder.join()
    return max(waits), took, len(waits) - 1


def _measured(client: _Client, data: Path, runs: list[str]) -> list[Line]:
    lines = [_line("nothing else", *_longest(client, _nothing))]
    for number in (1, 2, 3):
        found = _longest(client, partial(_backup, data, number))
        lines.append(_line(f"`holdfast backup`, time {number}", *found))
    lines.append(_line("VACUUM INTO instead", *_longest(client, lambda: _vacuum_into(data))))
    half = len(runs) // 2

    def erase(some: list[str], *, rewrite: bool) -> None:
        for at in range(0, len(some), 1000):
            asked = {"agent_instance_ids": some[at : at + 1000], "rewrite": rewrite}
            client.send("/erasures", {"details": asked})

    found = _longest(client, lambda: erase(runs[:half], rewrite=False))
    spans = half * 200
    lines.append(_line(f"erasing {half} runs of 200 spans ({spans / found[1]:,.0f} spans/s)", *found))
    found = _longest(client, lambda: erase(runs[half : half + 1], rewrite=True))
    lines.append(_line("erasing 1 run, and writing the file anew", *found))
    return lines


def _nothing() -> None:
    threading.Event().wait(5.0)


def _backup(data: Path, number: int) -> None:
    command = [
        sys.executable,
        "-m",
        "holdfast.cli",
        "backup",
        str(data / f"copy-{number}.db"),
        "--data",
        str(data),
    ]
    subprocess.run(command, check=True, capture_output=True)


def _vacuum_into(data: Path) -> None:
    with closing(sqlite3.connect(data / "holdfast.db")) as database:
        database.execute("VACUUM INTO ?", (str(data / "copy-into.db"),))


def _line(what: str, wait: float, took: float, requests: int) -> Line:
    return Line(
        what=what, ours=f"longest wait {wait * 1000:,.0f} ms of {requests} requests; took {took:.1f} s"
    )


if __name__ == "__main__":
    main()
