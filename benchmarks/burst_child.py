"""One process that records spans as fast as it can, by Holdfast or by the peer, and says what that cost it."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable

TEXT = "a payload of about four hundred characters, as a prompt or an answer might be. " * 5
NAMED: dict[str, str | int | bool] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "small",
    "step": 7,
    "cached": False,
}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _said(spans: int, call: Callable[[], None], finish: Callable[[], bool]) -> dict[str, float | int | bool]:
    for _ in range(1000):
        call()
    cpu, began_at, began = _cpu(), time.time(), time.perf_counter()
    for _ in range(spans - 1000):
        call()
    called = time.perf_counter() - began
    delivered = finish()
    return {
        "began_at": began_at,
        "caller_us": called / (spans - 1000) * 1e6,
        "cpu_us": (_cpu() - cpu) / (spans - 1000) * 1e6,
        "delivered": delivered,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def holdfast_burst(spans: int, run_id: str, flush_seconds: float) -> dict[str, float | int | bool]:
    import holdfast

    client = holdfast.init(agent="benchmark")
    run = client.run("burst", id=run_id).start()

    def call() -> None:
        with run.span("chat", type="agent:llm", payload={"prompt": TEXT}, attributes=NAMED):
            pass

    def finish() -> bool:
        run.finish()
        return client.flush(flush_seconds)

    return _said(spans, call, finish)


def opentelemetry_burst(spans: int, sink: str, flush_seconds: float) -> dict[str, float | int | bool]:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{sink}/v1/traces")))
    tracer = provider.get_tracer("benchmark")

    def call() -> None:
        with tracer.start_as_current_span("chat", attributes={**NAMED, "prompt": TEXT}):
            pass

    return _said(spans, call, lambda: provider.force_flush(int(flush_seconds * 1000)))


if __name__ == "__main__":
    who, count, target, seconds = sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
    burst = {"holdfast": holdfast_burst, "opentelemetry": opentelemetry_burst}[who]
    print(json.dumps(burst(count, target, seconds)))
