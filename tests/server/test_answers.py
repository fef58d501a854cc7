"""Questions that runs ask of people: by the API, in any order of events, and through a session that waits."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

import holdfast
from holdfast._ids import new_id
from holdfast.runtime import Orchestrator
from holdfast.server.running import Listening
from holdfast.testing import running_server
from server.client import Api
from waiting import wait_until


def _event(api: Api, run_id: str, name: str, question: str, **payload: Any) -> None:
    item = {
        "_type": "agent_events/create",
        "idempotency_key": new_id(),
        "agent_instance_id": run_id,
        "id": new_id(),
        "name": name,
        "timestamp": time.time_ns(),
        "payload": {"question": question, **payload},
    }
    status, told = api.bulk([item])
    assert (status, told["accepted"], told["outputs"]) == (200, 1, {})


def _questions(api: Api, run_id: str) -> list[dict[str, Any]]:
    status, listed = api.get(f"/agent_instance/{run_id}/questions")
    assert status == 200
    found: list[dict[str, Any]] = listed["summaries"]
    return found


def _word(api: Api, run_id: str) -> Any:
    _, said = api.post("/control", {"agent_instance_ids": [run_id]})
    return said["control"].get(run_id)


def test_an_answer_goes_to_the_run_until_that_says_it_has_it(api: Api) -> None:
    """With the word that the run polls and with the answer to what it sends; by whom is on the record."""
    run_id = api.run(new_id())
    _event(api, run_id, "input.requested", "q1", detail="Deploy?")
    [asked] = _questions(api, run_id)
    assert (asked["prompt"], asked["open"], asked["answer"]) == ("Deploy?", True, None)
    assert _word(api, run_id) is None
    status, given = api.post(f"/agent_instance/{run_id}/answer", {"answer": "yes"})
    assert status == 200
    assert given["details"]["answer"] == "yes"
    assert given["details"]["answered_by"].startswith("token ")
    assert given["details"]["open"] is False
    by = given["details"]["answered_by"]
    assert _word(api, run_id) == {
        "terminate": False,
        "reason": None,
        "answers": {"q1": {"value": "yes", "by": by}},
    }
    noted = {
        "_type": "agent_events/create",
        "idempotency_key": new_id(),
        "agent_instance_id": run_id,
        "id": new_id(),
        "name": "something",
        "timestamp": time.time_ns(),
    }
    assert api.bulk([noted])[1]["control"][run_id]["answers"]["q1"]["value"] == "yes"
    _event(api, run_id, "input.provided", "q1")
    assert _word(api, run_id) is None
    events = {
        row["name"]: row for row in api.get(f"/agent_events?agent_instance_id={run_id}")[1]["summaries"]
    }
    assert events["input.answered"]["payload"] == {"question": "q1", "answer": "yes", "by": by}


def test_a_closed_question_says_so(api: Api) -> None:
    """Answered already, given up by the run, a run that has ended, no such question: each says what it is."""
    run_id = api.run(new_id())
    path = f"/agent_instance/{run_id}/answer"
    assert api.post(path, {"answer": "x"}) == (
        409,
        {"status": "error", "code": "invalid_action", "message": "the run waits for no answer"},
    )
    for number in (1, 2):
        _event(api, run_id, "input.requested", f"q{number}", detail="?")
    assert api.post(path, {"answer": "x"})[0] == 422
    assert api.post(path, {"answer": ""})[0] == 422
    assert api.post(path, {"answer": "x", "question": "q9"})[0] == 404
    assert api.post("/agent_instance/nobody/answer", {"answer": "x"})[0] == 404
    assert api.post(path, {"answer": "x", "question": "q1"})[0] == 200
    status, refused = api.post(path, {"answer": "y", "question": "q1"})
    assert (status, refused["message"].endswith("has answered already")) == (409, True)
    _event(api, run_id, "input.closed", "q2")
    status, refused = api.post(path, {"answer": "y", "question": "q2"})
    assert (status, refused["message"]) == (409, "the run has stopped waiting for this answer")
    _event(api, run_id, "input.requested", "q3", detail="?")
    api.post(f"/agent_instance/{run_id}/finish", {})
    status, refused = api.post(path, {"answer": "y", "question": "q3"})
    assert (status, refused["message"]) == (409, "the run is complete: nobody waits for an answer")
    assert [asked["open"] for asked in _questions(api, run_id)] == [False, False, False]


def test_the_end_of_a_question_may_arrive_before_its_beginning(api: Api) -> None:
    """Then it is closed from the first; what is no question is passed over."""
    run_id = api.run(new_id())
    _event(api, run_id, "input.provided", "q1")
    assert _questions(api, run_id) == []
    _event(api, run_id, "input.requested", "q1", detail="Now?")
    _event(api, run_id, "input.requested", "", detail="no id")
    [asked] = _questions(api, run_id)
    assert (asked["prompt"], asked["open"]) == ("Now?", False)


def test_the_same_answer_twice_is_one(api: Api) -> None:
    """By its idempotency key."""
    run_id = api.run(new_id())
    _event(api, run_id, "input.requested", "q1", detail="?")
    body = {"answer": "yes", "idempotency_key": new_id()}
    first = api.post(f"/agent_instance/{run_id}/answer", body)
    assert first[0] == 200
    assert api.post(f"/agent_instance/{run_id}/answer", body) == first


def test_an_agents_own_token_cannot_answer(running: Listening, api: Api) -> None:
    """Recording is all that it may do."""
    run_id = api.run(new_id())
    _event(api, run_id, "input.requested", "q1", detail="?")
    _, made = api.post("/api_token", {"details": {"name": "agent", "scopes": ["ingest"]}})
    with Api(running.url, made["token"]) as agent:
        assert agent.post(f"/agent_instance/{run_id}/answer", {"answer": "yes"})[0] == 403


def test_a_session_that_waits_gets_its_answer_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """From the API to the function that asked; the record says who, and that it has arrived."""
    with running_server() as server, Api(server.url, server.token) as api:
        spool = str(tmp_path_factory.mktemp("spool"))
        client = holdfast.init(agent="tester", url=server.url, token=server.token, spool=spool)
        answers: list[str] = []

        def work() -> None:
            with Orchestrator(role="asker", phase="p").session() as session:
                answers.append(session.pause_for_input("Which way?", timeout=60))
                answers.append(session.pause_for_input("And then?", timeout=60))

        agent = threading.Thread(target=work)
        agent.start()
        try:
            for answer in ("left", "right"):
                wait_until(lambda: _open(api), seconds=30)
                [(run_id, question)] = _open(api)
                status, _ = api.post(
                    f"/agent_instance/{run_id}/answer", {"answer": answer, "question": question}
                )
                assert status == 200
            agent.join(30)
            assert client.flush(20)
        finally:
            client.close()
        assert answers == ["left", "right"]
        told = [
            (row["name"], row["payload"].get("by", "").partition(" ")[0])
            for row in api.get(f"/agent_events?agent_instance_id={run_id}")[1]["summaries"]
        ]
        assert told == [("input.requested", ""), ("input.answered", "token"), ("input.provided", "token")] * 2
        assert _word(api, run_id) is None


def _open(api: Api) -> list[tuple[str, str]]:
    runs = api.get("/agent_instance")[1]["summaries"]
    return [(run["id"], asked["id"]) for run in runs for asked in _questions(api, run["id"]) if asked["open"]]
