"""Where two runs part, over each store, wherever their spans lie."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Raw

from holdfast.server.services.setup import prepare
from holdfast.server.services.viewing.comparing import Comparison
from holdfast.server.services.viewing.queries import Queries
from holdfast.server.stores.base import Store
from holdfast.server.stores.opening import open_database
from holdfast.server.stores.reads.results import ResultReads
from holdfast.wire.operations import NO_JSON, InstanceFinish, InstanceRegister, Operation, SpanCreate
from holdfast.wire.vocabulary import SpanStatus
from server.moved_runs import forget_work, left_here, move
from server.records import NOW, apply

LONG = b"x" * 300
RESULTS = {
    "nothing": None,
    "short": b'{"n":1}',
    "another": b'{"n":2}',
    "long": b'"' + LONG + LONG + b'"',
    "other end": b'"' + LONG + LONG[1:] + b'y"',
    "longer": b'"' + LONG + LONG + b'x"',
}


@pytest.fixture(params=["sqlite", "postgres"])
def store(tmp_path: Path, chdb: str, request: pytest.FixtureRequest) -> Iterator[Store]:
    address = request.getfixturevalue("postgres") if request.param == "postgres" else None
    store = open_database(tmp_path / "record.db", address, chdb)
    prepare(store, NOW)
    yield store
    store.close()


def run_with(run_id: str, steps: list[tuple[str, bytes | None, SpanStatus]]) -> list[Operation]:
    """A run of tools that were called one after the other."""
    items: list[Operation] = [
        InstanceRegister(idempotency_key="r", id=run_id, agent_id="tester", agent_version=None)
    ]
    for at, (name, result, status) in enumerate(steps):
        items.append(
            SpanCreate(
                idempotency_key="c",
                agent_instance_id=run_id,
                id=f"{run_id}-{at}",
                schema_name="agent:tool",
                name=name,
                status=status,
                started_at=NOW + at,
                finished_at=NOW + at,
                result_payload=NO_JSON if result is None else Raw(result),
            )
        )
    return [*items, InstanceFinish(idempotency_key="f", agent_instance_id=run_id, timestamp=NOW + 100)]


def compared(store: Store) -> Comparison:
    queries = Queries(store)
    a, b = (queries.runs.version("default", run_id) for run_id in ("a", "b"))
    assert a is not None
    assert b is not None
    return queries.comparing.compare(a, b, NOW)


def test_results_are_told_apart_by_length_and_both_ends(store: Store) -> None:
    """The same before their spans have been moved to the span store and after."""
    apply(store, run_with("a", [(name, result, SpanStatus.COMPLETE) for name, result in RESULTS.items()]))
    forget_work(store)
    queries = Queries(store)
    version = queries.runs.version("default", "a")
    assert version is not None
    spans = queries.spans.records(version.key, queries.tree(version).ids).values()
    keys = [span.body_key for span in spans]
    marks = ResultReads(store).marks(keys)
    assert len(set(marks.values())) == len(RESULTS)
    assert {mark.size for mark in marks.values()} == {len(result or b"") for result in RESULTS.values()}
    assert move(store)
    assert left_here(store)[1] == 0
    assert ResultReads(store).marks(keys) == marks


def test_the_first_parting_is_found_wherever_the_spans_lie(store: Store) -> None:
    """Of the steps, and of the results; a name that only one run has parts them."""
    done, failed = SpanStatus.COMPLETE, SpanStatus.FAILED
    apply(
        store, run_with("a", [("x 1", b"1", done), ("y", b"2", done), ("z", b"3", done), ("w", b"4", done)])
    )
    apply(
        store, run_with("b", [("x 2", b"1", done), ("y", b"0", done), ("z", b"3", failed), ("v", b"4", done)])
    )
    forget_work(store)
    for moved in (False, True):
        assert not moved or move(store)
        found = compared(store)
        assert (found.parting.step, found.parting.result) == (2, 1)
        assert list(found.differing) == [2, 3, 4]
        assert len(found.alignment.pairs) == 5


def test_a_run_compared_with_itself_parts_nowhere(store: Store) -> None:
    """Every row is the same."""
    for run_id in ("a", "b"):
        apply(store, run_with(run_id, [(name, b"1", SpanStatus.COMPLETE) for name in "xyz"]))
    found = compared(store)
    assert (found.parting.step, found.parting.result, list(found.differing)) == (None, None, [])
