"""How fast the overview and the comparison are: server time of whole pages, through HTTP, on one SQLite file.

A million runs for the overview. A range that nobody looked at for a while is summed up anew (the first view); what
began more than a day ago is then kept for five minutes. Two runs of 10,000 spans each are compared.
"""

from __future__ import annotations

import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import urllib3

from benchmarks.many_runs import fill_with_runs
from benchmarks.report import Line, median, print_table
from holdfast._clock import utc_now_ns
from holdfast._ids import new_id
from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server
from holdfast.server.stores.rows import BodyRow, InstanceRow, SpanRow
from holdfast.server.stores.schema.record import BODY_KEY_BITS, SPAN_CREATED

SECOND = 1_000_000_000
OVERVIEW_GOAL = 150.0
WEIGHT_GOAL = 150_000
SPANS = 10_000

Get = Callable[[str], bytes]


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        background_server(ServerConfig(data=Path(folder), port=0)) as server,
    ):
        fill_with_runs(server)
        get = _reader(server)
        lines = [*_overview(get), *_compare(server, get), *_weights(get)]
    print_table(
        "Overview of a million runs, comparison: milliseconds of whole requests, 95th percentile", lines
    )


def _reader(server: Listening) -> Get:
    http = urllib3.PoolManager()
    code = server.services.auth.login_code("default")
    answer = http.request("GET", f"{server.url}/login?code={code}", redirect=False)
    cookie = answer.headers["set-cookie"].partition(";")[0]

    def get(path: str) -> bytes:
        answer = http.request("GET", server.url + path, headers={"Cookie": cookie})
        assert answer.status == 200, (path, answer.status)
        return answer.data

    return get


def _measure(label: str, get: Get, paths: Sequence[str], goal: float | None) -> Line:
    """Held where the 95th percentile (of few requests: the slowest) keeps to the goal."""
    took: list[float] = []
    for path in paths:
        began = time.perf_counter()
        get(path)
        took.append((time.perf_counter() - began) * 1000)
    slow = statistics.quantiles(took, n=20)[-1] if len(took) >= 20 else max(took)
    return Line(
        what=label,
        ours=f"{slow:.1f} (median {median(took):.1f})",
        goal="" if goal is None else f"≤ {goal:.0f} ms",
        held=None if goal is None else slow <= goal,
    )


def _overview(get: Get) -> Iterator[Line]:
    ranges = ("1h", "24h", "7d", "30d", "90d", "all")
    for within in ranges:
        path = f"/?within={within}"
        yield _measure(f"overview, {within}, first view", get, [path], None)
        yield _measure(f"overview, {within}", get, [path] * 40, OVERVIEW_GOAL)
    mixed = [f"/?within={within}&by=agent" for within in ranges] * 8
    yield _measure("overview, by agent, ranges in turn", get, mixed, OVERVIEW_GOAL)
    one = [f"/?within=90d&agent=agent-{number}" for number in range(20)]
    yield _measure("overview of one agent, 90d, each its first view", get, one, OVERVIEW_GOAL)
    own = ["/?from=2026-03-01T00:00&to=2026-04-01T00:00"] * 20
    yield _measure("overview, a month of one's own", get, own, OVERVIEW_GOAL)
    yield _measure("its numbers alone, 90d", get, ["/overview/figures?within=90d"] * 40, None)


def _compare(server: Listening, get: Get) -> Iterator[Line]:
    for number, (label, turns) in enumerate((("in turns of ten", 10), ("side by side", SPANS))):
        a, b = f"a-{number}", f"b-{number}"
        with server.services.store.write() as transaction:
            _add_run(transaction, a, turns, lambda _: False)
            _add_run(transaction, b, turns, lambda at: at % 37 == 5)
        path = f"/compare?a={a}&b={b}"
        yield _measure(f"compare {SPANS:,} × {SPANS:,} spans {label}, first view", get, [path], 1000.0)
        rows = [f"{path}&from={place}" for place in range(0, SPANS, SPANS // 30)]
        yield _measure("the same, anywhere in it", get, rows, None)


def _add_run(transaction: Any, run_id: str, turn: int, other: Callable[[int], bool]) -> None:
    """`SPANS` spans, `turn` below each of those that stand at the top; names of those for which `other` differ."""
    begun = utc_now_ns() - SPANS * SECOND
    key = transaction.add_instance(
        InstanceRow(
            key=0,
            account_id="default",
            id=run_id,
            status="complete",
            purpose="live",
            name=run_id,
            begun_at=begun,
            started_at=begun,
            finished_at=begun + SPANS * SECOND,
            inserted_at=begun,
            updated_at=begun,
            spans_total=SPANS,
        )
    )
    spans: list[SpanRow] = []
    bodies: list[BodyRow] = []
    outer = ""
    for at in range(SPANS):
        span_id, top = new_id(), at % turn == 0
        started = begun + at * SECOND
        spans.append(
            SpanRow(
                instance_key=key,
                id=span_id,
                body_key=key << BODY_KEY_BITS | at,
                parent_span_id=None if top else outer,
                schema_name="agent:step" if top else "agent:tool",
                name="another tool" if other(at) else f"tool {'abcdefgh'[at * 7919 % 8]}",
                status="complete",
                started_at=started,
                finished_at=started + SECOND,
                inserted_at=started,
                updated_at=started,
                flags=SPAN_CREATED,
            )
        )
        bodies.append(
            BodyRow(key=spans[-1].body_key, payload=b'{"question":"why"}', result_payload=b'{"n":42}')
        )
        outer = span_id if top else outer
    transaction.add_spans(spans, bodies)


def _weights(get: Get) -> Iterator[Line]:
    """A page with all that it loads but the charts' library."""
    for label, path in (("overview, 90d", "/?within=90d&by=agent"), ("comparison", "/compare?a=a-0&b=b-0")):
        page = get(path)
        files = set(re.findall(r'(?:src|href)="(/static/[^"#]+)', page.decode()))
        files |= {path.partition("#")[0] for path in re.findall(r'<use href="([^"]+)"', page.decode())}
        files |= {file.replace("overview.js", "charts.js") for file in files}  # which that one imports
        weight = len(page) + sum(len(get(file)) for file in files)
        yield Line(
            what=f"weight of the page: {label}",
            ours=f"{weight / 1000:.0f} KB ({len(page) / 1000:.0f} KB of HTML)",
            goal=f"≤ {WEIGHT_GOAL // 1000} KB",
            held=weight <= WEIGHT_GOAL,
        )


if __name__ == "__main__":
    main()
