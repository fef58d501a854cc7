"""Every endpoint of the API document against every kind of token that must not see: nothing shows.

Two attackers of the same kind send the same requests in the same order. One names what belongs to the
victim, the other what does not exist. Apart from the ids that they sent, both must be answered the same:
status, code, message, counts, everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from holdfast._clock import utc_now_ns
from holdfast._ids import new_id
from holdfast.server.running import Listening
from holdfast.server.stores.catalogue import ensure_account
from holdfast.wire.vocabulary import TokenScope
from server.client import Api

_WORD = "victims-own-words"
_MADE_UP = re.compile(
    r"[0-7][0-9a-hjkmnp-tv-z]{31}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|hf_[\w-]*|\d{4}-\d\d-\d\dT[\d:.]+Z"
    r'|"partition":\d+'
)
_OPEN = {("get", "/api/v1/openapi.json")}
Ids = dict[str, str]


@pytest.fixture(scope="module")
def operations(api: Api) -> list[tuple[str, str, dict[str, Any]]]:
    document = msgspec.json.decode(api.raw("GET", "/api/v1/openapi.json").data)
    schemas = document["components"]["schemas"]
    found = []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if path.startswith("/api/v1/"):
                found.append((method, path, operation | {"schemas": schemas}))
    assert len(found) > 45
    return found


@pytest.fixture(scope="module")
def victim(api: Api) -> Ids:
    """One of everything, in the default account."""
    run_id = api.run(
        new_id(),
        agent_id=_WORD,
        agent_version={"name": _WORD},
        agent_schema_version={"span_schemas": {_WORD: {}}},
        name=_WORD,
    )
    run = api.get(f"/agent_instance/{run_id}")[1]["details"]
    span = {"agent_instance_id": run_id, "schema_name": _WORD, "name": _WORD, "payload": {"word": _WORD}}
    schema = api.get(f"/agent_schema_version?agent_id={run['agent_id']}")[1]["summaries"][0]
    score = {"agent_instance_id": run_id, "name": _WORD, "value": 1, "comment": _WORD}
    token = api.post("/api_token", {"details": {"name": _WORD, "agent_id": run["agent_id"]}})[1]["details"]
    return {
        "agent_instance_id": run_id,
        "agent_span_id": api.post("/agent_spans", {"details": span})[1]["details"]["id"],
        "agent_id": _retained(api, run["agent_id"]),
        "environment_id": run["environment_id"],
        "agent_deployment_id": run["agent_deployment_id"],
        "agent_version_id": run["agent_version_id"],
        "agent_schema_version_id": schema["id"],
        "api_token_id": token["id"],
        "score_id": api.post("/score", {"details": score})[1]["details"]["id"],
        "account_id": "default",
        "erasures_id": _erasure(api),
    }


def _erasure(api: Api) -> str:
    """A receipt; nothing was erased."""
    asked = {"details": {"where": f'name = "{_WORD} nowhere"'}}
    return str(api.post("/erasures", asked)[1]["details"]["id"])


def _retained(api: Api, agent_id: str) -> str:
    """The agent, with a rule of its own."""
    assert api.send("PUT", f"/retention/{agent_id}", {"details": {"keep": "30d"}})[0] == 200
    return agent_id


def _send(api: Api, method: str, path: str, operation: dict[str, Any], ids: Ids) -> tuple[int, str]:
    """The request with ids wherever one may stand; the answer with all that differs by chance taken out."""
    resource = path.removeprefix("/api/v1/").partition("/")[0]
    own = {"agent_spans": "agent_span_id", "retention": "agent_id"}.get(resource, f"{resource}_id")
    url = re.sub(r"\{[^}]*\}", lambda _: ids[own], path.removeprefix("/api/v1"))
    names = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
    url += "?" + "&".join(f"{name}={ids[name]}" for name in names if name in ids)
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    body = _filled(content["schema"], operation["schemas"], ids) if content else None
    status, answer = api.send(method.upper(), url, body)
    text = msgspec.json.encode(answer).decode()
    for kind, value in ids.items():
        text = text.replace(f'"{value}"', f'"<{kind}>"').replace(f" {value} ", f" <{kind}> ")
    return status, _MADE_UP.sub("~", text)


def _filled(schema: dict[str, Any], schemas: dict[str, Any], ids: Ids) -> Any:
    if "$ref" in schema:
        return _filled(schemas[schema["$ref"].rpartition("/")[2]], schemas, ids)
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "array":
        return [_filled(schema.get("items", {}), schemas, ids)]
    if schema.get("type") != "object":
        return {"string": "filled in", "integer": 1}.get(schema.get("type", ""), {})
    filled: dict[str, Any] = {}
    for name, part in schema.get("properties", {}).items():
        if name == "items":
            filled[name] = [
                {"_type": "agents/list", "idempotency_key": "attack-1"},
                {"_type": "agent_spans/finish", "idempotency_key": "attack-2", **ids},
            ]
        elif name == "on_error":
            filled[name] = "stop"
        elif name == "agent_instance_ids":
            filled[name] = [ids["agent_instance_id"]]
        elif name in ("current_version_id", "parent_span_id"):
            filled[name] = ids["agent_version_id" if name == "current_version_id" else "agent_span_id"]
        elif name in ids:
            filled[name] = ids[name]
        elif name in schema.get("required", ()):
            filled[name] = _filled(part, schemas, ids)
    return filled


def _nowhere(ids: Ids, *, keep: set[str] = frozenset()) -> Ids:  # type: ignore[assignment]  # an empty one
    return {kind: value if kind in keep else new_id() for kind, value in ids.items()}


@pytest.fixture
def attackers(running: Listening) -> Iterator[list[Api]]:
    """Two tokens that may do everything, each in an account of its own."""
    secrets = []
    for name in (new_id(), new_id()):
        with running.services.store.write() as transaction:
            ensure_account(transaction.connection, name, utc_now_ns())
        secrets.append(running.services.auth.create_token(name, "attack", list(TokenScope))[1])
    with Api(running.url, secrets[0]) as first, Api(running.url, secrets[1]) as second:
        yield [first, second]


def _attack(
    attackers: list[Api],
    operations: list[tuple[str, str, dict[str, Any]]],
    theirs: Ids,
    nowhere: Ids,
    own: list[str],
) -> None:
    told: list[str] = []
    for method, path, operation in operations:
        seen = []
        for api, ids, mine in zip(attackers, (theirs, nowhere), own, strict=True):
            status, text = _send(api, method, path, operation, ids)
            assert status < 500, (method, path, text)
            assert _WORD not in text, (method, path)
            seen.append((status, text.replace(mine, "<own>")))
        if seen[0] != seen[1]:
            told.append(f"{method} {path}:\n  {seen[0]}\n  {seen[1]}")
    assert not told, "\n".join(told)


def _own_rows(api: Api, ids: Ids) -> list[Any]:
    kinds = "agent_instance agent environment agent_deployment agent_version agent_schema_version api_token"
    rows = [api.get(f"/{kind}/{ids[f'{kind}_id']}") for kind in kinds.split()]
    rows.append(api.get(f"/agent_spans?agent_instance_id={ids['agent_instance_id']}"))
    for _, answer in rows:
        for row in answer.get("summaries", [answer.get("details")]):
            for later in ("last_used_at", "violations", "summary"):  # written after the commit
                row.pop(later, None)
    return rows


def test_without_a_token(
    running: Listening, operations: list[tuple[str, str, dict[str, Any]]], victim: Ids
) -> None:
    """Without a token, and with one that nobody made, every endpoint answers 401 and nothing else."""
    for secret in (None, "hf_nobody"):
        with Api(running.url, secret) as nobody:
            answers = {
                _send(nobody, method, path, operation, victim) for method, path, operation in operations
            }
        assert len(answers) == 1
        assert answers.pop()[0] == 401


@pytest.mark.parametrize("scope", list(TokenScope))
def test_the_wrong_scope(
    running: Listening, operations: list[tuple[str, str, dict[str, Any]]], victim: Ids, scope: TokenScope
) -> None:
    """Where a scope does not suffice the answer is 403, the same for what exists and what does not."""
    _, secret = running.services.auth.create_token("default", scope, [scope])
    checked = 0
    with Api(running.url, secret) as api:
        for method, path, operation in operations:
            if scope.value not in operation["x-scopes"]:
                found = _send(api, method, path, operation, victim)
                assert found == _send(api, method, path, operation, _nowhere(victim)), (method, path)
                assert found[0] == 403, (method, path)
                checked += 1
    assert checked > 5


def test_another_account(
    api: Api, attackers: list[Api], operations: list[tuple[str, str, dict[str, Any]]], victim: Ids
) -> None:
    """To the token of another account what is the victim's looks unknown, and stays as it is."""
    before = _own_rows(api, victim)
    own = [attacker.get("/account")[1]["summaries"][0]["id"] for attacker in attackers]
    _attack(attackers, operations, victim, _nowhere(victim), own)
    assert _own_rows(api, victim) == before


def test_another_agent(
    api: Api, running: Listening, operations: list[tuple[str, str, dict[str, Any]]], victim: Ids
) -> None:
    """To a token bound to another agent of the account what is the victim's looks unknown, and stays."""
    shared = {"account_id", "environment_id"}  # these are the account's, not the agent's
    own = [api.post("/agent", {"details": {"name": "bound"}})[1]["details"]["id"] for _ in range(2)]
    secrets = [
        running.services.auth.create_token("default", "bound", list(TokenScope), agent_id=agent_id)[1]
        for agent_id in own
    ]
    before = _own_rows(api, victim)
    with Api(running.url, secrets[0]) as first, Api(running.url, secrets[1]) as second:
        _attack([first, second], operations, victim, _nowhere(victim, keep=shared), own)
    assert _own_rows(api, victim) == before


def test_another_environment(
    api: Api, running: Listening, operations: list[tuple[str, str, dict[str, Any]]], victim: Ids
) -> None:
    """To a token bound to another environment what is the victim's looks unknown, and stays."""
    own = [api.post("/environment", {"details": {"name": new_id()}})[1]["details"]["id"] for _ in range(2)]
    secrets = [
        running.services.auth.create_token("default", "bound", list(TokenScope), environment_id=one)[1]
        for one in own
    ]
    before = _own_rows(api, victim)
    with Api(running.url, secrets[0]) as first, Api(running.url, secrets[1]) as second:
        # an agent is the account's: a token of an environment may name it, and so deploy it there
        keep = {"account_id", "agent_id"}
        theirs = victim | {"agent_id": "roaming"}
        _attack([first, second], operations, theirs, _nowhere(theirs, keep=keep), own)
    assert _own_rows(api, victim) == before


def test_keys_are_not_shared(attackers: list[Api], api: Api) -> None:
    """An idempotency key of another account, or of a token with another reach, replays nothing."""
    body = {"agent_id": "keys", "idempotency_key": "the-same-key"}
    ids = {one.post("/agent_instance/register", body)[1]["details"]["id"] for one in (api, *attackers)}
    assert len(ids) == 3


def test_a_token_makes_none_that_reaches_farther(api: Api, running: Listening) -> None:
    """What a bound token makes is bound as it is, and it cannot see or change tokens of the whole account."""
    agent = api.post("/agent", {"details": {"name": new_id()}})[1]["details"]["id"]
    _, secret = running.services.auth.create_token("default", "bound", list(TokenScope), agent_id=agent)
    with Api(running.url, secret) as bound:
        made = bound.post("/api_token", {"details": {"token_scope": "account"}})[1]["details"]
        assert made["agent_id"] == agent
        assert {row["agent_id"] for row in bound.get("/api_token")[1]["summaries"]} == {agent}
        for row in api.get("/api_token?pagination[page_size]=100")[1]["summaries"]:
            if row["agent_id"] != agent:
                assert bound.post(f"/api_token/{row['id']}/revoke", {})[0] == 404
        assert bound.send("PUT", "/account/default", {"details": {"name": "x"}})[0] == 403
