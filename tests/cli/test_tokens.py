"""Tokens and login links, made beside a running server that obeys them."""

from __future__ import annotations

import urllib3

from holdfast.cli.api import Server


def test_a_token_made_here_lets_a_program_in(holdfast, server):
    """A new token is accepted by the running server, and is printed alone on standard output."""
    ran = holdfast("token", "create", "ci")
    assert ran.code == 0
    secret = ran.out.strip()
    assert secret.startswith("hf_")
    assert Server(server.url, secret).ping().accepted


def test_a_token_is_shown_once(holdfast, server):
    """The list has a token's name, scopes and first characters, never the token."""
    made = holdfast("token", "create", "ci", "--scope", "read", "--scope", "ingest", "--json").json
    listed = holdfast("token", "list", "--json").json
    row = next(row for row in listed if row["name"] == "ci")
    assert row["scopes"] == ["ingest", "read"]
    assert made["token"] not in holdfast("token", "list").out + str(listed)
    assert row["hint"] in holdfast("token", "list").out


def test_a_revoked_token_is_refused(holdfast, server):
    """Revoking by what the list shows works, once; nothing is revoked by a name that does not exist."""
    made = holdfast("token", "create", "ci", "--json").json
    assert holdfast("token", "revoke", made["hint"]).code == 0
    assert not Server(server.url, made["token"]).ping().accepted
    again = holdfast("token", "revoke", made["id"])
    assert again.code == 1
    assert "revoked before" in again.err
    assert holdfast("token", "revoke", "hf_nobody").code == 1


def test_a_token_can_expire(holdfast, server):
    """`--expires` sets the day; a duration that cannot be read is wrong usage."""
    made = holdfast("token", "create", "short", "--expires", "12h", "--json").json
    assert made["expires_at"] > made["created_at"]
    bad = holdfast("token", "create", "short", "--expires", "soon")
    assert bad.code == 2
    assert "12h" in bad.err


def test_doctor_names_a_refused_token(holdfast, server, monkeypatch):
    """A token that the server does not know is a failure with its fix, not a traceback."""
    monkeypatch.setenv("HOLDFAST_TOKEN", "hf_wrong")
    ran = holdfast("doctor", "--json")
    assert ran.code == 1
    row = next(row for row in ran.json if row["name"] == "token")
    assert row["state"] == "fail"
    assert "holdfast token create" in row["fix"]


def test_a_login_link_opens_one_browser_once(holdfast, announced):
    """The link sets a cookie the first time and leads to the login help the second time."""
    link = holdfast("login-link").out.strip()
    pool = urllib3.PoolManager()
    first = pool.request("GET", f"{link}&next=/runs/x", redirect=False)
    assert first.status == 303
    assert first.headers["Location"] == "/runs/x"
    assert "HttpOnly" in first.headers["Set-Cookie"]
    second = pool.request("GET", link, redirect=False)
    assert "Set-Cookie" not in second.headers


def test_a_login_link_leads_to_no_other_host(holdfast, announced):
    """`next` is a path of this server or is not followed."""
    pool = urllib3.PoolManager()
    for elsewhere in ("//evil.example", "https://evil.example", "/\\evil.example", "/%09/evil.example"):
        link = holdfast("login-link").out.strip()
        answer = pool.request("GET", f"{link}&next={elsewhere}", redirect=False)
        assert answer.headers["Location"] == "/"
