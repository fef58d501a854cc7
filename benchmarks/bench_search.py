"""Full text over recorded real runs: how fast they are taken in, how fast they are found, what recording pays.

The runs are those of `../shared/data`, several times over under ids of their own, recorded into SQLite without
HTTP. The peer is the same question asked of the record itself with `LIKE`.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
from msgspec import Raw
from sqlalchemy import text

from benchmarks.report import Line, print_table
from holdfast._clock import utc_now_ns
from holdfast.cli.runfiles.mapping import plan_run
from holdfast.cli.runfiles.records import parse_run
from holdfast.server.services.auth import Principal
from holdfast.server.services.recording.apply import Batch
from holdfast.server.services.recording.commit import Committer
from holdfast.server.services.searching.indexer import Indexer
from holdfast.server.services.searching.indexing import Indexing
from holdfast.server.services.searching.query import parse_search
from holdfast.server.services.searching.search import Search, SearchFilter
from holdfast.server.services.setup import DEFAULT_ACCOUNT, prepare
from holdfast.server.stores.base import Store
from holdfast.server.stores.opening import open_database, open_search
from holdfast.server.stores.reach import Reach
from holdfast.server.stores.search.queue import oldest_queued
from holdfast.wire.operations import InstanceRegister, Operation, SpanCreate
from holdfast.wire.vocabulary import OnError, SpanStatus, TokenScope

__all__ = ["main"]

_WHO = Principal(token_id="bench", account_id=DEFAULT_ACCOUNT, scopes=frozenset(TokenScope))
_EVERYTHING = SearchFilter()
_QUESTIONS = {
    "a word that few texts have": "ReadTimeoutError",
    "a word that many have": "error",
    "a word that nearly all have": "the",
    "two words": "django migration",
    "a phrase": '"rate limit"',
    "a phrase that is nowhere": '"limit the rate of the"',
    "a beginning": "serializ*",
    "a word without another": "timeout -connection",
    "a word that is nowhere": "xylophonist",
}


def recorded_runs(folder: Path, copies: int) -> Iterator[list[Operation]]:
    """Each real run as the operations of one request, so many times over."""
    for copy in range(copies):
        for path in sorted(folder.glob("*.jsonl.gz")):
            if path.name.startswith("provider_http"):
                continue
            with gzip.open(path, "rb") as lines:
                for line in lines:
                    yield _operations(line, copy)


def _operations(line: bytes, copy: int) -> list[Operation]:
    plan = plan_run(parse_run(line), 1_700_000_000_000_000_000)
    run_id = f"{plan.id}.{copy}"
    items: list[Operation] = [
        InstanceRegister(idempotency_key=run_id, id=run_id, agent_id=plan.agent, name=plan.name)
    ]
    for span in plan.spans:
        span_id = f"{span.id}.{copy}"
        items.append(
            SpanCreate(
                idempotency_key=span_id,
                agent_instance_id=run_id,
                id=span_id,
                schema_name=span.type.value,
                name=span.name,
                status=span.status if span.status.final else SpanStatus.COMPLETE,
                started_at=span.times.started,
                finished_at=span.times.finished,
                payload=Raw(msgspec.json.encode(span.payload)),
                result_payload=Raw(msgspec.json.encode(span.result)),
                attributes=Raw(msgspec.json.encode(span.attributes)),
                error=span.error,
            )
        )
    return items


def _milliseconds(work: Callable[[], object], times: int = 40) -> list[float]:
    taken: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1e3)
    return sorted(taken)


def _p95(values: list[float]) -> float:
    return values[int(len(values) * 0.95)]


def _recording(runs: list[list[Operation]], *, indexed: bool) -> tuple[float, float]:
    """Operations a second until they are committed, and seconds from then until all can be found."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "holdfast.db"
        store = open_database(file, None)
        prepare(store, utc_now_ns())
        index = open_search(file, None, store)
        indexer = Indexer(store, index) if indexed else None
        committer = Committer(store, utc_now_ns, to_index=indexer.committed if indexer else lambda _: None)
        began = time.perf_counter()
        waiting = [
            committer.submit(Batch(who=_WHO, items=list(items), on_error=OnError.CONTINUE, minimal=True))
            for items in runs
        ]
        for one in waiting:
            one.result()
        taken = time.perf_counter() - began
        while indexer is not None and oldest_queued(store, 1):
            time.sleep(0.05)
        caught_up = time.perf_counter() - began - taken
        committer.close()
        if indexer is not None:
            indexer.close()
        index.close()
        store.close()
    return sum(map(len, runs)) / taken, caught_up


def _found(folder: Path, copies: int) -> Iterator[Line]:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "holdfast.db"
        store = open_database(file, None)
        prepare(store, utc_now_ns())
        index = open_search(file, None, store)
        committer = Committer(store, utc_now_ns)
        for items in recorded_runs(folder, copies):
            committer.submit(Batch(who=_WHO, items=items, on_error=OnError.CONTINUE, minimal=True)).result()
        committer.close()
        work, texts = Indexing(store, index), 0
        wall, cpu = time.perf_counter(), time.process_time()
        while (taken := work.step()) is not None:
            texts += taken
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        size = index.size().bytes
        yield Line(what="texts taken in, one core", ours=f"{texts / wall:,.0f} a second")
        yield Line(what="CPU of one text", ours=f"{cpu / texts * 1e6:.0f} µs")
        yield Line(what=f"index of {texts:,} texts", ours=f"{size / texts:,.0f} bytes a text")
        search = Search(store, index)
        for what, query in _QUESTIONS.items():
            ours = _milliseconds(partial(_ask, search, query))
            peer = _milliseconds(partial(_like, store, query), 3)
            yield Line(
                what=what,
                ours=f"{statistics.median(ours):.1f} ms (p95 {_p95(ours):.1f})",
                peer=f"LIKE {statistics.median(peer):,.0f} ms",
                goal="50 ms",
                held=_p95(ours) <= 50,
            )
        index.close()
        store.close()


def _ask(search: Search, query: str) -> int:
    return len(search.find(Reach(account_id=DEFAULT_ACCOUNT), query, within=_EVERYTHING).summaries)


def _like(store: Store, query: str) -> int:
    """The newest twenty spans that have the words, without an index."""
    match = parse_search(query)
    assert match is not None
    words = [" ".join(term.phrases[0]) for term in match.wanted]
    fields = "coalesce(CAST(payload AS TEXT), '') || coalesce(CAST(result_payload AS TEXT), '')"
    where = " AND ".join(f"({fields}) LIKE :w{place}" for place in range(len(words)))
    values = {f"w{place}": f"%{word}%" for place, word in enumerate(words)}
    query_text = f"SELECT key FROM span_bodies WHERE {where} ORDER BY key DESC LIMIT 20"
    with store.reader.connect() as connection:
        return len(connection.execute(text(query_text), values).all())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copies", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    options = parser.parse_args()
    if not options.data.exists():
        print(f"search: skipped, the recorded runs are not there ({options.data})")
        return
    print_table(f"Search over {options.copies} × the real runs", list(_found(options.data, options.copies)))
    runs = list(recorded_runs(options.data, 1))
    pairs = [
        (_recording(runs, indexed=False)[0], *_recording(runs, indexed=True)) for _ in range(options.repeat)
    ]
    without, with_index, behind = (statistics.median(column) for column in zip(*pairs, strict=True))
    print_table(
        "What recording pays while the index follows",
        [
            Line(what="operations a second, no index", ours=f"{without:,.0f}"),
            Line(
                what="operations a second, index following",
                ours=f"{with_index:,.0f} ({(with_index / without - 1) * 100:+.0f} %)",
                goal="-25 %",
                held=with_index >= 0.75 * without,
            ),
            Line(what="all can be found after", ours=f"{behind:.1f} s"),
        ],
    )


if __name__ == "__main__":
    main()
