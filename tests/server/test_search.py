"""Searching what was recorded, over both stores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Raw

from holdfast.server.services.searching.query import parse_search
from holdfast.server.services.searching.search import Search, SearchFilter
from holdfast.server.stores.catalogue import ensure_account
from holdfast.server.stores.reach import Reach
from holdfast.server.stores.search import queue as search_queue
from holdfast.server.stores.search.words import index_words
from holdfast.wire.operations import (
    EventCreate,
    InstanceFinish,
    InstanceRegister,
    Operation,
    QualityRecord,
    RecordedError,
    SpanCreate,
    SpanFinish,
)
from server.records import NOW, apply, rows
from server.search_indexes import REACH, Searched, opened


@pytest.fixture(params=["sqlite", "postgres"])
def searched(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Searched]:
    address = None if request.param == "sqlite" else request.getfixturevalue("postgres")
    with opened(tmp_path / "record.db", address) as found:
        yield found


def _raw(value: Any) -> Raw:
    return Raw(msgspec.json.encode(value))


def _register(run_id: str = "run", **fields: Any) -> InstanceRegister:
    return InstanceRegister(idempotency_key=run_id, id=run_id, agent_id="a", **fields)


def _span(span_id: str, payload: Any = None, *, run: str = "run", **fields: Any) -> SpanCreate:
    return SpanCreate(
        idempotency_key=span_id,
        agent_instance_id=run,
        id=span_id,
        schema_name="t",
        payload=_raw(payload),
        **fields,
    )


def _record(searched: Searched, *items: Operation) -> None:
    assert not apply(searched.store, items).errors


def test_what_can_be_found(searched: Searched) -> None:
    """Names, payloads, results, errors, attributes, events, quality: each is found in what it belongs to."""
    _record(
        searched,
        _register(name="quarterly report", attributes=_raw({"team": "aardvark"})),
        _span("s1", {"question": "why bananas"}, name="ask"),
        SpanFinish(
            idempotency_key="f",
            agent_span_id="s1",
            agent_instance_id="run",
            result_payload=_raw({"answer": ["because", {"deep": "coconut"}]}),
            attributes=_raw({"region": "eu-durian-1"}),
            error=RecordedError(type="app.ElderberryError", message="no figs today", stack="line 7 in grape"),
        ),
        EventCreate(
            idempotency_key="e",
            timestamp=NOW,
            agent_instance_id="run",
            id="e1",
            name="loop.stopped",
            payload=_raw({"reason": "honeydew"}),
        ),
        QualityRecord(
            idempotency_key="q",
            agent_instance_id="run",
            name="judge",
            payload=_raw({"comment": "tastes of jackfruit"}),
        ),
        InstanceFinish(
            idempotency_key="end",
            agent_instance_id="run",
            error=RecordedError(type="Kiwi", message="lemon"),
            attributes=_raw({"note": "mango"}),
        ),
    )
    searched.catch_up()
    of_run = ["quarterly", "aardvark", "jackfruit", "lemon", "mango"]
    of_span = ["bananas", "ask", "coconut", "durian", "figs", "grape", "elderberry", "ElderberryError"]
    assert {word: searched.subjects(word) for word in (*of_run, *of_span, "honeydew")} == (
        {word: ["run run"] for word in of_run}
        | {word: ["span s1"] for word in of_span}
        | {"honeydew": ["event e1"]}
    )
    assert searched.subjects("question") == [], "keys are not searched"


_LANGUAGE: list[tuple[str, list[str]]] = [
    ("connection refused", ["s1", "s2"]),
    ('"connection refused"', ["s1"]),
    ('"refused connection"', ["s2"]),
    ("conn*", ["s1", "s2"]),
    ("co*", []),  # too short a beginning is a word
    ("connection -port", ["s2"]),
    ('connection -"refused by"', ["s2"]),
    ("CONNECTION", ["s1", "s2"]),
    ("django__django-11099", ["s3"]),
    ("src/app.py", ["s3"]),
    ("app.py", ["s3"]),
    ("ERR_42", ["s3"]),
    ("readtimeouterror", ["s4"]),
    ("ReadTimeout", ["s4"]),
    ("timeout", ["s4"]),
    ("東京", ["s5"]),
    ("京都", []),
    ("uber", ["s5"]),
    ("Über", ["s5"]),
    ("8080", ["s1"]),
    ("-port", []),
    ("", []),
    ('"', []),
    ('"connection', ["s1", "s2"]),
    ("* - \" ' ) ( AND OR NOT NEAR(x) :", []),
    ("connection AND", []),
]


def test_the_language(searched: Searched) -> None:
    """Words, phrases, beginnings, exclusions; ids, paths, codes, humps, CJK, accents. Nothing is an error."""
    _record(
        searched,
        _register(),
        _span("s1", {"m": "Connection refused by port", "port": 8080}),
        _span("s2", ["refused", "connection"]),
        _span("s3", "see django__django-11099 in src/app.py: ERR_42"),
        _span("s4", "httpx.ReadTimeoutError"),
        _span("s5", "新しい東京駅 über"),
    )
    searched.catch_up()
    answers = [
        (query, sorted(hit.agent_span_id or "" for hit in searched.hits(query))) for query, _ in _LANGUAGE
    ]
    assert answers == _LANGUAGE


def test_snippets_say_why(searched: Searched) -> None:
    """A snippet is a line around the first hit, cleaned, with what was asked for marked."""
    _record(
        searched, _register(), _span("s", "lorem " * 100 + "the ReadTimeout\n\x1b[31mof doom " + "x " * 500)
    )
    searched.catch_up()
    (hit,) = searched.hits("timeout doom")
    line = "".join(part.text for part in hit.snippet)
    assert [part.text for part in hit.snippet if part.hit] == ["Timeout", "doom"]
    assert line.startswith("…lorem")
    assert line.endswith("…")
    assert "the ReadTimeout of doom x" in line
    assert len(line) < 260


def test_newest_first_in_pages(searched: Searched) -> None:
    """What was recorded last comes first; pages follow without gap or repeat; a run fills no page alone."""
    for number in range(12):
        run = f"run{number:02}"
        _record(searched, _register(run), *(_span(f"{run}.{n}", "needle", run=run) for n in range(5)))
    searched.catch_up()
    search = Search(searched.store, searched.index)
    ids: list[str] = []
    cursor: str | None = None
    while True:
        page = search.find(REACH, "needle", within=SearchFilter(), cursor=cursor, limit=7)
        assert page.complete
        ids += [hit.agent_span_id or "" for hit in page.summaries]
        cursor = page.next
        if cursor is None:
            break
    assert len(ids) == len(set(ids))
    assert [name.partition(".")[0] for name in dict.fromkeys(ids)] == sorted(
        (name.partition(".")[0] for name in ids), reverse=True
    )
    assert {name.partition(".")[0] for name in ids} == {f"run{number:02}" for number in range(12)}
    alone = search.find(REACH, "needle", within=SearchFilter(), run_id="run03", limit=50)
    assert [hit.agent_span_id for hit in alone.summaries] == [f"run03.{n}" for n in (4, 3, 2, 1, 0)]
    assert search.find(REACH, "needle", within=SearchFilter(), cursor="zz", limit=1).summaries


def test_filters(searched: Searched) -> None:
    """Agent and time of the run narrow what is found."""
    for number, begun in enumerate((NOW, NOW + 10, NOW + 20)):
        _record(
            searched,
            InstanceRegister(
                idempotency_key=f"r{number}", id=f"r{number}", agent_id=f"agent{number % 2}", timestamp=begun
            ),
            _span(f"s{number}", "needle", run=f"r{number}"),
        )
    searched.catch_up()
    agents = {row["id"]: row["agent_id"] for row in rows(searched.store, _instances())}
    search = Search(searched.store, searched.index)

    def found(**fields: Any) -> list[str]:
        page = search.find(REACH, "needle", within=SearchFilter(**fields))
        return [hit.agent_instance_id for hit in page.summaries]

    assert found(agent_id=agents["r0"]) == ["r2", "r0"]
    assert found(since=NOW + 10) == ["r2", "r1"]
    assert found(until=NOW + 10) == ["r0"]


def _instances() -> Any:
    from holdfast.server.stores.schema.record import instances

    return instances


def test_reach(searched: Searched) -> None:
    """Another account finds nothing, and its own documents do not mix with ours; a bound token finds its own."""
    _record(searched, _register(), _span("s", "needle"))
    with searched.store.write() as transaction:
        ensure_account(transaction.connection, "other", NOW)
    searched.catch_up()
    other = Reach(account_id="other")
    assert searched.subjects("needle", other) == []
    assert searched.hits("needle", other, run_id="run") == []
    row = rows(searched.store, _instances())[0]
    bound = Reach(account_id="default", agent_id=row["agent_id"])
    assert searched.subjects("needle", bound) == ["span s"]
    assert searched.subjects("needle", Reach(account_id="default", agent_id="else")) == []
    assert searched.subjects("needle", Reach(account_id="default", environment_id="else")) == []


def test_changes_replace(searched: Searched) -> None:
    """A span that gets its result later is found by both, once; a record that is replaced is gone."""
    _record(searched, _register(), _span("s", "before"))
    searched.catch_up()
    _record(
        searched,
        SpanFinish(
            idempotency_key="f", agent_span_id="s", agent_instance_id="run", result_payload=_raw("after")
        ),
        QualityRecord(
            idempotency_key="q", agent_instance_id="run", name="n", timestamp=1, payload=_raw("good")
        ),
    )
    searched.catch_up()
    assert searched.subjects("before") == searched.subjects("after") == ["span s"]
    assert searched.subjects("good") == ["run run"]
    _record(
        searched,
        QualityRecord(
            idempotency_key="q2", agent_instance_id="run", name="n", timestamp=2, payload=_raw("bad")
        ),
    )
    searched.catch_up()
    assert searched.subjects("good") == []


def test_redacted_stays_redacted(searched: Searched) -> None:
    """What the recorder took out is not there to be found, nor are its marks."""
    _record(searched, _register(), _span("s", {"key": {"$redacted": "password"}, "other": "visible"}))
    searched.catch_up()
    assert searched.subjects("password") == []
    assert searched.subjects("visible") == ["span s"]


def test_long_texts_lose_their_middle(searched: Searched) -> None:
    """Of a text that is too long the beginning and the end are found; bytes in letters are left out."""
    middle = " ".join(f"filler{number}" for number in range(20_000))
    _record(
        searched,
        _register(),
        _span(
            "s", {"messages": ["alpha", middle, "omega"], "image": "data:image/png;base64," + "QUJD" * 9000}
        ),
    )
    searched.catch_up()
    assert searched.subjects("alpha omega") == ["span s"]
    assert searched.subjects("filler10000") == []
    assert searched.subjects("QUJD*") == []


def test_forgetting(searched: Searched) -> None:
    """Runs that are deleted are forgotten by the entry that was left in the queue; others stay."""
    from holdfast.server.stores.schema.record import instances, span_bodies, spans

    _record(searched, _register("gone"), _span("s1", "needle", run="gone"), _register("kept"))
    _record(searched, _span("s2", "needle", run="kept"))
    searched.catch_up()
    key = next(row["key"] for row in rows(searched.store, instances) if row["id"] == "gone")
    with searched.store.write() as transaction:
        for table in (span_bodies, spans):
            column = table.c.key if table is span_bodies else table.c.instance_key
            within = column.between(key << 28, (key + 1) << 28) if table is span_bodies else column == key
            transaction.connection.execute(table.delete().where(within))
        transaction.connection.execute(_delete_facets(key))
        transaction.connection.execute(instances.delete().where(instances.c.key == key))
        search_queue.forget_later(transaction, [key], NOW)
    searched.catch_up()
    assert searched.subjects("needle") == ["span s2"]
    with searched.index.write() as writer:
        assert writer is not None
        assert writer.forget([key]) == 0


def _delete_facets(key: int) -> Any:
    from holdfast.server.stores.schema.facets import run_facets

    return run_facets.delete().where(run_facets.c.instance_key == key)


def test_what_was_there_before(tmp_path: Path, searched: Searched) -> None:
    """An index that is cleared, or was not there, takes the whole record in again, events among it."""
    for number in range(3):
        run = f"run{number}"
        _record(
            searched,
            _register(run),
            _span(f"{run}.s", "needle", run=run),
            EventCreate(
                idempotency_key=f"{run}.e", timestamp=NOW, agent_instance_id=run, id=f"{run}.e", name="needle"
            ),
        )
    searched.catch_up()
    before = sorted(searched.subjects("needle"))
    assert len(before) == 6
    with searched.index.write() as writer:
        assert writer is not None
        writer.clear()
        writer.set_missing_below(1 << 30)
    assert searched.subjects("needle") == []
    assert searched.catch_up() == 9
    assert sorted(searched.subjects("needle")) == before
    assert searched.catch_up() == 0


def test_a_step_that_dies(searched: Searched) -> None:
    """A step that is cut short before its entries are taken off is repeated, without doubling anything."""
    _record(searched, _register(), _span("s", "needle"))
    queued = search_queue.oldest_queued(searched.store, 10)
    with suppress(ZeroDivisionError), searched.index.write() as writer:
        assert writer is not None
        writer.set_missing_below(5)
        raise ZeroDivisionError
    assert search_queue.oldest_queued(searched.store, 10) == queued
    searched.catch_up()
    # as if it had died between the two commits
    with searched.store.write() as transaction:
        search_queue.add_to_queue(transaction, {one.instance_key: one.subjects for one in queued}, NOW)
    searched.catch_up()
    assert searched.subjects("needle") == ["span s"]
    assert search_queue.oldest_queued(searched.store, 1) == []


def test_one_at_a_time(searched: Searched) -> None:
    """While one server indexes, another does something else."""
    with opened(searched.file, searched.address) as other:
        _record(searched, _register(), _span("s", "needle"))
        with searched.index.write() as writer:
            assert writer is not None
            assert other.catch_up() == 0
        assert other.catch_up() == 2
    assert searched.catch_up() == 0
    assert searched.subjects("needle") == ["span s"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(max_size=60) | st.text(alphabet="ab\"'*-():^+~<>&|!\\ {}[]AND", max_size=60))
def test_any_query(searched: Searched, query: str) -> None:
    """Whatever is typed, there is an answer."""
    searched.hits(query)


@given(text=st.text(max_size=200))
def test_every_word_is_a_word_to_be_found(text: str) -> None:
    """Each word of a text, asked for, is a word of its index; words hold nothing but letters and digits."""
    words = index_words(text).split()
    assert index_words(" ".join(words)).split() == words or any(not word.isascii() for word in words)
    assert all(word.isalnum() or not word.isascii() for word in words)
    for piece in text.split():
        match = parse_search(piece.strip('-*"'))
        if match is not None and len(match.wanted) == 1:
            joined = f" {' '.join(words)} "
            assert any(f" {' '.join(phrase)} " in joined for phrase in match.wanted[0].phrases), piece
