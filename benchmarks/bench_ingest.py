"""What one span costs the server: each stage on its own, then over HTTP from a second process.

A span is two operations, a start and a finish, with 4 attributes and 400 characters of payload, as the SDK
sends them. The stages run in one thread on a database in a temporary directory; the last line is the whole
server in a process of its own, fed by one client that waits for each answer, until the spans can be queried.
"""

from __future__ import annotations

import argparse
import multiprocessing
import multiprocessing.connection
import tempfile
import time
from pathlib import Path

import msgspec
import urllib3

from holdfast._clock import utc_now_ns
from holdfast._ids import new_id
from holdfast.server.config import ServerConfig
from holdfast.server.running import background_server
from holdfast.server.services.auth import Principal
from holdfast.server.services.recording.apply import Batch, apply_batches
from holdfast.server.services.recording.decoding import decode_bulk
from holdfast.server.services.recording.working_set import WorkingSet
from holdfast.server.services.setup import DEFAULT_ACCOUNT, prepare
from holdfast.server.stores.sqlite.store import SqliteStore
from holdfast.wire.operations import InstanceRegister, InstanceStart, Operation, SpanCreate, SpanFinish
from holdfast.wire.vocabulary import TokenScope

__all__ = ["main"]

_SPANS_A_REQUEST = 512
_PAYLOAD = msgspec.Raw(msgspec.json.encode({"question": "why " * 100}))
_ATTRIBUTES = msgspec.Raw(
    msgspec.json.encode(
        {"gen_ai.request.model": "m-1", "gen_ai.usage.input_tokens": 812, "step": 3, "retry": False}
    )
)


def _run_operations(run_id: str) -> list[Operation]:
    return [
        InstanceRegister(idempotency_key=new_id(), id=run_id, agent_id="bench"),
        InstanceStart(idempotency_key=new_id(), agent_instance_id=run_id, timestamp=utc_now_ns()),
    ]


def _span_operations(run_id: str, spans: int) -> list[Operation]:
    items: list[Operation] = []
    for _ in range(spans):
        span_id = new_id()
        items.append(
            SpanCreate(
                idempotency_key=f"{span_id}:s",
                agent_instance_id=run_id,
                id=span_id,
                schema_name="agent:llm",
                name="answer",
                started_at=utc_now_ns(),
                payload=_PAYLOAD,
                attributes=_ATTRIBUTES,
            )
        )
        items.append(
            SpanFinish(
                idempotency_key=f"{span_id}:f",
                agent_span_id=span_id,
                agent_instance_id=run_id,
                timestamp=utc_now_ns(),
            )
        )
    return items


def _body(items: list[Operation]) -> bytes:
    return msgspec.json.encode({"on_error": "continue", "items": items})


def bodies(requests: int) -> list[bytes]:
    """Requests of 512 spans of one run each, the run announced in the first."""
    run_id = new_id()
    made = [_span_operations(run_id, _SPANS_A_REQUEST) for _ in range(requests)]
    made[0] = _run_operations(run_id) + made[0]
    return [_body(items) for items in made]


def stages(requests: int) -> dict[str, float]:
    """Microseconds a span of each stage, in one thread."""
    spent = dict.fromkeys(("decode", "read rows, apply", "write rows", "commit"), 0.0)
    who = Principal(token_id="t", account_id=DEFAULT_ACCOUNT, scopes=frozenset(TokenScope))
    with tempfile.TemporaryDirectory() as directory:
        store = SqliteStore(Path(directory) / "bench.db")
        prepare(store, utc_now_ns())
        for body in bodies(requests):
            marks = [time.perf_counter()]
            on_error, items, _, _ = decode_bulk(body)
            marks.append(time.perf_counter())
            with store.write() as transaction:
                work = WorkingSet(transaction, utc_now_ns())
                apply_batches(work, [Batch(who=who, items=items, on_error=on_error, minimal=True)])
                marks.append(time.perf_counter())
                work.write()
                marks.append(time.perf_counter())
            marks.append(time.perf_counter())
            for name, start, end in zip(spent, marks, marks[1:], strict=False):
                spent[name] += end - start
        store.close()
    return {name: seconds / (requests * _SPANS_A_REQUEST) * 1e6 for name, seconds in spent.items()}


def serve_until_told(directory: str, connection: multiprocessing.connection.Connection) -> None:
    with background_server(ServerConfig(data=Path(directory), port=0)) as server:
        before = time.process_time()
        connection.send((server.url, server.token))
        connection.recv()
        connection.send(time.process_time() - before)


def over_http(requests: int) -> tuple[float, float]:
    """Spans a second until answered, and the server's CPU microseconds a span."""
    prepared = bodies(requests)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with tempfile.TemporaryDirectory() as directory:
        process = context.Process(target=serve_until_told, args=(directory, theirs))
        process.start()
        url, token = ours.recv()
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Prefer": "return=minimal",
        }
        with urllib3.PoolManager() as http:
            start = time.perf_counter()
            for body in prepared:
                answer = http.request("POST", f"{url}/api/v1/bulk", body=body, headers=headers)
                assert answer.status == 200, answer.data
                assert b'"outputs":{}' in answer.data, answer.data
            taken = time.perf_counter() - start
        ours.send(None)
        cpu: float = ours.recv()
        process.join()
    spans = requests * _SPANS_A_REQUEST
    return spans / taken, cpu / spans * 1e6


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=40, help="requests of 512 spans each")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    best = min(
        (stages(options.requests) for _ in range(options.repeat)), key=lambda found: sum(found.values())
    )
    for name, cost in best.items():
        print(f"{name:20} {cost:6.2f} µs a span")
    print(f"{'together':20} {sum(best.values()):6.2f} µs a span")
    runs = [over_http(options.requests) for _ in range(options.repeat)]
    rate, cpu = max(runs)
    print(f"{'over HTTP':20} {rate:,.0f} spans a second, {cpu:.1f} µs of the server's CPU a span")


if __name__ == "__main__":
    main()
