"""What `holdfast db copy` takes: a record of 100,000 spans with a payload of about 1 KB, from the file to PostgreSQL
and back, the comparison in the end included; and again, when there is nothing left to do.
"""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from benchmarks.report import Line, print_table
from holdfast._clock import utc_now_ns
from holdfast.server.services.copying import copy_between
from holdfast.server.services.mover import Mover
from holdfast.server.services.setup import prepare
from holdfast.server.stores.base import Store
from holdfast.server.stores.opening import open_database
from holdfast.server.stores.rows import BodyRow, InstanceRow, SpanRow
from holdfast.server.stores.schema.record import BODY_KEY_BITS, SPAN_CREATED
from holdfast.server.stores.sqlite.store import SqliteStore
from holdfast.server.stores.tiered.store import TieredStore

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # where the server that can be started is
from postgres_server import postgres_database, postgres_server

__all__ = ["main"]

RUNS, SPANS = 1_000, 100
_SAFE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "deadlock_timeout": "1s"}
_PAYLOAD = b'{"messages": [{"role": "user", "content": "%s"}]}' % (b"words and more words " * 45)


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres_server(**_SAFE) as postgres,
        postgres_database(postgres, "bench") as database,
    ):
        source, back = Path(folder) / "source.db", Path(folder) / "back.db"
        with closing(SqliteStore(source)) as store:
            prepare(store, utc_now_ns())
            _fill(store)
        lines = [
            _measured("the file to PostgreSQL", str(source), database),
            _measured("again, nothing to do", str(source), database),
            _measured("PostgreSQL to a file", database, str(back)),
            _measured("the file to a file", str(source), str(Path(folder) / "other.db")),
        ]
        spans = f"chdb:///{folder}/spans"
        _move(database, spans)
        other = str(Path(folder) / "third.db")
        lines.append(_measured("PostgreSQL and ClickHouse (chDB) to a file", database, other, spans))
    print_table("Copying a record: spans a second, compared in the end (once each)", lines)


def _measured(what: str, source: str, target: str, spans: str | None = None) -> Line:
    began = time.perf_counter()
    report = copy_between(source, target, lambda _: None, source_spans=spans)
    seconds = time.perf_counter() - began
    assert report.same
    return Line(what=what, ours=f"{RUNS * SPANS / seconds:,.0f} ({seconds:.1f} s)")


def _move(database: str, spans: str) -> None:
    """All spans of the record to ClickHouse."""
    with closing(open_database(Path("unused"), database, spans)) as store:
        prepare(store, utc_now_ns())
        assert isinstance(store, TieredStore)
        mover = Mover(store, lambda: utc_now_ns() + 10**12, after=0.0, every=3600.0)
        assert mover.sweep() == RUNS * SPANS
        mover.close()


def _fill(store: Store) -> None:
    now = utc_now_ns()
    for number in range(RUNS):
        with store.write() as transaction:
            run = InstanceRow(
                key=0,
                account_id="default",
                id=f"run-{number}",
                status="complete",
                purpose="live",
                begun_at=now,
                inserted_at=now,
                updated_at=now,
                spans_total=SPANS,
            )
            key = transaction.add_instance(run)
            keys = [key << BODY_KEY_BITS | ordinal for ordinal in range(SPANS)]
            transaction.add_spans(
                [
                    SpanRow(
                        key,
                        f"{number}-{body:x}",
                        body,
                        None,
                        "agent:llm",
                        "step",
                        "complete",
                        now,
                        now,
                        now,
                        now,
                        SPAN_CREATED,
                    )
                    for body in keys
                ],
                [BodyRow(body, payload=_PAYLOAD) for body in keys],
            )


if __name__ == "__main__":
    main()
