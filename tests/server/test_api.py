"""The endpoints as their clients use them, over real HTTP."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from holdfast._ids import new_id
from server.client import Api

_ACTIVE: dict[str, Any] = {"schema_name": "t", "status": "active", "payload": {"a": 1}}


def _span(api: Api, run_id: str, **fields: Any) -> str:
    status, answer = api.post("/agent_spans", {"details": _ACTIVE | {"agent_instance_id": run_id} | fields})
    assert status == 200, answer
    span_id: str = answer["details"]["id"]
    return span_id


def test_the_fields_that_clients_require(api: Api) -> None:
    """A run and a span have every field that a client refuses to miss, in the types it expects."""
    run_id = api.run(new_id())
    _, run = api.get(f"/agent_instance/{run_id}")
    needed = "id account_id agent_id agent_version_id environment_id agent_deployment_id status inserted_at updated_at"
    assert all(isinstance(run["details"][name], str) and run["details"][name] for name in needed.split())
    assert run["details"]["type"] == "agent_instance"
    assert set(run["details"]["span_counts"]) >= {
        "total",
        "active",
        "complete",
        "failed",
        "cancelled",
        "finished",
    }
    _, span = api.post(
        "/agent_spans", {"details": {"agent_instance_id": run_id, "payload": [1], "status": "active"}}
    )
    assert span["details"]["type"] == "agent_span"
    assert span["details"]["payload"] == {"value": [1]}
    assert span["details"]["schema_title"] == span["details"]["schema_name"]
    assert span["details"]["inserted_at"].endswith("Z")


def test_lists(api: Api) -> None:
    """A list has pagination and sorting, honours both spellings of the order, and counts from the right end."""
    run_id = api.run(new_id())
    ids = sorted(_span(api, run_id) for _ in range(5))
    _, first = api.get(f"/agent_spans?agent_instance_id={run_id}&sorting=-id&pagination[page_size]=2")
    assert [row["id"] for row in first["summaries"]] == ids[:-3:-1]
    assert first["sorting"] == {"field": "id", "direction": "desc"}
    assert first["pagination"] == {
        "item_count": 5, "item_start": 1, "item_end": 2, "page_count": 3, "page_index": 1, "page_offset": 0,
        "page_size": 2, "next_page_offset": 2, "previous_page_offset": None,
    }  # fmt: skip
    query = "sorting[field]=id&sorting[direction]=asc&pagination[offset]=4&pagination[page_size]=2"
    _, last = api.get(f"/agent_spans?agent_instance_id={run_id}&{query}")
    assert [row["id"] for row in last["summaries"]] == ids[4:]
    assert last["pagination"]["next_page_offset"] is None
    assert last["pagination"]["previous_page_offset"] == 2
    assert api.get("/agent_instance?pagination[page_size]=101")[0] == 422
    assert api.get("/agent_instance")[1]["pagination"]["item_count"] >= 1


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (["start"], [(200, "active")]),
        (["start", "start"], [(200, "active"), (409, "invalid_action")]),
        (["finish"], [(200, "complete")]),
        (["start", "finish", "finish"], [(200, "active"), (200, "complete"), (409, "invalid_action")]),
        (["finish", "start"], [(200, "complete"), (200, "complete")]),
        (["terminate"], [(409, "invalid_action")]),
        (["start", "terminate", "finish"], [(200, "active"), (200, "terminated"), (409, "invalid_action")]),
    ],
)
def test_states_of_a_run(api: Api, steps: list[str], expected: list[tuple[int, str]]) -> None:
    """A run goes from state to state as the reference says, and a start that lost the race is welcome."""
    run_id = new_id()
    api.post("/agent_instance/register", {"id": run_id, "agent_id": "tester"})
    seen = []
    for step in steps:
        body = {"reason": "enough"} if step == "terminate" else {}
        status, answer = api.post(f"/agent_instance/{run_id}/{step}", body)
        seen.append((status, answer["details"]["status"] if status == 200 else answer["code"]))
    assert seen == expected


@pytest.mark.parametrize(
    ("born", "steps", "expected"),
    [
        ("active", ["complete"], [200]),
        ("active", ["cancelled"], [200]),
        ("active", ["failed", "complete"], [200, 409]),
        ("complete", ["complete"], [409]),
        ("pending", ["complete", "cancelled"], [409, 200]),
        ("active", ["active"], [422]),
    ],
)
def test_states_of_a_span(api: Api, born: str, steps: list[str], expected: list[int]) -> None:
    """A span ends once; an active one may be cancelled, a pending one only that."""
    span_id = _span(api, api.run(new_id()), status=born)
    answers = [api.post(f"/agent_spans/{span_id}/finish", {"status": step}) for step in steps]
    assert [status for status, _ in answers] == expected
    assert all(answer["code"] == "invalid_action" for status, answer in answers if status == 409)


def test_a_terminated_run_still_records(api: Api) -> None:
    """After a termination open spans are cancelled, and every span call answers 200 with the word to stop."""
    run_id = api.run(new_id())
    early = _span(api, run_id)
    assert api.post(f"/agent_instance/{run_id}/terminate", {"reason": "too dear"})[0] == 200
    word = {"terminate": True, "reason": "too dear"}
    _, listed = api.get(f"/agent_spans?agent_instance_id={run_id}")
    assert [row["status"] for row in listed["summaries"]] == ["cancelled"]
    status, answer = api.post(f"/agent_spans/{early}/finish", {"result_payload": {"kept": 1}})
    assert (status, answer["control"]) == (200, word)
    assert (answer["details"]["status"], answer["details"]["result_payload"]) == ("complete", {"kept": 1})
    status, answer = api.post("/agent_spans", {"details": _ACTIVE | {"agent_instance_id": run_id}})
    assert (status, answer["control"], answer["details"]["status"]) == (200, word, "cancelled")
    assert api.post("/control", {"agent_instance_ids": [run_id, "other"]})[1]["control"] == {run_id: word}
    _, bulk = api.bulk(
        [{"_type": "agent_instances/start", "idempotency_key": "k", "agent_instance_id": run_id}]
    )
    assert bulk["control"] == {run_id: word}


@pytest.mark.parametrize("where", ["top", "details", "header"])
def test_a_key_replays_the_answer(api: Api, where: str) -> None:
    """The same idempotency key gives the stored answer again, wherever the client puts it, and no second span."""
    run_id = api.run(new_id())
    body: dict[str, Any] = {"details": _ACTIVE | {"agent_instance_id": run_id}}
    headers = {}
    if where == "top":
        body["idempotency_key"] = "key-12345"
    elif where == "details":
        body["details"]["idempotency_key"] = "key-12345"
    else:
        headers = {"Idempotency-Key": "key-12345"}
    answers = [api.post("/agent_spans", body, headers) for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert api.get(f"/agent_spans?agent_instance_id={run_id}")[1]["pagination"]["item_count"] == 1
    finishes = [api.post(f"/agent_instance/{run_id}/finish", {"idempotency_key": "f-1"}) for _ in range(2)]
    assert finishes[0] == finishes[1]
    assert finishes[0][0] == 200


def test_a_key_belongs_to_its_action(api: Api) -> None:
    """The same key on another run or another action is another operation."""
    first, second = api.run(new_id()), api.run(new_id())
    for run_id in (first, second):
        _, answer = api.post(f"/agent_instance/{run_id}/finish", {"idempotency_key": "same"})
        assert (answer["details"]["id"], answer["details"]["status"]) == (run_id, "complete")


def test_times(api: Api) -> None:
    """Times without a zone are UTC, offsets are understood, and any year from 1970 to 2262 is kept as given."""
    run_id = api.run(new_id())
    for given, shown in [
        ("2026-01-31T12:00:00", "2026-01-31T12:00:00.000000Z"),
        ("2026-01-31T12:00:00.123+02:00", "2026-01-31T10:00:00.123000Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"),
        ("2100-01-01T00:00:00Z", "2100-01-01T00:00:00.000000Z"),
        (1_800_000_000_123_456_789, "2027-01-15T08:00:00.123456Z"),
    ]:
        _, answer = api.post(
            "/agent_spans", {"details": _ACTIVE | {"agent_instance_id": run_id, "started_at": given}}
        )
        assert answer["details"]["started_at"] == shown
    status, answer = api.post(
        "/agent_spans", {"details": {"agent_instance_id": run_id, "started_at": "soon"}}
    )
    assert (status, list(answer["errors"])) == (422, ["started_at"])


def test_quality_and_events(api: Api) -> None:
    """A quality record is set and taken away by name, also after the end; an event is kept once."""
    run_id = api.run(new_id())
    api.post(f"/agent_instance/{run_id}/finish", {})
    path = f"/agent_instance/{run_id}/record_quality"
    api.post(path, {"name": "score", "payload": {"n": 1}})
    _, answer = api.post(path, {"name": "tone", "payload": {"n": 2}})
    assert answer["details"]["quality_payloads"] == {"score": {"n": 1}, "tone": {"n": 2}}
    _, answer = api.post(path, {"name": "score", "payload": None})
    assert answer["details"]["quality_payloads"] == {"tone": {"n": 2}}
    event = {"agent_instance_id": run_id, "id": "e1", "name": "noted", "timestamp": 5, "payload": {"x": 1}}
    for _ in range(3):
        assert api.post("/agent_events", {"details": event})[0] == 200
    _, listed = api.get(f"/agent_events?agent_instance_id={run_id}")
    assert [(row["id"], row["payload"]) for row in listed["summaries"]] == [("e1", {"x": 1})]


def test_bulk_that_stops(api: Api) -> None:
    """Without `on_error` items go in order, the first failure is told and what follows is not carried out."""
    run_id = api.run(new_id())
    items: list[dict[str, Any]] = [
        {"_type": "agent_spans/create", "idempotency_key": "item-0001", "details": _ACTIVE | {"agent_instance_id": run_id, "id": "b1"}},  # noqa: E501 - a row of a table
        {"_type": "agent_spans/finish", "idempotency_key": "item-0002", "agent_span_id": "nowhere"},
        {"_type": "agent_instances/finish", "idempotency_key": "item-0003", "agent_instance_id": run_id, "method": "POST"},  # noqa: E501 - a row of a table
    ]  # fmt: skip
    status, answer = api.post("/bulk", {"items": items})
    assert status == 200
    assert answer["outputs"]["item-0001"]["details"]["id"] == "b1"
    assert answer["outputs"]["item-0002"]["code"] == "not_found"
    assert set(answer["outputs"]) == {"item-0001", "item-0002"}
    assert api.get(f"/agent_instance/{run_id}")[1]["details"]["status"] == "active"
    again = api.post("/bulk", {"items": items[:1]})[1]
    assert again["outputs"]["item-0001"] == answer["outputs"]["item-0001"]
    for bad in ([], [items[0], items[0]], [items[0] | {"idempotency_key": "short"}]):
        status, answer = api.post("/bulk", {"items": bad})
        assert (status, answer["code"]) == (422, "validation_errors")


def test_bulk_that_continues(api: Api) -> None:
    """With `on_error: continue` bad items spoil only themselves, and unknown runs and spans are made room for."""
    run_id = new_id()
    status, answer = api.bulk(
        [
            {"_type": "agent_spans/finish", "idempotency_key": "1", "agent_instance_id": run_id, "agent_span_id": "s", "result_payload": {"r": 1}},  # noqa: E501 - a row of a table
            {"_type": "agent_spans/create", "idempotency_key": "2", "agent_instance_id": run_id, "id": "x" * 129},
            {"_type": "no/such/type", "idempotency_key": "3"},
            {"_type": "agent_spans/create", "idempotency_key": "4", "agent_instance_id": run_id, "id": "s", "name": "late"},  # noqa: E501 - a row of a table
            {"_type": "agent_instances/register", "idempotency_key": "5", "id": run_id, "agent_id": "tester"},
            {"_type": "agent_spans/create", "idempotency_key": "6", "agent_instance_id": run_id, "id": "t", "started_at": "never"},  # noqa: E501 - a row of a table
            "not even an object",
        ]
    )  # fmt: skip
    assert status == 200
    assert answer["accepted"] == 3
    assert {key: error["code"] for key, error in answer["outputs"].items()} == dict.fromkeys(
        ("2", "3", "6", "items[6]"), "validation_errors"
    )
    _, listed = api.get(f"/agent_spans?agent_instance_id={run_id}")
    (span,) = listed["summaries"]
    assert (span["id"], span["name"], span["status"], span["result_payload"]) == (
        "s",
        "late",
        "complete",
        {"r": 1},
    )
    assert api.get(f"/agent_instance/{run_id}")[1]["details"]["registered"] is True


def test_a_thousand_times_the_same(api: Api) -> None:
    """The same operation delivered 1,000 times, from several threads, counts once."""
    run_id = api.run(new_id())
    item = {"_type": "agent_spans/create", "idempotency_key": "k", "agent_instance_id": run_id, "id": "once",
            "status": "complete", "attributes": {"gen_ai.usage.input_tokens": 7}}  # fmt: skip

    def deliver() -> None:
        for _ in range(5):
            assert api.bulk([item] * 50)[1]["accepted"] == 50

    threads = [threading.Thread(target=deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _, run = api.get(f"/agent_instance/{run_id}")
    assert run["details"]["span_counts"]["total"] == 1
    assert run["details"]["input_tokens"] == 7


def test_the_api_describes_itself(api: Api) -> None:
    """The OpenAPI document names every endpoint."""
    document = msgspec.json.decode(api.raw("GET", "/api/v1/openapi.json").data)
    assert {"/api/v1/bulk", "/api/v1/agent_spans", "/api/v1/agent_instance/register"} <= set(
        document["paths"]
    )


def test_the_last_registration_of_an_agent_decides_its_current_version(api: Api) -> None:
    """In one request too, by whichever of its id and its name each calls it, with others between."""
    name = f"agent {new_id()}"
    api.run(new_id(), agent_id=name)
    agent_id = api.get(f"/agent_instance?agent_id={quote(name)}")[1]["summaries"][0]["agent_id"]
    calls = [(name, "1"), ("somebody else", "1"), (agent_id, "2"), ("somebody else", "1"), (name, "1")]
    runs = [new_id() for _ in calls]
    items = [
        {
            "_type": "agent_instances/register",
            "idempotency_key": run_id,
            "id": run_id,
            "agent_id": called,
            "agent_version": {"external_identifier": version},
        }
        for run_id, (called, version) in zip(runs, calls, strict=True)
    ]
    assert api.bulk(items)[1]["accepted"] == len(calls)
    shown = [api.get(f"/agent_instance/{run_id}")[1]["details"] for run_id in runs]
    versions = [row["agent_version_id"] for row in shown]
    assert versions[0] == versions[4] != versions[2]
    assert [row["agent_id"] for row in shown].count(agent_id) == 3
    assert shown[0]["agent_deployment_id"] == shown[2]["agent_deployment_id"]
    deployments = api.get(f"/agent_deployment?agent_id={agent_id}")[1]["summaries"]
    assert [row["current_version_id"] for row in deployments] == [versions[4]]
