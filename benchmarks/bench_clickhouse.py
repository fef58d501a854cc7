"""Spans into ClickHouse: the SDK's until they have been moved there, the mover alone, and what they take on the disk.

Client, server and ClickHouse share the machine's two cores: the engine is chDB, in the server's process.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

from benchmarks.bench_burst import FLUSH_SECONDS, SPANS
from benchmarks.processes import HoldfastServer
from benchmarks.report import Line, median, print_table, spread
from holdfast._clock import utc_now_ns
from holdfast.server.services.mover import Mover
from holdfast.server.stores.opening import open_database
from holdfast.server.stores.tiered.store import TieredStore

__all__ = ["main"]

REPEATS = 5
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_CHILD = ["-m", "benchmarks.burst_child", "holdfast"]


def _burst(server: HoldfastServer, run_id: str) -> float:
    """When it began: the server has all of it, committed, when this returns."""
    said = subprocess.run(
        [sys.executable, *_CHILD, str(SPANS), run_id, str(FLUSH_SECONDS)],
        env=server.environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    began: float = json.loads(said.stdout.splitlines()[-1])["began_at"]
    return began


def _until_moved(server: HoldfastServer) -> float:
    """Spans a second from the first call until none is left in the database, seen from outside."""
    began = _burst(server, str(uuid.uuid4()))
    deadline = time.time() + 2 * FLUSH_SECONDS
    while _left(server.home / "data" / "holdfast.db") and time.time() < deadline:
        time.sleep(0.05)
    return (SPANS - 1000) / (time.time() - began)


def _left(file: Path) -> bool:
    with sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True) as connection:
        found = connection.execute("SELECT 1 FROM spans LIMIT 1").fetchone()
    connection.close()
    return found is not None


def _mover_alone(home: Path) -> float:
    """Spans a second, of 200,000 recorded beforehand."""
    with HoldfastServer(home) as server:
        for _ in range(4):
            _burst(server, str(uuid.uuid4()))
    return _move_all(home / "data")[0]


def _real_runs(home: Path) -> tuple[float, float] | None:
    """Bytes of a span on the disk, with its payloads, in the database and after it has been moved; of real agents'
    runs. None where they are not here."""
    files = sorted(str(path) for path in DATA.glob("*.jsonl.gz") if not path.name.startswith("provider_http"))
    if not files:
        return None
    with HoldfastServer(home) as server:
        command = [sys.executable, "-m", "holdfast.cli", "import", *files]
        subprocess.run(command, env=server.environment, stdout=subprocess.DEVNULL, check=True)
    before = sum(path.stat().st_size for path in (home / "data").glob("holdfast.db*"))
    _, moved, after = _move_all(home / "data")
    return before / moved, after / moved


def _move_all(data: Path) -> tuple[float, int, int]:
    """Spans a second, how many, and the bytes that they then take."""
    store = open_database(data / "holdfast.db", None, f"chdb:///{data}/spans")
    assert isinstance(store, TieredStore)
    mover = Mover(store, lambda: utc_now_ns() + 10**12, after=0.0, every=3600.0)
    began = time.perf_counter()
    rate = mover.sweep() / (time.perf_counter() - began)
    mover.close()
    size = store.span_writes.size()
    store.close()
    return rate, size.spans, size.bytes


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        spans = f"chdb:///{home}/spans"
        with HoldfastServer(home / "moving", spans=spans) as moving:
            _until_moved(moving)  # the first pays for caches
            rates = [_until_moved(moving) for _ in range(REPEATS)]
        alone = [_mover_alone(home / f"alone{n}") for n in range(REPEATS)]
        real = _real_runs(home / "real")
    lines = [
        Line(
            what="spans a second until they have been moved",
            ours=spread(rates, "{:,.0f}"),
            goal="≥ 25,000",
            held=median(rates) >= 25_000,
        ),
        Line(
            what="the mover alone, spans a second",
            ours=spread(alone, "{:,.0f}"),
            goal="≥ 25,000",
            held=median(alone) >= 25_000,
        ),
    ]
    if real is not None:
        lines.append(
            Line(
                what="real runs: bytes of a span, database → ClickHouse",
                ours="{:,.0f} → {:,.0f}".format(*real),
            )
        )
    print_table(f"The SDK's spans into ClickHouse (chDB; median of {REPEATS}, least to most)", lines)


if __name__ == "__main__":
    main()
