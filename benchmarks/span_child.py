"""One process that times each span call by itself, by Holdfast or by the peer."""

from __future__ import annotations

import array
import json
import sys
import tempfile
import time
from collections.abc import Callable

from benchmarks.burst_child import NAMED, TEXT

PAUSE_EVERY = 2_000
PAUSE_SECONDS = 0.02


def _timed(spans: int, call: Callable[[], None], *, paced: bool) -> dict[str, float]:
    """Microseconds of each call. `paced` leaves the background its time, as an agent that waits for models does."""
    for _ in range(2_000):
        call()
    nanoseconds = array.array("q", bytes(8 * spans))
    clock = time.perf_counter_ns
    for number in range(spans):
        before = clock()
        call()
        nanoseconds[number] = clock() - before
        if paced and number % PAUSE_EVERY == PAUSE_EVERY - 1:
            time.sleep(PAUSE_SECONDS)
    ranked = sorted(nanoseconds)
    return {
        "median_us": ranked[spans // 2] / 1000,
        "p99_us": ranked[spans * 99 // 100] / 1000,
        "p999_us": ranked[spans * 999 // 1000] / 1000,
        "mean_us": sum(ranked) / spans / 1000,
    }


def holdfast_spans(spans: int, url: str, *, paced: bool) -> dict[str, float]:
    import holdfast

    with tempfile.TemporaryDirectory() as spool:
        client = holdfast.init(agent="benchmark", url=url, token="benchmark", spool=spool)
        run = client.run("spans").start()

        def call() -> None:
            with run.span("chat", type="agent:llm", payload={"prompt": TEXT}, attributes=NAMED):
                pass

        said = _timed(spans, call, paced=paced)
        run.finish()
        said["lost"] = float(sum(client.stats().lost.values()))
        client.close(0)
    return said


def opentelemetry_spans(spans: int, url: str, *, paced: bool) -> dict[str, float]:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{url}/v1/traces")))
    tracer = provider.get_tracer("benchmark")

    def call() -> None:
        with tracer.start_as_current_span("chat", attributes={**NAMED, "prompt": TEXT}):
            pass

    said = _timed(spans, call, paced=paced)
    provider.shutdown()
    return said


if __name__ == "__main__":
    who, count, address, pace = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    timed = {"holdfast": holdfast_spans, "opentelemetry": opentelemetry_spans}[who]
    print(json.dumps(timed(count, address, paced=pace == "paced")))
