"""Group commit, and what the server does by itself."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import msgspec
import pytest
from msgspec import Raw

from holdfast.errors import ApiError, StoreUnavailableError
from holdfast.server.services.apply import Batch
from holdfast.server.services.auth import Auth
from holdfast.server.services.commit import Committer
from holdfast.server.services.housekeeping import Housekeeping
from holdfast.server.stores import schema
from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.testing import ManualClock
from holdfast.wire.operations import (
    InstanceFinish,
    InstanceRegister,
    InstanceStart,
    Operation,
    SpanCreate,
    SpanFinish,
)
from holdfast.wire.vocabulary import InstanceStatus, OnError
from server.records import NOW, WHO, apply, picture, rows
from server.wait import wait_until


class _StoreWithAFlaw:
    """A store around another that cannot take spans named `poison` or, while `full`, anything."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.reader = store.reader
        self.full = False
        self.transactions = 0

    @contextmanager
    def write(self) -> Generator[WriteTransaction]:
        self.transactions += 1
        if self.full:
            raise StoreUnavailableError("disk", "is full")
        with self._store.write() as transaction:
            yield transaction
            found = transaction.connection.execute(schema.spans.select().where(schema.spans.c.id == "poison"))
            if found.first() is not None:
                raise OverflowError("this cannot be written")

    def close(self) -> None:
        self._store.close()


def _span(run_id: str, span_id: str) -> SpanCreate:
    return SpanCreate(idempotency_key=span_id, agent_instance_id=run_id, id=span_id)


def _batch(*items: Operation) -> Batch:
    return Batch(who=WHO, items=list(items), on_error=OnError.CONTINUE, minimal=True)


def test_one_poisoned_item_fails_alone(store: Store) -> None:
    """An item that no transaction can take is answered with an error; its neighbours are written."""
    committer = Committer(_StoreWithAFlaw(store), lambda: NOW)
    futures = [
        committer.submit(_batch(_span("r1", "a"), _span("r1", "poison"), _span("r1", "b"))),
        committer.submit(_batch(_span("r2", "c"))),
    ]
    first, second = (future.result(30) for future in futures)
    committer.close()
    assert {place: error.code for place, error in first.errors.items()} == {1: "internal_error"}
    assert second.errors == {}
    assert {row["id"] for row in rows(store, schema.spans)} == {"a", "b", "c"}


def test_a_full_disk_is_told(store: Store) -> None:
    """While the store cannot write every request is answered 503, and afterwards the same is accepted."""
    flawed = _StoreWithAFlaw(store)
    committer = Committer(flawed, lambda: NOW)
    flawed.full = True
    with pytest.raises(ApiError) as caught:
        committer.submit(_batch(_span("r", "a"))).result(30)
    assert (caught.value.status, caught.value.code) == (503, "unavailable")
    flawed.full = False
    assert committer.submit(_batch(_span("r", "a"))).result(30).errors == {}
    committer.close()


def test_a_full_queue_is_told(store: Store) -> None:
    """Past the limit a request is refused with a time to come again; one request always fits."""
    committer = Committer(store, lambda: NOW, pending_limit=2)
    with store.write():  # nothing can be written meanwhile
        futures = [committer.submit(_batch(*(_span("r", f"x{n}") for n in range(5))))]
        wait_until(lambda: committer.pending == 0)  # it is being written now
        futures.append(committer.submit(_batch(_span("r", "a"), _span("r", "b"))))
        with pytest.raises(ApiError) as caught:
            committer.submit(_batch(_span("r", "c")))
    assert (caught.value.status, caught.value.retry_after) == (503, 1.0)
    assert all(future.result(30).errors == {} for future in futures)
    committer.close()
    with pytest.raises(ApiError, match="stopping"):
        committer.submit(_batch(_span("r", "late")))


def test_requests_gather_into_one_transaction(store: Store) -> None:
    """What arrives while a transaction is written shares the next one."""
    counting = _StoreWithAFlaw(store)
    committer = Committer(counting, lambda: NOW)
    with store.write():
        futures = [committer.submit(_batch(_span("r", f"s{n}"))) for n in range(50)]
    assert all(future.result(30).errors == {} for future in futures)
    committer.close()
    assert counting.transactions <= 2
    assert rows(store, schema.instances)[0]["spans_total"] == 50


def test_silent_runs_are_ended(store: Store) -> None:
    """A run of which nothing was heard for six hours fails as abandoned, its open spans are cancelled; one
    that spoke since goes on; and the agent's own finish still replaces the server's."""
    clock = ManualClock(NOW)
    auth = Auth(store, clock)
    keeper = Housekeeping(store, auth, clock, abandon_after=6 * 3600.0, every=3600.0)
    for run_id in ("silent", "talking"):
        register = InstanceRegister(idempotency_key="r", id=run_id, agent_id="a", timestamp=NOW)
        start = InstanceStart(idempotency_key="s", agent_instance_id=run_id, timestamp=NOW)
        apply(store, [register, start, _span(run_id, "open")])
    clock.advance(5 * 3600.0)
    apply(store, [_span("talking", "more")], now=clock())
    assert keeper.sweep() == 0
    clock.advance(2 * 3600.0)
    assert keeper.sweep() == 1
    assert keeper.sweep() == 0
    keeper.close()
    silent, talking = picture(store)["runs"]
    assert (silent["status"], silent["error_type"], silent["finished_at"]) == ("failed", "Abandoned", NOW)
    assert msgspec.json.decode(silent["error"])["message"] == "nothing was heard of this run for 6 hours"
    assert (silent["spans_active"], silent["spans_cancelled"]) == (0, 1)
    assert (talking["status"], talking["spans_active"]) == ("active", 2)
    late: list[Operation] = [
        SpanFinish(
            idempotency_key="f", agent_span_id="open", agent_instance_id="silent", result_payload=Raw(b"1")
        ),
        InstanceFinish(idempotency_key="e", agent_instance_id="silent", timestamp=NOW + 9),
    ]
    assert apply(store, late, now=clock()).errors == {}
    silent = picture(store)["runs"][0]
    assert (silent["status"], silent["error_type"], silent["spans_complete"]) == (
        InstanceStatus.COMPLETE,
        None,
        1,
    )
    assert sum(row["runs_failed"] for row in rows(store, schema.rollups)) == 0
