"""The recording path from end to end: 50,000 spans in one burst, until they can be read, beside OpenTelemetry.

Client and server share the machine's two cores. Each repeat is a fresh client process; the peer's process runs
right after ours. The peer sends to a sink that only counts, so its numbers leave out what storing would cost.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any

from benchmarks.processes import HoldfastServer, otlp_sink, run_child
from benchmarks.report import Line, median, print_table, spread

__all__ = ["main", "until_readable"]

SPANS = 50_000
REPEATS = 5
FLUSH_SECONDS = 60.0


def _ours(server: HoldfastServer) -> dict[str, Any]:
    run_id = str(uuid.uuid4())
    server_cpu = server.cpu_seconds()
    said = run_child(
        "benchmarks.burst_child",
        "holdfast",
        str(SPANS),
        run_id,
        str(FLUSH_SECONDS),
        environment=server.environment,
    )
    deadline = time.time() + FLUSH_SECONDS
    while (arrived := server.spans_of(run_id)) < SPANS and time.time() < deadline:
        time.sleep(0.02)
    # `flush` returned when the server had committed, so the client's own end is when all could be read.
    said["arrived"] = arrived
    said["server_cpu_us"] = (server.cpu_seconds() - server_cpu) / SPANS * 1e6
    return said


def until_readable(server: HoldfastServer) -> float:
    """Spans a second from the first call to the last span that a reader finds, seen by a reader outside."""
    run_id = str(uuid.uuid4())
    arguments = ["-m", "benchmarks.burst_child", "holdfast", str(SPANS), run_id, str(FLUSH_SECONDS)]
    child = subprocess.Popen([sys.executable, *arguments], env=server.environment, stdout=subprocess.PIPE)
    deadline = time.time() + 2 * FLUSH_SECONDS
    while server.spans_of(run_id) < SPANS and time.time() < deadline:
        time.sleep(0.05)  # a reader who asks more often takes time from the server
    seen = time.time()
    out, _ = child.communicate(timeout=FLUSH_SECONDS)
    began: float = json.loads(out.splitlines()[-1])["began_at"]
    return (SPANS - 1000) / (seen - began)


def _peer(sink: str) -> dict[str, Any]:
    before = int(urllib.request.urlopen(f"{sink}/count", timeout=5).read())
    said = run_child("benchmarks.burst_child", "opentelemetry", str(SPANS), sink, str(FLUSH_SECONDS))
    said["arrived"] = int(urllib.request.urlopen(f"{sink}/count", timeout=5).read()) - before
    return said


def _while_away(home: Path) -> tuple[dict[str, Any], int]:
    """A burst while no server is there, and how many arrive once one is."""
    server = HoldfastServer(home)
    home.mkdir(parents=True, exist_ok=True)
    run_id = str(uuid.uuid4())
    arguments = ("holdfast", str(SPANS), run_id, "0.5")
    said = run_child("benchmarks.burst_child", *arguments, environment=server.environment)
    with server:
        deadline = time.time() + FLUSH_SECONDS
        while (arrived := server.spans_of(run_id)) < SPANS and time.time() < deadline:
            time.sleep(0.1)
    return said, arrived


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, otlp_sink() as sink:
        home = Path(folder)
        with HoldfastServer(home / "up") as server:
            _ours(server)  # the first pays for the server's caches
            rounds = [(_ours(server), _peer(sink)) for _ in range(REPEATS)]
            rates = [until_readable(server) for _ in range(REPEATS)]
        away, arrived_late = _while_away(home / "away")
    ours, peers = [one for one, _ in rounds], [other for _, other in rounds]

    def column(rows: list[dict[str, Any]], name: str) -> list[float]:
        return [float(row[name]) for row in rows]

    caller, peer_caller = column(ours, "caller_us"), column(peers, "caller_us")
    cpu, peer_cpu = column(ours, "cpu_us"), column(peers, "cpu_us")
    arrived = min(column(ours, "arrived"))
    print_table(
        f"A burst of {SPANS:,} spans (median of {REPEATS}, least to most)",
        [
            Line(
                what="caller, µs a span",
                ours=spread(caller),
                peer=spread(peer_caller),
                goal="≤ 6 and < half of the peer's",
                held=median(caller) <= 6 and median(caller) < median(peer_caller) / 2,
            ),
            Line(
                what="client process CPU, µs a span",
                ours=spread(cpu),
                peer=spread(peer_cpu),
                goal="≤ 20 and below the peer's",
                held=median(cpu) <= 20 and median(cpu) < median(peer_cpu),
            ),
            Line(
                what="server CPU, µs a span",
                ours=spread(column(ours, "server_cpu_us")),
            ),
            Line(
                what="arrived",
                ours=f"{arrived:,.0f}",
                peer=spread(column(peers, "arrived"), "{:,.0f}"),
                goal=f"{SPANS:,}",
                held=arrived == SPANS,
            ),
            Line(
                what="spans a second until they can be read",
                ours=spread(rates, "{:,.0f}"),
                goal="≥ 40,000",
                held=median(rates) >= 40_000,
            ),
            Line(
                what="server away: client memory, MB",
                ours=f"{away['rss_mb']:.0f}",
                goal="< 100",
                held=away["rss_mb"] < 100,
            ),
            Line(
                what="server away: arrived once it is back",
                ours=f"{arrived_late:,}",
                goal=f"{SPANS:,}",
                held=arrived_late == SPANS,
            ),
        ],
    )


if __name__ == "__main__":
    main()
