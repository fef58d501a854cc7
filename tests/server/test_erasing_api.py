"""Erasing and retention over HTTP, and what is then left in the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from holdfast._ids import new_id
from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server
from holdfast.server.stores.schema.record import idempotency
from holdfast.wire.vocabulary import TokenScope
from server.client import Api
from server.wait import wait_until


def _whole_run(api: Api, agent: str = "tester", word: str = "word") -> str:
    run_id = api.run(new_id(), agent_id=agent)
    span = {"agent_instance_id": run_id, "id": new_id(), "schema_name": "t", "payload": {"text": word}}
    assert api.post("/agent_spans", {"details": span})[0] == 200
    return run_id


def _erase(api: Api, **details: Any) -> dict[str, Any]:
    """The receipt, once it is complete."""
    status, answer = api.post("/erasures", {"details": details})
    assert status == 200, answer
    receipt: dict[str, Any] = answer["details"]

    def complete() -> bool:
        receipt.update(api.get(f"/erasures/{receipt['id']}")[1]["details"])
        return bool(receipt["state"] == "complete")

    wait_until(complete)
    return receipt


def test_delete_a_run(api: Api) -> None:
    """DELETE answers with a receipt; the run is unknown then, and what comes for it is dropped and counted."""
    run_id = _whole_run(api)
    status, answer = api.send("DELETE", f"/agent_instance/{run_id}")
    assert status == 200
    receipt = answer["details"]
    assert receipt["counts"]["instances"] == receipt["counts"]["spans"] == 1
    assert receipt["asked_by"].startswith("token ")
    assert api.get(f"/agent_instance/{run_id}")[0] == 404
    assert api.send("DELETE", f"/agent_instance/{run_id}")[0] == 404
    late = {"_type": "agent_spans/create", "agent_instance_id": run_id, "id": "late", "idempotency_key": "k"}
    assert api.bulk([late])[1] == {"status": "success", "accepted": 1, "outputs": {}, "dropped": 1}
    status, answer = api.post(f"/agent_instance/{run_id}/finish", {})
    assert (status, answer["details"]["notice"]) == (200, "erased")
    assert api.get(f"/agent_instance/{run_id}")[0] == 404
    assert api.get(f"/erasures/{receipt['id']}")[1]["details"]["dropped"] == 2


def test_the_same_key_erases_once(api: Api) -> None:
    """A repeat with the same idempotency key answers with the same receipt."""
    run_id, headers = _whole_run(api), {"Idempotency-Key": new_id()}
    first = api.send("DELETE", f"/agent_instance/{run_id}", headers=headers)[1]["details"]
    again = api.send("DELETE", f"/agent_instance/{run_id}", headers=headers)[1]["details"]
    assert (again["id"], again["counts"]) == (first["id"], first["counts"])


def test_answers_kept_for_repeats_go_too(api: Api, running: Listening) -> None:
    """What was answered about an erased run, to a recording call or to a person's judgement, is not repeated."""
    run_id = _whole_run(api)
    headers = {"Idempotency-Key": new_id()}
    said = {"agent_instance_id": run_id, "name": "tone", "value": 1, "comment": "what I think of it"}
    assert api.post("/score", {"details": said}, headers)[0] == 200
    _erase(api, agent_instance_ids=[run_id])
    with running.services.store.reader.connect() as connection:
        kept = connection.execute(select(idempotency.c.response)).scalars().all()
    assert not [answer for answer in kept if run_id.encode() in bytes(answer)]
    assert api.post("/score", {"details": said}, headers)[0] == 404


def test_a_dry_run_changes_nothing(api: Api) -> None:
    """It tells what there is."""
    name = new_id()
    run_id = _whole_run(api, name)
    found = api.post("/erasures", {"details": {"agent_id": name, "dry_run": True}})[1]["details"]
    assert found == {
        "type": "erasure_found",
        "agent_instances": 1,
        "live": 1,
        "agent_spans": 1,
        "agent_events": 0,
        "agents": 1,
    }
    assert api.get(f"/agent_instance/{run_id}")[0] == 200


def test_an_agent_goes_whole(api: Api) -> None:
    """By its name, with tokens that are bound to it; others stay."""
    name, other = new_id(), _whole_run(api)
    run_id = _whole_run(api, name)
    agent_id = api.get(f"/agent_instance/{run_id}")[1]["details"]["agent_id"]
    bound = api.post("/api_token", {"details": {"agent_id": agent_id, "scopes": ["ingest"]}})[1]
    receipt = _erase(api, agent_id=name)
    assert receipt["counts"]["agents"] == 1
    assert api.get(f"/agent/{agent_id}")[0] == 404
    assert api.get(f"/agent_instance/{other}")[0] == 200
    with Api(api.url, bound["token"]) as agent:
        assert agent.bulk([])[0] == 401


@pytest.mark.parametrize(
    ("details", "status", "field"),
    [
        ({}, 422, "details"),
        ({"where": "colour = red"}, 422, "where"),
        ({"where": "status = red"}, 422, "status"),
        ({"where": "status = failed", "before": "soon"}, 422, "before"),
        ({"agent_instance_ids": ["x"] * 1001}, 422, "agent_instance_ids"),
        ({"agent_instance_ids": "x"}, 422, "agent_instance_ids"),
        ({"agent_id": "nobody of that name"}, 404, None),
    ],
)
def test_selections_that_cannot_be_used(api: Api, details: Any, status: int, field: str | None) -> None:
    """What is wrong is named, and nothing is erased."""
    run_id = _whole_run(api)
    found, answer = api.post("/erasures", {"details": details})
    assert (found, list(answer.get("errors", {})) or [None]) == (status, [field])
    assert api.get(f"/agent_instance/{run_id}")[0] == 200


def test_a_bound_token_erases_within_its_reach(api: Api, running: Listening) -> None:
    """A token bound to an environment neither takes an agent whole nor a run elsewhere."""
    name = new_id()
    run_id = _whole_run(api, name)
    place = api.post("/environment", {"details": {"name": new_id()}})[1]["details"]["id"]
    _, secret = running.services.auth.create_token("default", "bound", list(TokenScope), environment_id=place)
    with Api(running.url, secret) as bound:
        assert bound.post("/erasures", {"details": {"agent_id": name}})[0] == 403
        assert bound.send("DELETE", f"/agent_instance/{run_id}")[0] == 404
        receipt = _erase(bound, where=f"agent = {name}")
        assert receipt["counts"] == {}
        assert [row["id"] for row in bound.get("/erasures")[1]["summaries"]] == [receipt["id"]]
    assert api.get(f"/agent_instance/{run_id}")[0] == 200


def test_retention_rules(api: Api) -> None:
    """A rule for the account, and one for an agent that goes again; lengths of time are told as they may be
    given."""
    run_id = _whole_run(api, new_id())
    agent_id = api.get(f"/agent_instance/{run_id}")[1]["details"]["agent_id"]
    assert api.get("/retention")[1]["summaries"][0]["keep"] is None
    assert api.send("PUT", "/retention", {"details": {"keep": "8w"}})[1]["details"]["keep"] == "56d"
    rule = api.send("PUT", f"/retention/{agent_id}", {"details": {"keep": "36h"}})[1]["details"]
    assert (rule["keep"], rule["keep_seconds"], rule["agent_id"]) == ("36h", 129_600, agent_id)
    assert {row["agent_id"]: row["keep"] for row in api.get("/retention")[1]["summaries"]} == {
        None: "56d",
        agent_id: "36h",
    }
    assert api.send("DELETE", f"/retention/{agent_id}")[0] == 200
    assert api.send("DELETE", f"/retention/{agent_id}")[0] == 404
    for wrong in ("soon", "5m", 7, "-1d"):
        status, answer = api.send("PUT", "/retention", {"details": {"keep": wrong}})
        assert (status, list(answer["errors"])) == (422, ["keep"])
    assert api.send("PUT", "/retention", {"details": {"keep": None}})[1]["details"]["keep"] is None


def test_nothing_of_it_is_left_in_the_files(tmp_path: Path) -> None:
    """After an erasure no file of the database holds a byte of what the run said, on a server that runs on."""
    words = [f"canary-{new_id()}" for _ in range(40)]
    config = ServerConfig(data=tmp_path, port=0)
    with background_server(config) as server, Api(server.url, server.token) as api:
        runs = [api.run(new_id(), agent_id=f"agent of {word}") for word in words]
        for turn in range(5):  # in turns, so that pages of the file are shared and split
            items = []
            for run_id, word in zip(runs, words, strict=True):
                payload = {"text": word * (1 + turn * 40)}
                at = {"agent_instance_id": run_id, "id": f"{run_id}-{turn}"}
                items.append(
                    {"_type": "agent_spans/create", "schema_name": word, "payload": payload, **at}
                    | {"idempotency_key": f"{run_id}-{turn}-create"}
                )
            assert api.bulk(items)[1]["accepted"] == len(words)
            finishes = [
                {
                    "_type": "agent_spans/finish",
                    "agent_instance_id": run_id,
                    "agent_span_id": f"{run_id}-{turn}",
                    "result_payload": {"text": word * 9},
                    "idempotency_key": f"{run_id}-{turn}-finish",
                }
                for run_id, word in zip(runs, words, strict=True)
            ]
            assert api.bulk(finishes)[1]["accepted"] == len(words)
        wait_until(lambda: api.get("/search?q=canary")[1].get("waiting", 0) == 0)
        for word in words[::2]:
            receipt = _erase(api, agent_id=f"agent of {word}")
            assert (receipt["counts"]["agents"], receipt["note"]) == (1, None)
        gone = [word.encode() for word in words[::2]]

        def left() -> list[str]:
            files = [path for path in tmp_path.rglob("*") if path.is_file()]
            return [path.name for path in files if any(word in path.read_bytes() for word in gone)]

        wait_until(lambda: not left())  # the search index follows soon after
        assert all(
            any(word.encode() in path.read_bytes() for path in tmp_path.glob("holdfast.db*"))
            for word in words[1::2]
        )


def test_room_is_measured(running: Listening) -> None:
    """In whatever database: its kind, its size, and the size of each table."""
    sizes = running.services.managed.storage
    assert sizes.kind().partition(" ")[0] in ("SQLite", "PostgreSQL")
    tables = sizes.tables(asked=True)
    assert tables is not None
    assert tables.by_table["instances"] > 0
    assert sum(tables.by_table.values()) <= sizes.database()
