"""The recording path into PostgreSQL, until the spans can be read, beside the embedded database.

Client, server and database share the machine's two cores. The database is one of its own, with the safety of
PostgreSQL's defaults (a commit is on the disk before it is answered).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.bench_burst import until_readable
from benchmarks.processes import HoldfastServer
from benchmarks.report import Line, median, print_table, spread

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # where the server that can be started is
from postgres_server import postgres_database, postgres_server

__all__ = ["main"]

REPEATS = 5
_SAFE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "deadlock_timeout": "1s"}


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres_server(**_SAFE) as postgres,
        postgres_database(postgres, "bench") as database,
        HoldfastServer(Path(folder) / "embedded") as embedded,
        HoldfastServer(Path(folder) / "shared", database=database) as shared,
    ):
        for server in (shared, embedded):
            until_readable(server)  # the first pays for caches
        rounds = [(until_readable(shared), until_readable(embedded)) for _ in range(REPEATS)]
    rates, others = [one for one, _ in rounds], [other for _, other in rounds]
    print_table(
        f"The SDK's spans into PostgreSQL (median of {REPEATS}, least to most)",
        [
            Line(
                what="spans a second until they can be read",
                ours=spread(rates, "{:,.0f}"),
                goal="≥ 20,000",
                held=median(rates) >= 20_000,
            ),
            Line(what="the same into the embedded database", ours=spread(others, "{:,.0f}")),
        ],
    )


if __name__ == "__main__":
    main()
