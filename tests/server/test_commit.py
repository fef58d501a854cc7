"""Group commit, and what the server does by itself."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from msgspec import Raw

from holdfast.errors import ApiError
from holdfast.server.services.auth import Auth
from holdfast.server.services.heard import Heard
from holdfast.server.services.housekeeping import Housekeeping
from holdfast.server.services.recording.apply import Batch
from holdfast.server.services.recording.commit import Committer
from holdfast.server.services.records import Records
from holdfast.server.stores.base import Store
from holdfast.server.stores.schema import record as schema
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

_POISON = """
CREATE TRIGGER poison BEFORE INSERT ON spans WHEN NEW.id = 'poison'
BEGIN SELECT RAISE(ABORT, 'this cannot be written'); END
"""


def _span(run_id: str, span_id: str) -> SpanCreate:
    return SpanCreate(idempotency_key=span_id, agent_instance_id=run_id, id=span_id)


def _batch(*items: Operation) -> Batch:
    return Batch(who=WHO, items=list(items), on_error=OnError.CONTINUE, minimal=True)


def test_one_poisoned_item_fails_alone(store: Store) -> None:
    """An item that no transaction can take is answered with an error; its neighbours are written."""
    with store.write() as transaction:
        transaction.connection.exec_driver_sql(_POISON)
    committer = Committer(store, lambda: NOW)
    futures = [
        committer.submit(_batch(_span("r1", "a"), _span("r1", "poison"), _span("r1", "b"))),
        committer.submit(_batch(_span("r2", "c"))),
    ]
    first, second = (future.result(30) for future in futures)
    committer.close()
    assert {place: error.code for place, error in first.errors.items()} == {1: "internal_error"}
    assert second.errors == {}
    assert {row["id"] for row in rows(store, schema.spans)} == {"a", "b", "c"}


def _limit_pages(store: Store, pages: int) -> None:
    with store.write() as transaction:
        transaction.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


def test_a_full_disk_is_told(store: Store) -> None:
    """While the store cannot write, requests are answered 503 and leave nothing; then the same is accepted."""
    committer = Committer(store, lambda: NOW)
    large = SpanCreate(
        idempotency_key="k", agent_instance_id="r", id="a", payload=Raw(b'"' + b"x" * 200_000 + b'"')
    )
    _limit_pages(store, 1)  # as many as there are already
    with pytest.raises(ApiError) as caught:
        committer.submit(_batch(large)).result(30)
    assert (caught.value.status, caught.value.code) == (503, "unavailable")
    assert rows(store, schema.instances) == []
    _limit_pages(store, 1 << 30)
    assert committer.submit(_batch(large)).result(30).errors == {}
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
    transactions = itertools.count()
    committer = Committer(store, lambda: NOW + next(transactions))  # the clock is read once in each
    with store.write():
        futures = [committer.submit(_batch(_span("r", f"s{n}"))) for n in range(50)]
    assert all(future.result(30).errors == {} for future in futures)
    committer.close()
    assert next(transactions) <= 2
    assert rows(store, schema.instances)[0]["spans_total"] == 50


def test_silent_runs_are_ended(store: Store) -> None:
    """A run of which nothing was heard for six hours fails as abandoned, its open spans are cancelled; one
    that spoke since goes on; and the agent's own finish still replaces the server's."""
    clock = ManualClock(NOW)
    auth = Auth(store, clock)
    keeper = Housekeeping(store, auth, Heard(), clock, abandon_after=6 * 3600.0, every=3600.0)
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


def test_asking_for_word_is_a_sign_of_life(store: Store) -> None:
    """A run that records nothing for a day but asks whether to stop is not abandoned until it stops asking."""
    clock, heard = ManualClock(NOW), Heard()
    keeper = Housekeeping(store, Auth(store, clock), heard, clock, abandon_after=3600.0, every=3600.0)
    records = Records(store, heard, clock)
    apply(store, [InstanceStart(idempotency_key="s", agent_instance_id="run", timestamp=NOW)])
    for _ in range(48):
        clock.advance(1800.0)
        assert records.control(WHO.reach, ["run"]) == {}
        assert keeper.sweep() == 0
    clock.advance(3601.0)
    assert keeper.sweep() == 1
    keeper.close()
    assert rows(store, schema.instances)[0]["error_type"] == "Abandoned"


def test_a_run_that_asks_another_server_is_not_abandoned(store: Store) -> None:
    """A run that asks one server for word is alive to every other one on the same record."""
    clock, heard = ManualClock(NOW), Heard()
    start = InstanceStart(idempotency_key="s", agent_instance_id="waiting", timestamp=NOW)
    apply(store, [start])
    auth = Auth(store, clock)
    asked = Housekeeping(store, auth, heard, clock, abandon_after=6 * 3600.0, every=3600.0)
    deaf = Housekeeping(store, auth, Heard(), clock, abandon_after=6 * 3600.0, every=3600.0)
    for _ in range(12):
        clock.advance(3600.0)
        heard.note(WHO.account_id, ["waiting"], clock())
        asked.sweep()
        assert deaf.sweep() == 0
    clock.advance(7 * 3600.0)
    assert deaf.sweep() == 1
    asked.close()
    deaf.close()
