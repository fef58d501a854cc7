"""What one span costs the caller's thread, beside OpenTelemetry; and how little the server's mood matters to it.

A span is start and end with four attributes and 400 characters of payload, on disk when the call returns. Each figure
is from a process of its own; ours and the peer's take turns, and so do the moods.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

from benchmarks.moody_server import MOODS
from benchmarks.processes import free_port, otlp_sink, run_child
from benchmarks.report import Line, median, print_table, spread

SPANS = 100_000
REPEATS = 5


@contextlib.contextmanager
def _server(mood: str) -> Iterator[str]:
    """The address of a server in this mood; for `refusing`, of none at all."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    if mood == "refusing":
        yield address
        return
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.moody_server", str(port), mood])
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(address, timeout=1).close()
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait(10)


def _timed(who: str, address: str, pace: str) -> dict[str, float]:
    return run_child("benchmarks.span_child", who, str(SPANS), address, pace)


def main() -> None:
    ours: list[dict[str, float]] = []
    peers: list[dict[str, float]] = []
    moods: dict[str, list[dict[str, float]]] = {mood: [] for mood in (*MOODS, "refusing")}
    with otlp_sink() as sink:
        for _ in range(REPEATS):
            with _server("up") as address:
                ours.append(_timed("holdfast", address, "paced"))
            peers.append(_timed("opentelemetry", sink, "paced"))
        for mood, rows in moods.items():
            with _server(mood) as address:
                rows += [_timed("holdfast", address, "burst") for _ in range(3)]
    typical = [row["median_us"] for row in ours]
    peer_typical = [row["median_us"] for row in peers]
    lines = [
        Line(
            what="a span call, median, µs",
            ours=spread(typical),
            peer=spread(peer_typical),
            goal="≤ 6 and < half of the peer's",
            held=median(typical) <= 6 and median(typical) < median(peer_typical) / 2,
        ),
        Line(
            what="a span call, mean, µs",
            ours=spread([row["mean_us"] for row in ours]),
            peer=spread([row["mean_us"] for row in peers]),
        ),
        Line(
            what="a span call, 99th percentile, µs",
            ours=spread([row["p99_us"] for row in ours]),
            peer=spread([row["p99_us"] for row in peers]),
            goal="≤ 50",
            held=median([row["p99_us"] for row in ours]) <= 50,
        ),
    ]
    for mood, rows in moods.items():
        worst = [row["p99_us"] for row in rows]
        lost = int(max(row["lost"] for row in rows))
        lines.append(
            Line(
                what=f"burst, server {mood}: 99th percentile, µs",
                ours=spread(worst),
                goal="≤ 50, none lost",
                held=median(worst) <= 50 and lost == 0,
            )
        )
    print_table(
        f"One span on the caller's thread ({SPANS:,} spans; median of {REPEATS}, of 3 for the moods)", lines
    )


if __name__ == "__main__":
    main()
