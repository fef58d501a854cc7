"""What the spool costs: an append on the caller's thread, and all of the process's CPU, delivery included.

Run as `python -m benchmarks.bench_spool`. Each measurement is a fresh process; the records are 450 bytes each,
about half a span. The server is a process of its own that only counts.
"""

from __future__ import annotations

import json
import logging
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter_ns, process_time_ns

from benchmarks.report import Line, median, print_table, spread
from holdfast.tracing.pipeline import Destination, PipelineOptions, open_pipeline

OPERATIONS = 100_000
CHUNK = 1000
REPEATS = 5
NOWHERE = "http://127.0.0.1:9"


def measure(url: str, root: str) -> dict[str, float]:
    """In a child: record `OPERATIONS`, deliver them where there is a server, and say what that took."""
    logging.disable()
    pipeline = open_pipeline(Destination(url=url, token="bench"), PipelineOptions(root=Path(root)))
    record = b'{"_type":"agent_spans/create","idempotency_key":"0123456789","payload":"%s"}' % (b"x" * 375)
    append = pipeline.append
    costs: list[float] = []
    began, cpu = perf_counter_ns(), process_time_ns()
    for _ in range(OPERATIONS // CHUNK):
        start = perf_counter_ns()
        for _ in range(CHUNK):
            append(record)
        costs.append((perf_counter_ns() - start) / CHUNK / 1000)
    burst = perf_counter_ns() - began
    if url != NOWHERE and not pipeline.flush(60.0):
        raise SystemExit("not delivered in a minute")
    told = {
        "append_us": median(costs),
        "burst_us": burst / OPERATIONS / 1000,
        "cpu_us": (process_time_ns() - cpu) / OPERATIONS / 1000,
        "delivered_per_second": OPERATIONS / ((perf_counter_ns() - began) / 1e9),
        "spilled": float(pipeline.stats().spilled),
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    pipeline.close(1.0)
    return told


def _child(url: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as root:
        command = [sys.executable, "-m", "benchmarks.bench_spool", url, root]
        told = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    measured: dict[str, float] = json.loads(told)
    return measured


def main() -> None:
    sink = subprocess.Popen([sys.executable, "-m", "benchmarks.bulk_sink"], stdout=subprocess.PIPE, text=True)
    try:
        assert sink.stdout is not None
        url = f"http://127.0.0.1:{sink.stdout.readline().strip()}"
        up = [_child(url) for _ in range(REPEATS)]
        down = [_child(NOWHERE) for _ in range(REPEATS)]
    finally:
        sink.kill()
        sink.wait()
    cpu = median([told["cpu_us"] for told in up])
    memory = max(told["memory_mb"] for told in down)
    lines = [
        Line(
            what="append, server down, µs",
            ours=spread([told["append_us"] for told in down], "{:.2f}"),
            goal="about 1",
        ),
        Line(what="append, server up, µs", ours=spread([told["append_us"] for told in up], "{:.2f}")),
        Line(what="burst, all in, µs an operation", ours=spread([told["burst_us"] for told in up], "{:.2f}")),
        Line(
            what="process CPU, two operations (a span), delivered, µs",
            ours=spread([2 * told["cpu_us"] for told in up], "{:.1f}"),
            goal="≤ 20 with the span itself",
            held=2 * cpu <= 20,
        ),
        Line(
            what="operations delivered a second",
            ours=spread([told["delivered_per_second"] for told in up], "{:,.0f}"),
        ),
        Line(
            what="peak memory, server down, MB",
            ours=f"{memory:.0f}",
            goal="< 100",
            held=memory < 100,
        ),
        Line(
            what="operations that had to wait in memory",
            ours=f"{max(told['spilled'] for told in [*up, *down]):.0f} of {OPERATIONS:,}",
            goal="0",
            held=not any(told["spilled"] for told in [*up, *down]),
        ),
    ]
    print_table("Spool", lines)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1], sys.argv[2])))
    else:
        main()
