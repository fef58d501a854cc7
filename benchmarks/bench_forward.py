"""What forwarding costs: runs of a record as OTLP into a receiver that counts, and what ingest loses beside it.

The record holds runs of ten spans of about 1 KB, as a server writes them. First the runs go out of a process of their
own, as `holdfast forward` does it, until all have arrived. Then a server takes traces in, with and without
forwarding them at the same time.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import urllib3

from benchmarks.bench_otlp import bodies
from benchmarks.processes import otlp_sink
from benchmarks.report import Line, print_table, spread
from holdfast.server.config import ServerConfig
from holdfast.server.running import background_server
from holdfast.server.services.forward.forwarder import Forwarder, Forwarding
from holdfast.server.services.forward.receiver import Receiver
from holdfast.server.services.forward.spans import ForwardOptions
from holdfast.server.stores.reads.forward import ForwardFilter
from holdfast.server.stores.sqlite.store import SqliteStore

__all__ = ["main"]

_AWAY = "http://127.0.0.1:9"


def _serve(directory: str, forward_to: str | None, pipe: Connection) -> None:
    config = ServerConfig(data=Path(directory), port=0, forward_to=forward_to)
    with background_server(config) as server:
        pipe.send((server.url, server.token))
        pipe.recv()


def ingest(prepared: list[bytes], directory: str, forward_to: str | None) -> float:
    """Spans a second that a server in a process of its own takes in."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(directory, forward_to, theirs))
    process.start()
    assert ours.poll(60), "the server did not start"
    url, token = ours.recv()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-protobuf"}
    with urllib3.PoolManager() as http:
        start = time.perf_counter()
        for body in prepared:
            assert http.request("POST", f"{url}/v1/traces", body=body, headers=headers).status == 200
        taken = time.perf_counter() - start
    ours.send(None)
    process.join()
    return len(prepared) * 512 / taken


def forward(directory: str, *, content: bool) -> tuple[int, float, float]:
    """Spans that arrived, spans a second, and CPU microseconds a span of the process that forwards."""
    store = SqliteStore(Path(directory) / "holdfast.db")
    with otlp_sink() as address:
        forwarder = Forwarder(
            store,
            Receiver(address, {}),
            Forwarding(
                wanted=ForwardFilter(account_id="default"),
                options=ForwardOptions(content=content),
                settle=0.0,
            ),
            clock=time.time_ns,
            wait=lambda _: False,
            patient=False,
        )
        assert forwarder.open(again=True)
        start, cpu = time.perf_counter(), time.process_time()
        forwarder.send_settled()
        taken, cpu = time.perf_counter() - start, time.process_time() - cpu
        forwarder.close()
        arrived = int(urllib3.request("GET", f"{address}/count").data)
    store.close()
    return arrived, arrived / taken, cpu / arrived * 1e6


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=40, help="requests of 512 spans each")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    alone: list[float] = []
    beside: list[float] = []
    rates: dict[bool, list[float]] = {False: [], True: []}
    costs: dict[bool, list[float]] = {False: [], True: []}
    lost = 0
    for _ in range(options.repeat):
        with tempfile.TemporaryDirectory() as directory:
            alone.append(ingest(bodies(options.requests), directory, None))
            for content in (False, True):
                arrived, rate, cost = forward(directory, content=content)
                lost += options.requests * 512 - arrived
                rates[content].append(rate)
                costs[content].append(cost)
        with tempfile.TemporaryDirectory() as directory:
            beside.append(ingest(bodies(options.requests), directory, _AWAY))
    print_table(
        f"Forwarding {options.requests * 512:,} spans as OTLP",
        [
            Line(what="without content, spans a second", ours=spread(rates[False], "{:,.0f}")),
            Line(what="with content, spans a second", ours=spread(rates[True], "{:,.0f}")),
            Line(what="CPU without content, µs a span", ours=spread(costs[False])),
            Line(what="CPU with content, µs a span", ours=spread(costs[True])),
            Line(what="spans that did not arrive", ours=str(lost), goal="0", held=lost == 0),
            Line(what="ingest alone, spans a second", ours=spread(alone, "{:,.0f}")),
            Line(what="ingest while the receiver is away", ours=spread(beside, "{:,.0f}")),
        ],
    )


if __name__ == "__main__":
    main()
