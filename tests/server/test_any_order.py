"""The record does not depend on how it arrived."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET, Raw
from sqlalchemy import text

from holdfast.server.services.setup import prepare
from holdfast.server.stores.base import Store
from holdfast.server.stores.opening import open_database
from holdfast.server.stores.schema.record import metadata
from holdfast.server.stores.sqlite.store import SqliteStore
from holdfast.wire.operations import (
    EventCreate,
    InstanceFinish,
    InstanceRegister,
    InstanceStart,
    Operation,
    QualityRecord,
    RecordedError,
    SpanCreate,
    SpanFinish,
)
from holdfast.wire.vocabulary import InstanceStatus, Purpose, SpanStatus
from postgres_server import postgres_database
from server.facet_count import counted_facets, counted_rollups, kept_facets, kept_rollups
from server.records import NOW, apply, picture

_SECOND = 1_000_000_000
_times = st.integers(0, 3 * 3600).map(lambda s: NOW + s * _SECOND)
_ends = st.sampled_from([SpanStatus.COMPLETE, SpanStatus.FAILED, SpanStatus.CANCELLED])
_json = st.sampled_from([Raw(b"null"), Raw(b'{"a":1}'), Raw(b"[1]"), Raw(b'"text"')])
_told = st.sampled_from(
    [
        Raw(b'{"token_usage":{"prompt_tokens":3,"completion_tokens":2},"model_name":"m3"}'),
        Raw(b'{"token_usage":{"completion_tokens":9},"provider":"q"}'),
        Raw(b'{"token_usage":"many"}'),
    ]
)
_errors = st.none() | st.sampled_from(
    [
        RecordedError(type="ValueError", message="no"),
        RecordedError(type="ValueError", message="no", category="rate_limit"),
        RecordedError(type="Timeout", message="after 12 s"),
    ]
)
_usage = st.fixed_dictionaries(
    {},
    optional={
        "gen_ai.operation.name": st.sampled_from(["chat", "invoke_agent"]),
        "gen_ai.request.model": st.sampled_from(["m1", "m2"]),
        "gen_ai.provider.name": st.just("p"),
        "gen_ai.tool.name": st.sampled_from(["t1", "t2"]),
        "error.type": st.just("odd"),
        "gen_ai.usage.input_tokens": st.integers(0, 10_000) | st.just("many"),
        "gen_ai.usage.output_tokens": st.integers(0, 10_000),
        "holdfast.cost.usd": st.sampled_from([0.0, 0.1, 0.2, 1e-9]),
        "holdfast.cost.source": st.sampled_from(["reported", "computed", "estimated", "unknown"]),
        "other": st.integers(),
    },
).map(lambda value: Raw(msgspec.json.encode(value)))


@st.composite
def _span(draw: Any, run_id: str, span_id: str) -> list[Operation]:
    whole = draw(st.booleans())
    start = SpanCreate(
        idempotency_key=f"{span_id}:s",
        agent_instance_id=run_id,
        id=span_id,
        parent_span_id=draw(st.sampled_from([None, "s0", "s1", "elsewhere"])),
        schema_name=draw(st.sampled_from(["agent:llm", "agent:tool", "agent:run", "x:llm", "mine"])),
        name=draw(st.sampled_from([None, "step"])),
        status=draw(_ends) if whole else draw(st.sampled_from([SpanStatus.ACTIVE, SpanStatus.PENDING])),
        started_at=draw(_times),
        finished_at=draw(_times) if whole else None,
        payload=draw(_json | _told),
        result_payload=draw(_json | _told),
        attributes=draw(_usage),
        error=draw(_errors) if whole else None,
    )
    if whole or draw(st.booleans()):
        return [start]
    finish = SpanFinish(
        idempotency_key=f"{span_id}:f",
        agent_span_id=span_id,
        agent_instance_id=run_id,
        status=draw(_ends),
        timestamp=draw(_times),
        payload=draw(st.just(UNSET) | _json | _told),
        result_payload=draw(_json | _told),
        attributes=draw(_usage),
        error=draw(_errors),
    )
    return [start, finish]


@st.composite
def _run(draw: Any, run_id: str) -> list[Operation]:
    operations: list[Operation] = [
        InstanceRegister(
            idempotency_key=f"{run_id}:r",
            id=run_id,
            agent_id=draw(st.sampled_from(["one", "two"])),
            purpose=draw(st.sampled_from(Purpose)),
            name=draw(st.sampled_from([None, "job"])),
            attributes=draw(_usage),
            timestamp=draw(_times),
        ),
        InstanceStart(idempotency_key=f"{run_id}:s", agent_instance_id=run_id, timestamp=NOW - _SECOND),
    ]
    for number in range(draw(st.integers(0, 4))):
        operations += draw(_span(run_id, f"s{number}"))
    for number in range(draw(st.integers(0, 2))):
        operations.append(
            EventCreate(
                idempotency_key=f"{run_id}:e{number}",
                agent_instance_id=run_id,
                id=f"e{number}",
                name=draw(st.sampled_from(["noted", "budget.exceeded", "turn.started"])),
                timestamp=draw(_times),
                payload=draw(_json),
            )
        )
    for number in range(draw(st.integers(0, 3))):
        operations.append(
            QualityRecord(
                idempotency_key=f"{run_id}:q{number}",
                agent_instance_id=run_id,
                name=draw(st.sampled_from(["score", "tone"])),
                payload=draw(_json),
                timestamp=draw(st.sampled_from([NOW, NOW + 1])),
            )
        )
    if draw(st.booleans()):
        operations.append(
            InstanceFinish(
                idempotency_key=f"{run_id}:f",
                agent_instance_id=run_id,
                status=draw(st.sampled_from([None, InstanceStatus.FAILED, InstanceStatus.CANCELLED])),
                timestamp=draw(_times),
                error=draw(_errors),
                attributes=draw(_usage),
            )
        )
    return operations


@st.composite
def _deliveries(draw: Any) -> tuple[list[Operation], list[list[Operation]]]:
    """Operations in their natural order, and the same with repeats, shuffled and cut into requests."""
    operations: list[Operation] = draw(_run("run-a")) + draw(_run("run-b"))
    repeated = operations + draw(st.lists(st.sampled_from(operations), max_size=6))
    shuffled = draw(st.permutations(repeated))
    requests: list[list[Operation]] = []
    while shuffled:
        size = draw(st.integers(1, len(shuffled)))
        requests.append(list(shuffled[:size]))
        shuffled = shuffled[size:]
    return operations, requests


FreshStore = Callable[[], AbstractContextManager[Store]]


@contextmanager
def _fresh_file() -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as directory:
        store = SqliteStore(Path(directory) / "record.db")
        prepare(store, NOW)
        yield store
        store.close()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def fresh_store(request: pytest.FixtureRequest) -> Iterator[FreshStore]:
    """Gives an empty store, of each kind, as often as it is asked."""
    if request.param == "sqlite":
        yield _fresh_file
        return
    tables = ", ".join(table.name for table in metadata.sorted_tables)
    with postgres_database(request.getfixturevalue("postgres_address"), "any_order") as address:
        store = open_database(Path("unused"), address)

        @contextmanager
        def emptied() -> Iterator[Store]:
            with store.write() as transaction:
                transaction.connection.execute(text(f"TRUNCATE {tables}"))
            prepare(store, NOW)
            yield store

        yield emptied
        store.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_deliveries())
def test_any_order_any_repetition_any_batching(
    fresh_store: FreshStore,
    deliveries: tuple[list[Operation], list[list[Operation]]],
) -> None:
    """Whatever the order, the repetition and the requests, the rows and every total end the same."""
    operations, requests = deliveries
    with fresh_store() as straight:
        for operation in operations:
            assert not apply(straight, [operation]).errors
        expected = picture(straight)
    with fresh_store() as store:
        for request in requests:
            assert not apply(store, request).errors
        assert picture(store) == expected
        assert kept_facets(store) == counted_facets(store)
        assert kept_rollups(store) == counted_rollups(store)
