"""Thumbs and scores by the HTTP API."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast._ids import new_id
from server.client import Api


def give(api: Api, run_id: str, **fields: Any) -> tuple[int, Any]:
    return api.post(
        "/score", {"details": {"agent_instance_id": run_id, "name": "helpful", "value": 1, **fields}}
    )


def test_a_score_is_kept_listed_and_taken_back(api: Api) -> None:
    """What was given is what is read; a deleted one is gone."""
    run = api.run(new_id())
    code, answer = give(api, run, value=0.75, comment="nearly", author="user-7", agent_span_id="any")
    assert code == 200
    given = answer["details"]
    assert (given["value"], given["comment"], given["author"]) == (0.75, "nearly", "user-7")
    assert (given["source"], given["agent_instance_id"], given["agent_span_id"]) == ("api", run, "any")
    code, answer = api.get(f"/score?agent_instance_id={run}")
    assert (code, answer["summaries"], answer["pagination"]["item_count"]) == (200, [given], 1)
    assert api.send("DELETE", f"/score/{given['id']}")[1]["details"] == given
    assert api.get(f"/score?agent_instance_id={run}")[1]["summaries"] == []
    assert api.send("DELETE", f"/score/{given['id']}")[0] == 404


def test_a_score_with_a_known_id_is_replaced(api: Api) -> None:
    """A user who changes their mind counts once; the id of another run's score is refused."""
    run, other = api.run(new_id()), api.run(new_id())
    name = f"of-{run}"
    first = give(api, run, id=name, value=False)[1]["details"]
    second = give(api, run, id=name, value=True, comment="on second thought")[1]["details"]
    assert (first["value"], second["value"]) == (0.0, 1.0)
    assert second["inserted_at"] == first["inserted_at"] < second["updated_at"]
    assert api.get(f"/score?agent_instance_id={run}")[1]["summaries"] == [second]
    code, answer = give(api, other, id=name)
    assert (code, list(answer["errors"])) == (422, ["id"])


def test_a_repeated_request_gives_one_score(api: Api) -> None:
    """The idempotency key in the header counts as elsewhere."""
    run = api.run(new_id())
    body = {"details": {"agent_instance_id": run, "name": "helpful", "value": 1}}
    answers = [api.post("/score", body, {"Idempotency-Key": f"key-{run[:20]}"}) for _ in range(2)]
    assert answers[0] == answers[1]
    assert api.get(f"/score?agent_instance_id={run}")[1]["pagination"]["item_count"] == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"value": "high"}, "value"),
        ({"value": 1e300}, "value"),
        ({"value": None}, "value"),
        ({"name": "  "}, "name"),
        ({"name": 7}, "name"),
        ({"id": "a\nb"}, "id"),
        ({"comment": ["x"]}, "comment"),
    ],
)
def test_a_wrong_field_is_named(api: Api, fields: dict[str, Any], field: str) -> None:
    """And nothing is kept."""
    run = api.run(new_id())
    code, answer = give(api, run, **fields)
    assert (code, list(answer["errors"])) == (422, [field])
    assert api.get(f"/score?agent_instance_id={run}")[1]["summaries"] == []


def test_an_unknown_run_has_no_scores(api: Api) -> None:
    """404, as for every run that is not there."""
    assert give(api, new_id())[0] == 404


def test_lists_are_filtered_and_paged(api: Api) -> None:
    """By run, agent and name; newest last, or first where that is asked for."""
    run = api.run(new_id(), agent_id=f"judged-{new_id()}")
    agent = api.get(f"/agent_instance/{run}")[1]["details"]["agent_id"]
    for number in range(5):
        give(api, run, name=f"n{number % 2}", value=number)
    code, answer = api.get(f"/score?agent_id={agent}&name=n0&sorting=-inserted_at&pagination[page_size]=2")
    assert [one["value"] for one in answer["summaries"]] == [4.0, 2.0]
    assert (code, answer["pagination"]["item_count"]) == (200, 3)
