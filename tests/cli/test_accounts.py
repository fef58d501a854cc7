"""Accounts of one server, made at its own machine."""

from __future__ import annotations

import urllib3

from holdfast.cli.api import Server


def _token(holdfast, *options: str) -> str:
    ran = holdfast("token", "create", "program", *options)
    assert ran.code == 0, ran.err
    return str(ran.out.strip())


def test_an_account_of_its_own(holdfast, server):
    """A new account's token records into it at the running server, and neither account sees the other's runs."""
    made = holdfast("account", "create", "Second & Sons", "--json").json
    assert holdfast("account", "create", "Second & Sons").code == 1
    listed = holdfast("account", "list", "--json").json
    assert [row["name"] for row in listed] == ["default", "Second & Sons"]
    assert made["id"] in holdfast("account", "list").out
    both = ["--scope", "ingest", "--scope", "read"]
    theirs = Server(server.url, _token(holdfast, *both, "--account", "Second & Sons"))
    theirs.post("/agent_instance/register", {"id": "run-1", "agent_id": "tester"})
    ours = Server(server.url, _token(holdfast, *both))
    assert theirs.has_run("run-1")
    assert not ours.has_run("run-1")
    assert theirs.get("/account")["summaries"][0]["id"] == made["id"]


def test_tokens_belong_to_their_account(holdfast, server):
    """Tokens are listed and revoked within the account that is named."""
    holdfast("account", "create", "second")
    made = holdfast("token", "create", "one", "--account", "second", "--json").json
    assert [row["name"] for row in holdfast("token", "list", "--account", "second", "--json").json] == ["one"]
    assert "one" not in holdfast("token", "list").out
    assert holdfast("token", "revoke", made["id"]).code == 1
    assert holdfast("token", "revoke", made["id"], "--account", "second").code == 0
    nobody = holdfast("token", "list", "--account", "third")
    assert nobody.code == 1
    assert "account list" in nobody.err


def test_a_bound_token(holdfast, server):
    """A token for one agent in one environment records there whatever it names, and reads nothing else."""
    ours = Server(server.url, _token(holdfast, "--scope", "ingest", "--scope", "read", "--scope", "admin"))
    ours.post("/agent_instance/register", {"id": "other-run", "agent_id": "other"})
    made = holdfast(
        "token", "create", "bound", "--agent", "clerk", "--environment", "staging", "--scope", "ingest",
        "--scope", "read", "--json",
    ).json  # fmt: skip
    assert ours.get(f"/agent/{made['agent_id']}")["details"]["name"] == "clerk"
    bound = Server(server.url, made["token"])
    bound.post("/agent_instance/register", {"id": "own-run"})
    run = ours.get("/agent_instance/own-run")["details"]
    assert (run["agent_id"], run["environment_id"]) == (made["agent_id"], made["environment_id"])
    assert not bound.has_run("other-run")
    again = holdfast(
        "token", "create", "again", "--agent", "clerk", "--environment", "staging", "--json"
    ).json
    assert (again["agent_id"], again["environment_id"]) == (made["agent_id"], made["environment_id"])


def test_a_browser_of_another_account(holdfast, announced):
    """A login link for an account shows that account's runs and not the first one's."""
    holdfast("account", "create", "second")
    Server(announced.url, announced.token).post(
        "/agent_instance/register", {"id": "run-1", "agent_id": "tester", "name": "first account's run"}
    )
    pages = []
    for options in ([], ["--account", "second"]):
        link = holdfast("login-link", *options).out.strip()
        answer = urllib3.request("GET", link, redirect=False)
        cookie = answer.headers["set-cookie"].partition(";")[0]
        pages.append(
            urllib3.request("GET", f"{announced.url}/runs", headers={"Cookie": cookie}).data.decode()
        )
    assert ["account&#39;s run" in page for page in pages] == [True, False]
