"""Searching a running server: the index follows, whatever happens to it."""

from __future__ import annotations

import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from holdfast._clock import utc_now_ns
from holdfast._ids import new_id
from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server
from holdfast.server.services.searching.query import parse_search
from holdfast.server.stores.catalogue import ensure_account
from holdfast.server.stores.schema import record as schema
from holdfast.server.stores.search.queue import oldest_queued
from holdfast.server.stores.search.words import Match, index_words
from holdfast.wire.operations import InstanceRegister, Operation, SpanCreate
from holdfast.wire.vocabulary import TokenScope
from server.client import Api
from server.records import apply, rows
from server.search_indexes import Searched, opened
from server.wait import wait_until

_CHILD = Path(__file__).with_name("server_child.py")


def _span(api: Api, run_id: str, payload: Any, span_id: str | None = None) -> str:
    span = {"agent_instance_id": run_id, "schema_name": "t", "name": "n", "payload": payload}
    if span_id is not None:
        span["id"] = span_id
    status, answer = api.post("/agent_spans", {"details": span})
    assert status == 200
    return str(answer["details"]["id"])


def _ids(api: Api, query: str) -> list[str]:
    status, answer = api.get(f"/search?{query}")
    if status == 503:  # its file was just removed
        return []
    assert status == 200, answer
    return [hit["agent_span_id"] for hit in answer["summaries"]]


def test_found_after_the_commit(api: Api) -> None:
    """What was recorded can be searched for a moment later, by the API, with its place and its words."""
    run_id, word = api.run(new_id(), name="the run"), new_id()
    span_id = _span(api, run_id, {"say": f"it is {word}"})
    wait_until(lambda: _ids(api, f"q={word}") == [span_id])
    (hit,) = api.get(f"/search?q={word}")[1]["summaries"]
    assert (hit["kind"], hit["agent_instance_id"], hit["run_name"]) == ("span", run_id, "the run")
    assert {"text": word, "hit": True} in hit["snippet"]
    assert _ids(api, f"q={word}&agent_instance_id={run_id}") == [span_id]
    assert _ids(api, f"q={word}&agent_instance_id={new_id()}") == []
    assert _ids(api, f"q={word}&agent_id={new_id()}") == []
    assert _ids(api, f"q={word}&start_time=2200-01-01") == []
    assert _ids(api, f"q={word}&end_time=2200-01-01") == [span_id]


def test_what_cannot_be_used(api: Api) -> None:
    """Wrong parameters are named; no query at all finds nothing."""
    for query in ("limit=0", "limit=101", "limit=x", "start_time=soon"):
        status, answer = api.get(f"/search?q=a&{query}")
        assert (status, list(answer["errors"])) == (422, [query.partition("=")[0]])
    assert api.get("/search")[1] == {"summaries": [], "next": None, "complete": True, "status": "success"}
    assert api.get("/search?q=a&cursor=%00")[0] == 200


def test_foreign_tokens_find_nothing(running: Listening, api: Api) -> None:
    """A token of another account, and one bound to another agent, find nothing that is not theirs."""
    run_id, word = api.run(new_id()), new_id()
    span_id = _span(api, run_id, word)
    wait_until(lambda: _ids(api, f"q={word}") == [span_id])
    with running.services.store.write() as transaction:
        ensure_account(transaction.connection, "stranger", utc_now_ns())
    auth = running.services.auth
    other = api.post("/agent", {"details": {"name": new_id()}})[1]["details"]["id"]
    foreign = auth.create_token("stranger", "x", list(TokenScope))[1]
    bound = auth.create_token("default", "x", [TokenScope.READ], agent_id=other)[1]
    for secret in (foreign, bound):
        with Api(running.url, secret) as stranger:
            for query in (f"q={word}", f"q={word}&agent_instance_id={run_id}"):
                assert stranger.get(f"/search?{query}")[1]["summaries"] == []


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "sqlite" else str(request.getfixturevalue("postgres"))


@contextmanager
def _server(data: Path, database: str | None) -> Iterator[tuple[subprocess.Popen[str], Api]]:
    command = [sys.executable, str(_CHILD), str(data), *([database] if database else [])]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        url, token = child.stdout.readline().split()
        with Api(url, token) as api:
            yield child, api
    finally:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()


def test_kill_while_it_indexes(tmp_path: Path, database: str | None) -> None:
    """Killed over its work again and again, every text is found in the end, each once, and nothing waits."""
    recorded: list[str] = []
    for _ in range(3):
        with _server(tmp_path, database) as (child, api):
            run_id = api.run(new_id())
            for _ in range(5):
                ids = [new_id() for _ in range(100)]
                spans = [
                    {"_type": "agent_spans/create", "agent_instance_id": run_id, "status": "complete"}
                    | {"id": span_id, "idempotency_key": span_id, "payload": {"text": f"needle {span_id}"}}
                    for span_id in ids
                ]
                assert api.bulk(spans)[1]["accepted"] == 100
                recorded += ids
            wait_until(lambda: api.get("/search?q=needle")[1]["summaries"] != [])
            child.send_signal(signal.SIGKILL)
            child.wait()
    with opened(tmp_path / "holdfast.db", database) as searched:
        searched.catch_up()
        assert oldest_queued(searched.store, 1) == []
        looked = searched.index.look(
            "default", _match("needle"), below=1 << 62, limit=len(recorded) + 1, seconds=10.0
        )
        found = [one.subject for one in searched.index.texts(looked.keys).values()]
    assert sorted(found) == sorted(recorded)


def _match(query: str) -> Match:
    match = parse_search(query)
    assert match is not None
    return match


def test_two_servers_on_one_record(tmp_path: Path, postgres: str) -> None:
    """Two servers index one PostgreSQL record: what either takes in both find, once."""
    configs = [ServerConfig(data=tmp_path / name, database=postgres, port=0) for name in ("one", "two")]
    with (
        background_server(configs[0]) as one,
        background_server(configs[1]) as two,
        Api(one.url, one.token) as first,
        Api(two.url, two.token) as second,
    ):
        word, runs = new_id(), [first.run(new_id()), second.run(new_id())]
        ids = [
            _span(api, run_id, {"n": n, "word": word})
            for n in range(20)
            for api, run_id in zip((first, second), runs, strict=True)
        ]

        def found(api: Api) -> list[str]:
            return [one for run in runs for one in _ids(api, f"q={word}&limit=100&agent_instance_id={run}")]

        wait_until(lambda: sorted(found(second)) == sorted(ids))
        wait_until(lambda: sorted(found(first)) == sorted(ids))


def test_an_index_that_is_removed_or_damaged(tmp_path: Path) -> None:
    """The index file may go at any time, while the server runs too, and may be broken: it is made anew."""
    file = tmp_path / "holdfast-search.db"
    config = ServerConfig(data=tmp_path, port=0)
    with background_server(config) as server, Api(server.url, server.token) as api:
        span_id = _span(api, api.run(new_id()), "needle")
        wait_until(lambda: _ids(api, "q=needle") == [span_id])
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        for path in tmp_path.glob("holdfast-search.db*"):
            path.unlink()
        later = _span(api, api.run(new_id()), "needle")
        wait_until(lambda: _ids(api, "q=needle") == [later, span_id])
    file.write_bytes(b"dear diary" * 1000)
    with background_server(config) as server, Api(server.url, server.token) as api:
        wait_until(lambda: _ids(api, "q=needle") == [later, span_id])


def test_an_index_of_another_record(tmp_path: Path) -> None:
    """An index of another record, or of this one's future, is not used."""
    for name, word in (("a", "apple"), ("b", "banana")):
        with opened(tmp_path / name / "holdfast.db", None) as searched:
            apply(searched.store, [InstanceRegister(idempotency_key="r", id="run", agent_id="a", name=word)])
            searched.catch_up()
    shutil.copy(tmp_path / "a" / "holdfast-search.db", tmp_path / "b" / "holdfast-search.db")
    with opened(tmp_path / "b" / "holdfast.db", None) as searched:
        assert searched.subjects("apple") == []
        searched.catch_up()
        assert (searched.subjects("apple"), searched.subjects("banana")) == ([], ["run run"])


def test_what_is_forgotten_is_gone_from_the_disk(tmp_path: Path) -> None:
    """After a text has been forgotten and the index tidied, its words are in none of the files."""
    with opened(tmp_path / "holdfast.db", None) as searched:
        register = InstanceRegister(idempotency_key="r", id="run", agent_id="a", name="canaryword")
        apply(searched.store, [register])
        for number in range(50):
            other = InstanceRegister(
                idempotency_key=f"r{number}", id=f"run{number}", agent_id="a", name="kept"
            )
            apply(searched.store, [other])
        searched.catch_up()
        with searched.index.write() as writer:
            assert writer is not None
            assert writer.forget([1]) == 1
        while searched.index.tidy():
            pass
        files = list(tmp_path.glob("holdfast-search.db*"))
        assert files
        assert not [path for path in files if b"canaryword" in path.read_bytes()]
        assert len(searched.subjects("kept")) == 20


def test_an_erased_run_is_forgotten(tmp_path: Path) -> None:
    """After a run was erased its words are found no more, and are soon in none of the index's files."""
    with (
        background_server(ServerConfig(data=tmp_path, port=0)) as server,
        Api(server.url, server.token) as api,
    ):
        kept = _span(api, api.run(new_id()), "needle")
        run_id = api.run(new_id())
        gone = _span(api, run_id, "needle canaryword")
        api.run(new_id())
        wait_until(lambda: _ids(api, "q=needle") == [gone, kept])
        assert api.post(f"/agent_instance/{run_id}/finish", {})[0] == 200
        assert api.send("DELETE", f"/agent_instance/{run_id}")[0] == 200
        assert _ids(api, "q=needle") == [kept]
        wait_until(
            lambda: (
                not [
                    path
                    for path in tmp_path.glob("holdfast-search.db*")
                    if b"canaryword" in path.read_bytes()
                ]
            )
        )
        assert _ids(api, "q=needle") == [kept]


def test_real_runs(tmp_path: Path, real_runs: Iterator[dict[str, Any]]) -> None:
    """In recorded real runs every text that has two rare words next to each other is found by them."""
    with opened(tmp_path / "holdfast.db", None) as searched:
        taken = 0
        wanted: dict[str, str] = {}
        for number, run in zip(range(60), real_runs, strict=False):
            run_id = f"real-{number}"
            items: list[Operation] = [InstanceRegister(idempotency_key=run_id, id=run_id, agent_id="a")]
            for place, turn in enumerate(run["turns"]):
                span_id = f"{run_id}.{place}"
                items.append(
                    SpanCreate(
                        idempotency_key=span_id,
                        agent_instance_id=run_id,
                        id=span_id,
                        schema_name="t",
                        payload=Raw(msgspec.json.encode(turn.get("input"))),
                        result_payload=Raw(msgspec.json.encode(turn.get("output"))),
                    )
                )
            wanted[run_id] = f"{run_id}.{len(run['turns']) - 1}"
            apply(searched.store, items)
            taken += len(items)
        assert searched.catch_up() == taken
        for run_id, span_id in wanted.items():
            (text,) = [
                one.text
                for one in searched.index.texts(_keys(searched, run_id)).values()
                if one.subject == span_id
            ]
            words = index_words(text).split()[:12]
            if len(words) > 3:
                hits = searched.hits(f'"{" ".join(words[-3:])}"', run_id=run_id, limit=100)
                assert span_id in [hit.agent_span_id for hit in hits], words


def _keys(searched: Searched, run_id: str) -> list[int]:
    found = [row for row in rows(searched.store, schema.instances) if row["id"] == run_id]
    return [
        row["body_key"]
        for row in rows(searched.store, schema.spans)
        if row["instance_key"] == found[0]["key"]
    ]
