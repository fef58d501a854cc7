"""Runs with something of everything, and moving them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final

from msgspec import Raw

from holdfast.server.services.mover import Mover
from holdfast.server.stores.base import Store
from holdfast.server.stores.schema import record as schema
from holdfast.server.stores.tiered.store import TieredStore
from holdfast.wire.operations import (
    EventCreate,
    InstanceFinish,
    InstanceRegister,
    InstanceStart,
    Operation,
    RecordedError,
    SpanCreate,
    SpanFinish,
)
from holdfast.wire.vocabulary import SpanStatus
from server.records import NOW, apply, rows

LATER: Final = NOW + 3_600_000_000_000
"""By then everything that was received at `NOW` has been quiet for long."""


def whole_run(run_id: str, spans: int = 12, *, events: int = 3, agent: str = "tester") -> list[Operation]:
    """A run that has ended, its spans of several kinds and states, its events."""
    items: list[Operation] = [
        InstanceRegister(idempotency_key="r", id=run_id, agent_id=agent, agent_version=None),
        InstanceStart(idempotency_key="s", agent_instance_id=run_id, timestamp=NOW),
    ]
    for n in range(spans):
        items.append(
            SpanCreate(
                idempotency_key="c",
                agent_instance_id=run_id,
                id=f"{run_id}-{n:05}",
                parent_span_id=f"{run_id}-{n // 3:05}" if n else None,
                schema_name=("agent:run", "agent:llm", "agent:tool")[n % 3],
                name=f"nämé {n % 4}",
                started_at=NOW - 1_000 * n,
                payload=Raw(b'{"n": %d, "text": "%s"}' % (n, b"x" * 50)),
                attributes=Raw(b'{"llm.input_tokens": %d}' % n),
            )
        )
        if n % 5 == 4:
            failed = RecordedError(type="ValueError", message=f"wrong {n}")
            items.append(_end(run_id, n, SpanStatus.FAILED, error=failed))
        else:
            items.append(_end(run_id, n, SpanStatus.COMPLETE, result_payload=Raw(b'["done"]')))
    items += [
        EventCreate(
            idempotency_key="e",
            agent_instance_id=run_id,
            id=f"{run_id}-e{n}",
            agent_span_id=f"{run_id}-00000" if n else None,
            name="happened",
            timestamp=NOW + 5 - n,
            payload=Raw(b'{"of": "it"}'),
        )
        for n in range(events)
    ]
    items.append(InstanceFinish(idempotency_key="f", agent_instance_id=run_id, timestamp=NOW + 100))
    return items


def _end(run_id: str, n: int, status: SpanStatus, **fields: Any) -> SpanFinish:
    return SpanFinish(
        idempotency_key="x",
        agent_instance_id=run_id,
        agent_span_id=f"{run_id}-{n:05}",
        status=status,
        timestamp=NOW - 1_000 * n + 700,
        **fields,
    )


def record(store: Store, *run_ids: str, spans: int = 12, **fields: Any) -> None:
    for run_id in run_ids:
        assert apply(store, whole_run(run_id, spans, **fields)).errors == {}
    forget_work(store)


def forget_work(store: Store) -> None:
    """As if what works on new spans after their commit had done so: this server has nobody who does."""
    with store.write() as transaction:
        transaction.connection.exec_driver_sql("DELETE FROM check_queue")


@contextmanager
def mover(store: Store, *, at: int = LATER, clock: Callable[[], int] | None = None) -> Generator[Mover]:
    """One that moves when it is told to, not by itself."""
    assert isinstance(store, TieredStore)
    own = Mover(store, clock or (lambda: at), after=0.0, every=3600.0)
    try:
        yield own
    finally:
        own.close()


def move(store: Store, *, at: int = LATER) -> int:
    """How many spans and events went."""
    with mover(store, at=at) as own:
        return own.sweep()


def left_here(store: Store) -> tuple[int, int, int]:
    """Spans, bodies and events in the catalogue."""
    return (
        len(rows(store, schema.spans)),
        len(rows(store, schema.span_bodies)),
        len(rows(store, schema.events)),
    )
