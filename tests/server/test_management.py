"""What is managed besides runs, over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast._ids import new_id
from holdfast.server.running import Listening
from holdfast.wire.pfid import decode_pfid, partition_of
from server.client import Api


def _make(api: Api, path: str, **details: Any) -> dict[str, Any]:
    status, answer = api.post(path, {"details": details})
    assert status == 200, answer
    made: dict[str, Any] = answer["details"]
    return made


def test_an_agent_through_its_life(api: Api) -> None:
    """An agent is made, shown by both names, changed, retired, reinstated, and deleted while it has no runs."""
    external = new_id()
    made = _make(api, "/agent", name="Clerk", description="files", external_identifier=external)
    assert (made["type"], made["status"], made["account_id"]) == ("agent", "pending", "default")
    assert decode_pfid(made["id"]).partition == partition_of("default")
    path = f"/agent/{made['id']}"
    assert api.get(f"/agent/show?external_identifier={external}")[1]["details"] == made
    assert api.get(path)[1]["details"] == made
    _, changed = api.send("PUT", path, {"details": {"description": None, "team_id": "t1"}})
    assert (changed["details"]["name"], changed["details"]["description"]) == ("Clerk", None)
    assert api.get("/agent?team_id=t1")[1]["summaries"] == [changed["details"]]
    retired = api.post(f"{path}/retire")[1]["details"]
    assert (retired["status"], retired["available_actions"]["reinstate"]) == ("retired", True)
    assert api.post(f"{path}/retire", {})[0] == 409
    assert api.send("PUT", path, {"details": {"name": "x"}})[1]["code"] == "invalid_action"
    assert api.post(f"{path}/reinstate", {})[1]["details"]["status"] == "pending"
    assert api.send("DELETE", path)[1]["details"]["id"] == made["id"]
    assert api.get(path)[0] == 404


def test_counts_and_status_follow_the_runs(api: Api) -> None:
    """An agent with runs is active, its counts say how they ended, and it cannot be deleted."""
    agent = _make(api, "/agent", name=f"busy {new_id()}")
    for ending in ("complete", "failed", None):
        run_id = api.run(new_id(), agent_id=agent["id"], environment_id="staging")
        if ending:
            api.post(f"/agent_instance/{run_id}/finish", {"status": ending})
    shown = api.get(f"/agent/show?agent_id={agent['id']}&include_counts=true")[1]["details"]
    assert shown["status"] == "active"
    counts = shown["instance_counts"]
    assert (counts["total"], counts["complete"], counts["failed"], counts["active"], counts["finished"]) == (
        3,
        1,
        1,
        1,
        2,
    )
    staging = next(row for row in api.get("/environment")[1]["summaries"] if row["name"] == "staging")
    other = _make(api, "/environment", name=new_id())
    for environment, total in ((staging, 3), (other, 0)):
        found = api.get(f"/agent/show?agent_id={agent['id']}&environment_id={environment['id']}")[1]
        assert found["details"]["instance_counts"]["total"] == total
    assert api.send("DELETE", f"/agent/{agent['id']}")[1]["code"] == "invalid_action"
    assert api.get("/alerts/count")[1]["count"] >= 1


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("/agent", {}, {"details"}),
        ("/agent", {"details": 5}, {"details"}),
        ("/agent", {"details": {}}, {"name"}),
        ("/agent", {"details": {"name": 5, "team_id": []}}, {"name", "team_id"}),
        ("/agent", {"details": {"name": " "}}, {"name"}),
        ("/agent", {"details": {"name": "x", "id": "mine"}}, {"id"}),
        ("/agent", {"details": {"name": "x", "risk_profile_id": "none"}}, {"risk_profile_id"}),
        ("/agent", {"details": {"name": "x"}, "idempotency_key": 7}, {"idempotency_key"}),
        ("/agent", {"details": {"name": "x"}, "idempotency_key": "k" * 65}, {"idempotency_key"}),
        ("/agent_deployment", {"details": {}}, {"agent_id", "environment_id"}),
        ("/agent_deployment", {"details": {"agent_id": "no", "environment_id": "no"}}, {"agent_id"}),
        ("/agent_version", {"details": {"agent_id": "no"}}, {"agent_id"}),
        ("/api_token", {"details": {"scopes": []}}, {"scopes"}),
        ("/api_token", {"details": {"scopes": ["all"]}}, {"scopes"}),
        ("/api_token", {"details": {"token_scope": "agent_deployment"}}, {"agent_deployment_id"}),
        ("/api_token", {"details": {"expires_at": "1999-01-01T00:00:00Z"}}, {"expires_at"}),
        ("/pfid/generate", {"count": 0}, {"count"}),
        ("/agent_spans/create_test_spans", {}, {"agent_instance_id"}),
    ],
)
def test_what_is_wrong_is_named(api: Api, path: str, body: Any, named: set[str]) -> None:
    """Every missing, wrong-typed or unusable field stands in `errors`."""
    status, answer = api.post(path, body)
    assert (status, answer["code"]) == (422, "validation_errors")
    assert set(answer["errors"]) == named


def test_environments_and_deployments(api: Api) -> None:
    """A deployment puts an agent into an environment, pins a version of that agent and lets go of it."""
    agent, environment = _make(api, "/agent", name="deployed"), _make(api, "/environment", name=new_id())
    deployment = _make(api, "/agent_deployment", agent_id=agent["id"], environment_id=environment["id"])
    version = _make(api, "/agent_version", agent_id=agent["id"], name="1.0", runtime_environment={"os": "x"})
    assert (
        _make(api, "/agent_version", agent_id=agent["id"], name="1.0", runtime_environment={"os": "x"})
        == version
    )
    path = f"/agent_deployment/{deployment['id']}"
    _, pinned = api.send("PUT", path, {"details": {"current_version_id": version["id"]}})
    assert pinned["details"]["current_version_id"] == version["id"]
    foreign = _make(api, "/agent_version", agent_id=_make(api, "/agent", name="other")["id"], name="1.0")
    assert api.send("PUT", path, {"details": {"current_version_id": foreign["id"]}})[0] == 422
    assert (
        api.send("PUT", path, {"details": {"current_version_id": None}})[1]["details"]["current_version_id"]
        is None
    )
    assert api.get(f"/agent_deployment?agent_id={agent['id']}")[1]["summaries"][0]["id"] == deployment["id"]
    again = api.post(
        "/agent_deployment", {"details": {"agent_id": agent["id"], "environment_id": environment["id"]}}
    )
    assert set(again[1]["errors"]) == {"environment_id"}
    assert api.send("DELETE", f"/environment/{environment['id']}")[0] == 409
    assert api.send("DELETE", path)[0] == 200
    assert api.send("DELETE", f"/environment/{environment['id']}")[0] == 200
    run_id = api.run(new_id(), agent_id=agent["id"], agent_version={"name": "2.0"})
    assert api.get(f"/agent_instance/{run_id}")[1]["details"]["agent_id"] == agent["id"]


def test_schema_versions_and_risk(api: Api) -> None:
    """Span types come back by name; a span's title and risk follow its type and the agent's risk profile."""
    risky = {
        "action_profile": {"destroy_data": "allowed"},
        "params_data_categories": {"classification": "secret"},
        "result_data_categories": {},
    }
    types = [
        {"name": "db:drop", "params_schema": {"type": "object"}, "title": "Drop a table", "data_risk": risky},
        {"name": "db:look", "params_schema": {}},
    ]
    agent = _make(api, "/agent", name=new_id(), risk_profile_id="standard")
    made = _make(api, "/agent_schema_version", agent_id=agent["id"], span_type_schemas=types)
    assert set(made["span_type_schemas"]) == {"db:drop", "db:look"}
    assert api.get(f"/agent_schema_version/{made['id']}")[1]["details"] == made
    run_id = api.run(new_id(), agent_id=agent["id"], agent_schema_version={"span_type_schemas": types})
    for name in ("db:drop", "db:look"):
        api.post("/agent_spans", {"details": {"agent_instance_id": run_id, "schema_name": name}})
    url = f"/agent_spans?agent_instance_id={run_id}&include_risk_level="
    found = {row["schema_name"]: row for row in api.get(url + "true")[1]["summaries"]}
    assert (found["db:drop"]["risk_level"], found["db:drop"]["risk_score"]) == ("critical", 100.0)
    assert (found["db:drop"]["schema_title"], found["db:drop"]["purpose"]) == ("Drop a table", "live")
    assert found["db:look"]["risk_level"] is None
    assert {row["risk_level"] for row in api.get(url + "false")[1]["summaries"]} == {None}
    assert {row["id"] for row in api.get("/risk_profile")[1]["summaries"]} == {
        "standard",
        "cautious",
        "strict",
    }


def test_a_token_through_its_life(api: Api, running: Listening) -> None:
    """A token's secret is told once at the top; it is suspended, activated, revoked and deleted, at once each time."""
    agent, environment = _make(api, "/agent", name=new_id()), _make(api, "/environment", name=new_id())
    deployment = _make(api, "/agent_deployment", agent_id=agent["id"], environment_id=environment["id"])
    body = {"details": {"token_scope": "agent_deployment", "agent_deployment_id": deployment["id"]}}
    _, made = api.post("/api_token", body, {"Idempotency-Key": "tok-1"})
    row = made["details"]
    assert (row["scopes"], row["agent_id"], row["agent_deployment_id"]) == (
        ["ingest"],
        agent["id"],
        deployment["id"],
    )
    assert api.post("/api_token", body, {"Idempotency-Key": "tok-1"})[1] == made
    assert made["token"] not in str(api.get(f"/api_token/{row['id']}"))
    path = f"/api_token/{row['id']}"
    with Api(running.url, made["token"]) as bound:
        run_id = bound.run(new_id(), agent_id=agent["id"])
        assert bound.post("/agent_instance/register", {})[1]["details"]["agent_id"] == agent["id"]
        assert bound.post("/agent_instance/register", {"agent_id": "another"})[0] == 403
        assert bound.get(f"/agent_instance/{run_id}")[1]["details"]["environment_id"] == environment["id"]
        for action, status in (("suspend", 401), ("activate", 200), ("revoke", 401)):
            assert api.post(f"{path}/{action}", {})[0] == 200
            assert bound.get("/ping")[0] == status
    assert api.post(f"{path}/activate", {})[1]["code"] == "invalid_action"
    assert api.send("DELETE", path)[0] == 200
    assert api.get(path)[0] == 404


@pytest.mark.parametrize("where", ["top", "details", "header", "query"])
def test_a_key_repeats_a_change(api: Api, where: str) -> None:
    """The same key makes one agent, wherever it travels; another key is refused what is taken."""
    details: dict[str, Any] = {"name": "once", "external_identifier": f"once {where}"}
    body: dict[str, Any] = {"details": details}
    headers: dict[str, str] = {}
    path = "/agent"
    if where == "top":
        body["idempotency_key"] = f"key {where}"
    elif where == "details":
        details["idempotency_key"] = f"key {where}"
    elif where == "header":
        headers = {"Idempotency-Key": f"key {where}"}
    else:
        path += "?idempotency_key=key-query"
    first, again = api.post(path, body, headers), api.post(path, body, headers)
    assert first == again
    assert first[0] == 200
    other = api.post("/agent", {"details": {"name": "x", "external_identifier": f"once {where}"}})
    assert set(other[1]["errors"]) == {"external_identifier"}


def test_an_account(api: Api) -> None:
    """A token sees its own account, in a list of one, and renames it."""
    own = api.get("/account")[1]["summaries"]
    assert [row["id"] for row in own] == ["default"]
    assert api.send("PUT", "/account/default", {"details": {"name": "Ours"}})[1]["details"]["name"] == "Ours"
    assert api.get("/account/default")[1]["details"]["partition"] == partition_of("default")
    ids = api.post("/pfid/generate", {"count": 3})[1]["details"]["pfids"]
    assert {decode_pfid(one).partition for one in ids} == {partition_of("default")}
    assert _make(api, "/agent", name="chosen", id=ids[0])["id"] == ids[0]
    assert set(api.post("/agent", {"details": {"name": "x", "id": ids[0]}})[1]["errors"]) == {"id"}


def test_the_context_of_a_run(api: Api) -> None:
    """One answer holds the run, its agent, its version, and an outline of its spans; test spans are spans."""
    run_id = api.run(new_id(), agent_id="context agent", agent_version={"name": "3"})
    _, made = api.post(
        "/agent_spans/create_test_spans", {"agent_instance_id": run_id, "count": 3, "idempotency_key": "t"}
    )
    assert [row["status"] for row in made["summaries"]] == ["complete"] * 3
    _, again = api.post(
        "/agent_spans/create_test_spans", {"agent_instance_id": run_id, "count": 3, "idempotency_key": "t"}
    )
    assert again == made
    parent = made["summaries"][0]["id"]
    api.post("/agent_spans/create_test_spans", {"agent_instance_id": run_id, "parent_span_id": parent})
    body = api.get(f"/agent_instance/{run_id}/agent_context")[1]["agent_context"]["body"]
    assert (body["agent"]["name"], body["agent_version"]["name"]) == ("context agent", "3")
    assert body["agent_instance"]["span_counts"]["total"] == len(body["spans"]) == 4
    assert body["spans"][3]["parent_span_id"] == parent
    assert body["spans_left_out"] == 0


def test_the_unnamed_judgement_of_older_clients(api: Api) -> None:
    """PUT replaces the one quality payload; it needs no schema, but `details`."""
    run_id = api.run(new_id(), agent_schema_version={"quality_schema": {"type": "object"}})
    path = f"/agent_instance/{run_id}"
    _, answer = api.send("PUT", path, {"details": {"quality_payload": {"n": 1}}})
    assert (
        answer["details"]["quality_payload"] == answer["details"]["quality_payloads"]["quality"] == {"n": 1}
    )
    assert set(api.send("PUT", path, {"quality_payload": {}})[1]["errors"]) == {"details"}
    assert (
        api.send("PUT", path, {"details": {"quality_payload": None}})[1]["details"]["quality_payload"] is None
    )


def test_bulk_with_agents(api: Api) -> None:
    """Items about agents and items that record go in order, up to the first that fails."""
    run_id = api.run(new_id())
    items: list[dict[str, Any]] = [
        {"_type": "agents/create", "idempotency_key": "bulk-0001", "details": {"name": "of bulk"}},
        {"_type": "agent_instances/finish", "idempotency_key": "bulk-0002", "agent_instance_id": run_id},
        {"_type": "agents/show", "idempotency_key": "bulk-0003", "agent_id": "nobody"},
        {"_type": "agents/list", "idempotency_key": "bulk-0004"},
    ]
    _, answer = api.post("/bulk", {"items": items})
    assert set(answer["outputs"]) == {"bulk-0001", "bulk-0002", "bulk-0003"}
    assert answer["outputs"]["bulk-0002"]["details"]["status"] == "complete"
    assert answer["outputs"]["bulk-0003"]["code"] == "not_found"
    _, whole = api.post("/bulk", {"items": items, "on_error": "continue"})
    assert whole["outputs"]["bulk-0001"] == answer["outputs"]["bulk-0001"]
    assert whole["outputs"]["bulk-0004"]["summaries"]
    assert api.post("/bulk", {"items": [items[0], items[0]]})[0] == 422
