"""Tokens, login links and forms."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from holdfast.errors import ApiError
from holdfast.server.running import Listening
from holdfast.server.services.auth import Auth
from holdfast.server.services.setup import DEFAULT_ACCOUNT, local_token
from holdfast.server.stores.base import Store
from holdfast.server.stores.schema import record as schema
from holdfast.testing import ManualClock
from holdfast.wire.vocabulary import TokenScope, TokenStatus
from server.client import Api
from server.records import rows

_HOUR = 3600.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def auth(store: Store, clock: ManualClock) -> Auth:
    return Auth(store, clock)


def _works(auth: Auth, secret: str) -> bool:
    try:
        auth.principal(f"Bearer {secret}")
    except ApiError as error:
        return error.code != "bad_authtoken"
    return True


def test_a_token_through_its_life(auth: Auth) -> None:
    """A token works at once, not while suspended, again when activated, and never after being revoked."""
    info, secret = auth.create_token(DEFAULT_ACCOUNT, "ci", [TokenScope.INGEST])
    assert secret.startswith("hf_")
    seen = [_works(auth, secret)]
    for status in (TokenStatus.SUSPENDED, TokenStatus.ACTIVE, TokenStatus.REVOKED):
        auth.set_status(DEFAULT_ACCOUNT, info.id, status)
        seen.append(_works(auth, secret))
    assert seen == [True, False, True, False]
    with pytest.raises(ApiError, match="no token"):
        auth.set_status(DEFAULT_ACCOUNT, info.id, TokenStatus.ACTIVE)


def test_a_token_expires(auth: Auth, clock: ManualClock) -> None:
    """A token stops working at its time of expiry, also where it was used just before."""
    _, secret = auth.create_token(DEFAULT_ACCOUNT, "short", [TokenScope.READ], expires_at=clock() + 10**9)
    assert _works(auth, secret)
    clock.advance(1.0)
    assert not _works(auth, secret)


def test_no_secret_is_stored(auth: Auth, store: Store) -> None:
    """The database holds digests: neither token nor login code nor cookie can be read from it."""
    _, secret = auth.create_token(DEFAULT_ACCOUNT, "x", [TokenScope.READ])
    code = auth.login_code(DEFAULT_ACCOUNT)
    spare = auth.login_code(DEFAULT_ACCOUNT)
    cookie = auth.redeem(code)
    assert cookie is not None
    stored = repr([rows(store, table) for table in (schema.tokens, schema.login_codes, schema.web_sessions)])
    assert not any(text in stored for text in (secret, code, spare, cookie))


def test_last_use_is_written_later(auth: Auth, store: Store, clock: ManualClock) -> None:
    """Using a token writes nothing; housekeeping writes when it was last used."""
    _, secret = auth.create_token(DEFAULT_ACCOUNT, "x", [TokenScope.READ])
    assert _works(auth, secret)
    assert rows(store, schema.tokens)[0]["last_used_at"] is None
    auth.save_last_use()
    assert rows(store, schema.tokens)[0]["last_used_at"] == clock()


def test_a_login_code_works_once_and_not_for_long(auth: Auth, clock: ManualClock) -> None:
    """A code opens one session within 15 minutes; the session ends after 30 days or by logging out."""
    code = auth.login_code(DEFAULT_ACCOUNT)
    cookie = auth.redeem(code)
    assert cookie is not None
    assert auth.redeem(code) is None
    late = auth.login_code(DEFAULT_ACCOUNT)
    clock.advance(0.25 * _HOUR)
    assert auth.redeem(late) is None
    session = auth.session(cookie)
    assert session is not None
    session.check_csrf(session.csrf)
    for wrong in (None, "", "x" * 64):
        with pytest.raises(ApiError):
            session.check_csrf(wrong)
    clock.advance(30 * 24 * _HOUR)
    assert auth.session(cookie) is None
    other = auth.redeem(auth.login_code(DEFAULT_ACCOUNT))
    assert other is not None
    auth.log_out(other)
    assert auth.session(other) is None


def test_made_up_login_codes_keep_nobody_waiting(auth: Auth, store: Store) -> None:
    """They are answered while another transaction writes."""
    with store.write():
        assert auth.redeem("made up") is None


def test_the_token_of_this_machine(auth: Auth, tmp_path: Path) -> None:
    """The first start makes it, readable by its owner only; later starts keep it as long as it works."""
    first = local_token(auth, tmp_path)
    assert local_token(auth, tmp_path) == first
    assert stat.S_IMODE((tmp_path / "local-token").stat().st_mode) == 0o600
    auth.set_status(DEFAULT_ACCOUNT, auth.tokens(DEFAULT_ACCOUNT)[0].id, TokenStatus.REVOKED)
    assert local_token(auth, tmp_path) != first


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        (TokenScope.INGEST, {"/bulk", "/agent_instance/x"}),
        (TokenScope.READ, {"/agent_instance", "/agent_instance/x"}),
        (TokenScope.ADMIN, set()),
    ],
)
def test_scopes(running: Listening, scope: TokenScope, allowed: set[str]) -> None:
    """A token does what its scopes say and is answered 403 elsewhere; any good token may ping."""
    _, secret = running.services.auth.create_token(DEFAULT_ACCOUNT, scope, [scope])
    with Api(running.url, secret) as api:
        answers = {
            "/bulk": api.post("/bulk", {"items": []}),
            "/agent_instance": api.get("/agent_instance"),
            "/agent_instance/x": api.get("/agent_instance/x"),
        }
        assert {path for path, (status, _) in answers.items() if status != 403} == allowed
        assert api.get("/ping")[0] == 200


def test_a_link_logs_the_browser_in(running: Listening) -> None:
    """The one-time link sets a cookie that scripts cannot read, and leads to the list; again it leads to help."""
    with Api(running.url, None) as browser:
        code = running.services.auth.login_code(DEFAULT_ACCOUNT)
        answer = browser.raw("GET", f"/login?code={code}")
        cookie = answer.headers["set-cookie"]
        assert (answer.status, answer.headers["location"]) == (303, "/")
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        again = browser.raw("GET", f"/login?code={code}")
        assert (again.status, again.headers["location"]) == (303, "/login/help?used=1")
        assert "set-cookie" not in again.headers
        page = browser.raw("GET", "/")
        assert (page.status, page.headers["location"]) == (303, "/login/help")
        inside = browser.raw("GET", "/", headers={"Cookie": cookie.partition(";")[0]})
        assert inside.status == 200
        assert "default-src 'self'" in inside.headers["content-security-policy"]
