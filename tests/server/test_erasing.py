"""Erased is erased: rows, sums, answers, files; what is left is as if the rest had never been."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec import Raw
from sqlalchemy import select, text

from holdfast.errors import ApiError
from holdfast.server.services.forgetting.erasing import ErasureWork
from holdfast.server.services.forgetting.retention import Retention
from holdfast.server.services.forgetting.run_words import parse_conditions
from holdfast.server.services.setup import prepare
from holdfast.server.stores.base import Store
from holdfast.server.stores.forgetting.belongings import NOT_OF_A_RUN, RUN_TABLES
from holdfast.server.stores.forgetting.receipts import ReceiptRow, add_receipt, find_receipt
from holdfast.server.stores.forgetting.retention import KeepRow, set_keep
from holdfast.server.stores.opening import open_database
from holdfast.server.stores.reach import Reach
from holdfast.server.stores.reads.run_selection import Selection
from holdfast.server.stores.schema import record as schema
from holdfast.server.stores.schema import retention as schema_retention
from holdfast.server.stores.schema.facets import failure_groups
from holdfast.server.stores.schema.record import metadata
from holdfast.server.stores.schema.search import search_queue
from holdfast.server.stores.sqlite.store import SqliteStore
from holdfast.wire.operations import (
    AgentVersion,
    InstanceFinish,
    InstanceRegister,
    InstanceStart,
    Operation,
    SpanCreate,
    SpanFinish,
)
from holdfast.wire.vocabulary import ErasureCause, ErasureState, InstanceStatus, OnError, SpanStatus
from postgres_server import postgres_database
from server.facet_count import counted_facets, counted_rollups, kept_facets, kept_rollups
from server.records import NOW, apply, picture, rows
from server.test_any_order import _run

_ACCOUNT = Reach(account_id="default")
_LATER = NOW + 10
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
    with postgres_database(request.getfixturevalue("postgres_address"), "erasing") as address:
        store = open_database(Path("unused"), address)

        @contextmanager
        def emptied() -> Iterator[Store]:
            with store.write() as transaction:
                transaction.connection.execute(text(f"TRUNCATE {tables}"))
            prepare(store, NOW)
            yield store

        yield emptied
        store.close()


@pytest.fixture
def store(fresh_store: FreshStore) -> Iterator[Store]:
    with fresh_store() as store:
        yield store


def _erase(
    store: Store, *, pause: Callable[[], bool] = lambda: True, receipt_id: str = "receipt", **selection: Any
) -> ReceiptRow:
    """The receipt of an erasure that was asked for and carried out."""
    wanted = {"reach": _ACCOUNT, "arrived_before": _LATER, **selection}
    row = ReceiptRow(
        id=receipt_id,
        account_id="default",
        cause=ErasureCause.ASKED,
        state=ErasureState.RUNNING,
        asked_by="a test",
        selection=Selection(**wanted),
        inserted_at=NOW,
    )
    with store.write() as transaction:
        add_receipt(transaction.connection, row)
    ErasureWork(store, lambda: _LATER, pause=pause).carry_on()
    return _receipt(store, receipt_id)


def _receipt(store: Store, receipt_id: str = "receipt") -> ReceiptRow:
    with store.reader.connect() as connection:
        found = find_receipt(connection, receipt_id)
    assert found is not None
    return found


def _operations(run_id: str, *, agent: str = "one", spans: int = 2, ended: bool = True) -> list[Operation]:
    found: list[Operation] = [
        InstanceRegister(idempotency_key=f"{run_id}-register", id=run_id, agent_id=agent, timestamp=NOW),
        InstanceStart(idempotency_key=f"{run_id}-start", agent_instance_id=run_id, timestamp=NOW),
    ]
    found += [
        SpanCreate(
            idempotency_key=f"{run_id}-span-{n}",
            agent_instance_id=run_id,
            id=f"{run_id}-{n}",
            schema_name="agent:tool",
            status=SpanStatus.FAILED,
            started_at=NOW,
            finished_at=NOW,
            attributes=Raw(b'{"error.type":"TimeoutError"}'),
            payload=Raw(b'"canary of %s"' % run_id.encode()),
        )
        for n in range(spans)
    ]
    if ended:
        found.append(
            InstanceFinish(idempotency_key=f"{run_id}-finish", agent_instance_id=run_id, timestamp=NOW)
        )
    return found


def _visible(store: Store) -> list[str]:
    return [row["id"] for row in rows(store, schema.instances) if row["account_id"] == "default"]


def _left(store: Store) -> dict[str, int]:
    """Rows by table, of those that belong to runs; the blank row of the newest run is not one, nor is what
    the search index has still to forget."""
    tables = {*RUN_TABLES, schema.span_bodies, schema.rollups, failure_groups} - {search_queue}
    counts = {table.name: len(rows(store, table)) for table in tables}
    counts["instances"] = len(_visible(store))
    return {name: count for name, count in counts.items() if count}


def test_every_table_of_a_run_is_known() -> None:
    """A table with rows of single runs is in the list that erasing goes by."""
    assert {table.name for table in metadata.sorted_tables if "instance_key" in table.c} == {
        table.name for table in (*RUN_TABLES, *NOT_OF_A_RUN)
    }


@st.composite
def _records(draw: Any) -> tuple[dict[str, list[Operation]], set[str]]:
    """Runs with their operations, and those of them that are to go."""
    runs = {run_id: draw(_run(run_id)) for run_id in ("run-a", "run-b", "run-c")}
    return runs, draw(st.sets(st.sampled_from(sorted(runs)), min_size=1))


_PHASES = [Phase.explicit, Phase.reuse, Phase.generate]  # to shrink this takes longer than to read it


@settings(max_examples=40, deadline=None, phases=_PHASES, suppress_health_check=[HealthCheck.too_slow])
@given(_records())
def test_what_is_left_is_as_if_the_rest_had_never_been(
    fresh_store: FreshStore, records: tuple[dict[str, list[Operation]], set[str]]
) -> None:
    """After any of the runs were erased, rows and sums are those of a record with only the others."""
    runs, going = records
    with fresh_store() as plain:
        for run_id, operations in runs.items():
            if run_id not in going:
                apply(plain, operations)
        expected = picture(plain)
    with fresh_store() as store:
        for operations in runs.values():
            apply(store, operations)
        assert kept_facets(store) == counted_facets(store)
        receipt = _erase(store, run_ids=sorted(going))
        seen = picture(store)
        seen["runs"] = [run for run in seen["runs"] if run["account_id"] != ""]  # the newest run's blank row
        assert seen == expected
        assert kept_facets(store) == counted_facets(store)
        assert kept_rollups(store) == counted_rollups(store)
        assert receipt.state is ErasureState.COMPLETE
        assert receipt.counts["instances"] == len(going)
        groups = {row["fingerprint"] for row in rows(store, failure_groups)}
        assert groups == {name for _, kind, name in kept_facets(store) if kind == "failure"}


def test_nothing_is_left(store: Store) -> None:
    """Rows of every table go, answers kept for repeats among them, and the receipt counts them by table."""
    for run_id in ("r1", "r2"):
        assert not apply(store, _operations(run_id), on_error=OnError.STOP).errors
    receipt = _erase(store, run_ids=["r1", "r2", "never seen"])
    assert _left(store) == {}
    assert receipt.counts["instances"] == 2
    assert receipt.counts["spans"] == receipt.counts["span_bodies"] == 4
    assert receipt.counts["idempotency"] == 10
    assert rows(store, schema_retention.tombstones)[0]["dropped"] == 0


def test_nothing_comes_back(store: Store) -> None:
    """What arrives later for an erased run succeeds, leaves nothing, and is counted."""
    apply(store, _operations("r1"))
    _erase(store, run_ids=["r1"])
    late = _operations("r1")
    result = apply(store, late)
    assert (result.errors, result.dropped) == ({}, len(late))
    strict = apply(store, late[1:3], on_error=OnError.STOP)
    assert strict.errors == {}
    assert b'"notice":"erased"' in strict.answers[1]
    assert b'"id":"r1-0"' in strict.answers[1]
    finish = SpanFinish(idempotency_key="late-finish", agent_span_id="r1-0", agent_instance_id="r1")
    assert apply(store, [finish], on_error=OnError.STOP).dropped == 1
    assert _left(store) == {}
    assert [row["dropped"] for row in rows(store, schema_retention.tombstones)] == [len(late) + 3]


def test_a_key_is_never_given_twice(store: Store) -> None:
    """A run that comes after the newest one was erased does not get its key; with the next that is erased the
    blank row goes too."""
    apply(store, _operations("old") + _operations("r1"))
    erased = max(row["key"] for row in rows(store, schema.instances))
    _erase(store, run_ids=["r1"])
    apply(store, _operations("r2"))
    keys = {row["id"]: row["key"] for row in rows(store, schema.instances)}
    assert keys["r2"] > erased
    _erase(store, run_ids=["old"], receipt_id="another")
    assert [row["id"] for row in rows(store, schema.instances)] == ["r2"]
    assert rows(store, schema_retention.erasing) == []


@pytest.mark.parametrize("stop_after", [0, 1, 2, 3])
def test_a_large_erasure_that_is_stopped_goes_on(store: Store, stop_after: int) -> None:
    """Stopped between any two of its transactions, an erasure leaves sums that fit what can be seen; the next
    that works on it finishes it."""
    for n in range(3):
        apply(store, _operations(f"r{n}", spans=900))
    apply(store, _operations("other", agent="two"))
    steps = iter([True] * stop_after + [False] * 10)
    with store.reader.connect() as connection:
        agent_id = connection.execute(
            select(schema.agents.c.id).where(schema.agents.c.name == "one")
        ).scalar_one()
    receipt = _erase(store, pause=lambda: next(steps), agent_id=agent_id)
    assert receipt.state is ErasureState.RUNNING
    (total,) = [sum(row["spans_total"] for row in rows(store, schema.rollups))]
    assert total == sum(row["spans_total"] for row in rows(store, schema.instances))
    ErasureWork(store, lambda: _LATER).carry_on()
    receipt = _receipt(store)
    assert receipt.state is ErasureState.COMPLETE
    assert (receipt.counts["instances"], receipt.counts["spans"]) == (3, 2700)
    assert _visible(store) == ["other"]


def test_an_agent_goes_whole(store: Store) -> None:
    """With its versions, deployments and answers; another agent of the same account stays."""
    apply(store, _operations("r1", agent="one") + _operations("r2", agent="two"), on_error=OnError.STOP)
    ids = {row["name"]: row["id"] for row in rows(store, schema.agents)}
    receipt = _erase(store, agent_id=ids["one"], whole_agent=True)
    assert receipt.counts["agents"] == 1
    assert [row["name"] for row in rows(store, schema.agents)] == ["two"]
    for table in (schema.agent_versions, schema.deployments, schema.rollups):
        assert {row["agent_id"] for row in rows(store, table)} == {ids["two"]}, table.name


def test_an_agent_that_runs_again_stays(store: Store) -> None:
    """Runs that came after an erasure was asked for are not part of it; neither then is their agent."""
    apply(store, _operations("r1"))
    apply(store, _operations("r2"), now=_LATER + 1)
    (agent,) = rows(store, schema.agents)
    receipt = _erase(store, agent_id=agent["id"], whole_agent=True)
    assert receipt.note is not None
    assert "stays" in receipt.note
    assert _visible(store) == ["r2"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("run = a", {"a"}),
        ('run in (a, "c")', {"a", "c"}),
        ("agent = one", {"a", "b"}),
        ("agent != one", {"c"}),
        ("status = failed", {"b"}),
        ("status in (failed, complete) and agent = one", {"a", "b"}),
        ("purpose = eval", set()),
        ('name ~ "JOB"', {"b"}),
        ('name = "the job"', {"b"}),
        ('name != "the job"', {"a", "c"}),
        ("external_identifier = x-1", {"c"}),
        ("begun >= 2027-01-15T08:00:00Z and begun < 2027-01-15T08:00:01Z", {"a", "b"}),
        ("begun < 1d", set()),
        ("finished > 2020-01-01", {"a", "b"}),
        ("environment = default", {"a", "b", "c"}),
        ("version = v1", {"c"}),
    ],
)
def test_selecting_in_words(store: Store, words: str, expected: set[str]) -> None:
    """Each field and comparison selects what it says, and nothing else."""
    second = 1_000_000_000
    apply(
        store,
        [
            InstanceRegister(idempotency_key="1", id="a", agent_id="one", timestamp=NOW),
            InstanceFinish(idempotency_key="2", agent_instance_id="a", timestamp=NOW),
            InstanceRegister(idempotency_key="3", id="b", agent_id="one", name="the job", timestamp=NOW),
            InstanceFinish(
                idempotency_key="4", agent_instance_id="b", status=InstanceStatus.FAILED, timestamp=NOW
            ),
            InstanceRegister(
                idempotency_key="5",
                id="c",
                agent_id="two",
                agent_version=AgentVersion(name="v1"),
                external_identifier="x-1",
                timestamp=NOW + second,
            ),
        ],
    )
    _erase(store, conditions=parse_conditions(words, NOW + 2 * second))
    assert set(_visible(store)) == {"a", "b", "c"} - expected


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ("", "where"),
        ("agent", "where"),
        ("agent = ", "where"),
        ("colour = red", "where"),
        ("agent = one or agent = two", "where"),
        ("agent = one and", "where"),
        ("status = finished", "status"),
        ("purpose in (live, fun)", "purpose"),
        ("begun = 2026-01-01", "begun"),
        ("begun < yesterday", "begun"),
        ("finished > 30 fortnights", "finished"),
        ("agent ~ one", "agent"),
        ("agent < one", "agent"),
        ("agent in one", "agent"),
        ("agent in (one", "where"),
        ("agent in (one two)", "agent"),
        ('agent = ""', "agent"),
        ("agent = (", "agent"),
        ("agent = one; drop table agents", "where"),
        ("name = 'x'", "where"),
        ("agent = one and " * 30 + "agent = one", "where"),
        ("x" * 20_000, "where"),
    ],
)
def test_words_that_cannot_be_used(words: str, field: str) -> None:
    """What is wrong is answered with the field that it is about, and selects nothing."""
    with pytest.raises(ApiError) as refused:
        parse_conditions(words, NOW)
    assert refused.value.status == 422
    assert list(refused.value.errors or {}) == [field]


@given(st.text(max_size=60) | st.text('abegntus=!<>~()," \\', max_size=40))
def test_any_words_are_read_or_refused(words: str) -> None:
    """Whatever is written, it is conditions or an error of the API."""
    with suppress(ApiError):
        assert parse_conditions(words, NOW)


def _keep(store: Store, keep: int | None, agent_id: str | None = None) -> None:
    with store.write() as transaction:
        set_keep(
            transaction.connection,
            KeepRow(account_id="default", agent_id=agent_id, keep=keep, updated_at=NOW),
        )


def _retain(store: Store, now: int) -> Sequence[str]:
    asked = Retention(store, lambda: now).ask()
    ErasureWork(store, lambda: now).carry_on()
    return asked


def test_retention_takes_what_is_past_its_time(store: Store) -> None:
    """Runs go that long after their end, with a receipt; live ones, and ended ones with open spans, stay."""
    hour = 3_600_000_000_000
    apply(store, _operations("ended") + _operations("live", ended=False) + _operations("half"))
    open_span = SpanCreate(
        idempotency_key="open", agent_instance_id="half", id="o", status=SpanStatus.ACTIVE, started_at=NOW
    )
    apply(store, [open_span])
    assert _retain(store, NOW + 100 * hour) == []  # for ever, unless somebody said otherwise
    _keep(store, 24 * hour)
    assert _retain(store, NOW + 24 * hour) == []
    (receipt_id,) = _retain(store, NOW + 24 * hour + 1)
    assert _visible(store) == ["live", "half"]
    receipt = _receipt(store, receipt_id)
    assert (receipt.cause, receipt.counts["instances"]) == (ErasureCause.RETENTION, 1)
    assert _retain(store, NOW + 1000 * hour) == []


def test_an_agents_own_rule_wins(store: Store) -> None:
    """An agent with a rule of its own is kept by that, longer or shorter than the others."""
    hour = 3_600_000_000_000
    apply(store, _operations("r1", agent="long") + _operations("r2", agent="short") + _operations("r3"))
    ids = {row["name"]: row["id"] for row in rows(store, schema.agents)}
    _keep(store, 10 * hour)
    _keep(store, None, ids["long"])
    _keep(store, 2 * hour, ids["short"])
    _retain(store, NOW + 3 * hour)
    assert _visible(store) == ["r1", "r3"]
    _retain(store, NOW + 1000 * hour)
    assert _visible(store) == ["r1"]
