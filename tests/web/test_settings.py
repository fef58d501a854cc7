"""The settings page: tokens, retention, how recording goes, room, prices."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import urlencode

import pytest
import urllib3

from holdfast._clock import utc_now_ns
from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server
from holdfast.server.services.auth import Principal
from holdfast.server.services.recording.health import HEALTH_MINUTES, IngestHealth
from holdfast.wire.spool_state import SpoolState
from server.client import Api
from web.conftest import Reader
from web.sample_runs import SECOND, refund_run, send, wide_run


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    """Its own: what one test sets another would see."""
    with background_server(ServerConfig(data=tmp_path_factory.mktemp("settings"), port=0)) as running:
        now = utc_now_ns()
        items = refund_run(now - 3600 * SECOND, "refund-1").items + wide_run(now - SECOND, "wide", 50).items
        send(running.url, running.token, items)
        yield running


@pytest.fixture
def page(reader: Reader) -> str:
    return reader.get("/settings").data.decode()


def _post(reader: Reader, path: str, **fields: str) -> urllib3.BaseHTTPResponse:
    csrf = re.search(r'name="csrf" value="([^"]+)"', reader.get("/settings").data.decode())
    assert csrf is not None
    return urllib3.request(
        "POST",
        reader.url + path,
        headers={"Cookie": reader.cookie, "Content-Type": "application/x-www-form-urlencoded"},
        body=urlencode({"csrf": csrf.group(1), **fields}),
        redirect=False,
    )


def _rows(page: str, part: str) -> list[str]:
    section = page.partition(f'<section id="{part}"')[2].partition("</section>")[0]
    rows = re.findall(r"<tr[ >].*?</tr>", section, re.DOTALL)
    return [re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", row))).strip() for row in rows]


def test_a_token_is_shown_once(reader: Reader, server: Listening) -> None:
    """The page that makes it shows it, and so does the same form sent again; no other page has it."""
    form = {"name": "ci <1>", "may_ingest": "on", "may_read": "on", "life": "30d", "form_key": "key-1"}
    made = _post(reader, "/settings/tokens", **form)
    assert made.status == 200
    secret = re.search(r"hf_[\w-]{20,}", made.data.decode())
    assert secret is not None
    again = _post(reader, "/settings/tokens", **form).data.decode()
    assert secret.group(0) in again
    page = reader.get("/settings").data.decode()
    assert secret.group(0) not in page
    (row,) = [row for row in _rows(page, "tokens") if row.startswith("ci <1>")]
    assert "ingest, read the account" in row
    assert "in 29 d" in row or "in 30 d" in row
    with Api(server.url, secret.group(0)) as api:
        assert api.get("/ping")[0] == 200
        assert api.get("/api_token")[0] == 403


def test_a_token_is_suspended_and_revoked(reader: Reader, server: Listening) -> None:
    """Each by its form; a revoked one stays so."""
    with Api(server.url, server.token) as api:
        made = api.post("/api_token", {"details": {"name": "to go", "scopes": ["ingest"]}})[1]
    path = f"/settings/tokens/{made['details']['id']}"
    with Api(server.url, made["token"]) as api:
        for doing, status in (("suspend", 401), ("activate", 200), ("revoke", 401)):
            answer = _post(reader, f"{path}/{doing}")
            assert (answer.status, answer.headers["location"]) == (303, "/settings#tokens")
            assert api.get("/ping")[0] == status, doing
    refused = _post(reader, f"{path}/activate")
    assert refused.status == 409
    assert b"Nothing was changed" in refused.data
    assert _post(reader, f"{path}/sell").status == 404


def test_a_token_that_may_nothing(reader: Reader) -> None:
    """It is not made, and the page says so."""
    answer = _post(reader, "/settings/tokens", name="idle")
    assert answer.status == 422
    assert "idle" not in "".join(_rows(reader.get("/settings").data.decode(), "tokens"))


def test_forms_need_the_sessions_token(reader: Reader) -> None:
    """A form that another page sends changes nothing."""
    for path in ("/settings/tokens", "/settings/retention", "/settings/tokens/x/revoke"):
        answer = _post(reader, path, csrf="forged", name="forged", may_admin="on", keep="1h")
        assert answer.status == 403
    assert "forged" not in reader.get("/settings").data.decode()


def test_retention_is_set(reader: Reader, server: Listening) -> None:
    """For all agents and for one; what is no length of time is refused."""
    with Api(server.url, server.token) as api:
        agent = api.get("/agent")[1]["summaries"][0]
    assert _post(reader, "/settings/retention", agent="", keep="30d").status == 303
    assert _post(reader, "/settings/retention", agent=agent["id"], keep="").status == 303
    rows = _rows(reader.get("/settings").data.decode(), "retention")
    assert rows[1].startswith("All agents without their own 30d")
    assert rows[2].startswith(f"{agent['name']} for ever")
    assert _post(reader, "/settings/retention", agent=agent["id"], drop="1").status == 303
    assert len(_rows(reader.get("/settings").data.decode(), "retention")) == 2
    refused = _post(reader, "/settings/retention", agent="", keep="soon")
    assert refused.status == 422
    assert b"no length of time" in refused.data
    assert _post(reader, "/settings/retention", agent="nobody", keep="1d").status == 404
    assert _post(reader, "/settings/retention", agent="", keep="").status == 303


def test_erasures_are_listed(reader: Reader, server: Listening) -> None:
    """With what was asked for, and what came too late."""
    with Api(server.url, server.token) as api:
        run_id = api.run("short-lived")
        api.post("/erasures", {"details": {"where": 'run = "short-lived"'}})
        api.bulk([{"_type": "agent_instances/start", "idempotency_key": "k", "agent_instance_id": run_id}])
    gone = reader.get("/runs/short-lived")
    assert gone.status == 404
    assert b"This run was erased just now." in gone.data
    row = _rows(reader.get("/settings").data.decode(), "retention")[-1]
    assert row.startswith("just now asked for with this machine")
    assert row.endswith('run = "short-lived" 1 1')


def test_recording_is_counted(reader: Reader, server: Listening) -> None:
    """What was kept, and what was refused by its reason."""
    with Api(server.url, server.token) as api:
        api.bulk([{"_type": "agent_spans/create", "idempotency_key": "bad"}])
    page = reader.get("/settings").data.decode()
    section = page.partition('id="recording"')[2].partition("</section>")[0]
    assert "validation_errors" in section
    assert re.search(r"Operations a minute in the last 60 minutes: at most [1-9]", section)


def test_room_is_told_by_kind(page: str) -> None:
    """A small database is measured at once."""
    section = page.partition('id="storage"')[2].partition("</section>")[0]
    assert "holdfast.db" in section
    assert "Payloads and results" in section
    assert "Measure it" not in section


def test_models_without_a_price_are_named(page: str) -> None:
    """Each with the runs behind it."""
    section = page.partition('id="prices"')[2].partition("</section>")[0]
    assert "genai-prices" in section
    assert 'href="/runs?model=' in section


def test_another_account_sees_nothing_of_it(server: Listening, reader: Reader) -> None:
    """Its own tokens, rules and counts only, and nothing of the whole database."""
    services = server.services
    from holdfast.server.stores.catalogue import ensure_account

    with services.store.write() as transaction:
        ensure_account(transaction.connection, "other", utc_now_ns())
    code = services.auth.login_code("other")
    answer = urllib3.request("GET", f"{server.url}/login?code={code}", redirect=False)
    other = Reader(server.url, answer.headers["set-cookie"].partition(";")[0])
    page = other.get("/settings").data.decode()
    assert _rows(page, "tokens")[1:] == ["There are no tokens."]
    assert 'id="storage"' not in page
    assert "validation_errors" not in page
    assert str(services.config.data) not in page
    token = services.auth.tokens("default")[0]
    assert _post(other, f"/settings/tokens/{token.id}/revoke").status == 404


def test_spools_of_clients_are_told(reader: Reader, server: Listening) -> None:
    """What processes lost, and how far the one that is farthest behind is; another account's are not in it."""
    health = server.services.ingest
    who = Principal(token_id="", account_id="default", scopes=frozenset())
    other = Principal(token_id="", account_id="another", scopes=frozenset())
    health.heard(who, SpoolState(client="web-1:7", lost=3, waiting=2048, behind=400.0).header())
    health.heard(who, SpoolState(client="web-2:9", waiting=1024, behind=2.0).header())
    health.heard(other, SpoolState(client="theirs:1", lost=1000).header())
    health.heard(who, "no such header")
    page = reader.get("/settings").data.decode()
    assert re.search(r'Lost by clients</dt><dd class="bad" title="web-1:7">3</dd>', page)
    assert re.search(
        r'Oldest in a spool</dt><dd class="bad" title="web-1:7">6 min 40 s, 3.0 KiB in all</dd>', page
    )
    assert "theirs" not in page


def test_health_forgets_old_minutes() -> None:
    """Of each of the last sixty minutes there is a count, by account."""
    now = [1_800_000_000_000_000_000]
    health = IngestHealth(lambda: now[0])
    for _ in range(3 * HEALTH_MINUTES):
        health.note("a", kept=2, refused=["x"])
        now[0] += 60_000_000_000
    view = health.of("a")
    assert view.minutes == (2,) * (HEALTH_MINUTES - 1) + (0,)
    assert (view.kept, view.refused) == (6 * HEALTH_MINUTES, {"x": 3 * HEALTH_MINUTES})
    assert health.of("b").minutes == (0,) * HEALTH_MINUTES
