"""`holdfast db` and `holdfast serve --database`."""

from __future__ import annotations

import pytest

from holdfast.cli.api import Server
from holdfast.errors import StoreError
from holdfast.server.services.setup import prepare
from holdfast.server.stores.opening import open_database
from server.moved_runs import move, record
from server.records import NOW
from serving import serving


def test_the_embedded_database(tmp_path, holdfast):
    """Status tells that there is none and makes none; upgrade makes it; then it is up to date."""
    nothing = holdfast("db", "status", "--data", tmp_path / "new")
    assert (nothing.code, "does not exist" in nothing.err) == (1, True)
    assert not (tmp_path / "new").exists()
    made = holdfast("db", "upgrade", "--data", tmp_path / "new", "--json").json
    assert (made["current"], made["address"]) == (True, str(tmp_path / "new" / "holdfast.db"))
    assert "Up to date" in holdfast("db", "status", "--data", tmp_path / "new").out


def test_a_shared_database(postgres, tmp_path, holdfast):
    """An empty PostgreSQL database has no tables until it is upgraded; its address may come from the
    environment, and is shown without the password."""
    address = postgres.replace("postgres@", "postgres:secret@")
    assert holdfast("db", "status", "--database", address, "--json").json["revision"] is None
    assert "No tables yet" in holdfast("db", "status", "--database", address).out
    upgraded = holdfast("db", "upgrade", "--database", address)
    assert upgraded.code == 0
    assert "secret" not in upgraded.out
    assert holdfast("db", "status", "--database", address, "--json").json["current"]


@pytest.mark.parametrize("address", ["mysql://someone@127.0.0.1/x", "postgresql://127.0.0.1:1/x"])
def test_a_database_that_cannot_be_used_is_one_line(address, tmp_path, holdfast):
    """An address of another kind, or one where nothing answers, is an error line."""
    ran = holdfast("serve", "--database", address, "--data", tmp_path, "--port", "0")
    assert ran.code == 1
    assert address in ran.err.replace("+psycopg", "").replace("\n", "")
    assert "Traceback" not in ran.err


def test_servers_share_one_record(postgres, tmp_path, monkeypatch):
    """What one server is told another one on the same database shows."""
    with (
        serving(tmp_path / "a", "--port", "0", "--database", postgres) as (_, first),
        serving(tmp_path / "b", "--port", "0", "--database", postgres) as (_, second),
    ):
        token = (tmp_path / "a" / "local-token").read_text().strip()
        Server(first["url"], token).post("/agent_instance/register", {"id": "run-1", "agent_id": "tester"})
        assert Server(second["url"], token).has_run("run-1")


def test_a_span_store(chdb_directory, tmp_path, holdfast, monkeypatch):
    """Status and doctor tell what the span store holds, that it does not answer, and that nothing can be read
    without it; they never show its password."""
    data, spans = tmp_path / "data", f"chdb:///{chdb_directory}?database=cli"
    store = open_database(data / "holdfast.db", None, spans)
    prepare(store, NOW)
    record(store, "a", "b")
    looked = holdfast("db", "status", "--data", data, "--spans", spans)
    assert "Holds 0 spans and 0 events" in looked.out
    assert "The oldest run with spans in the database began" in looked.out
    move(store)
    state = holdfast("db", "status", "--data", data, "--spans", spans, "--json").json["spans"]
    assert (state["size"]["spans"], state["size"]["events"], state["oldest_here"]) == (24, 6, None)
    monkeypatch.setenv("HOLDFAST_DATA", str(data))
    monkeypatch.setenv("HOLDFAST_SPANS", spans)
    checks = {check["name"]: check for check in holdfast("doctor", "--json").json}
    assert (checks["spans"]["state"], "24 spans" in checks["spans"]["found"]) == ("ok", True)
    monkeypatch.setenv("HOLDFAST_SPANS", "clickhouse://someone:secret@127.0.0.1:1/x")
    checks = {check["name"]: check for check in holdfast("doctor", "--json").json}
    assert (checks["spans"]["state"], "Does not answer" in checks["spans"]["found"]) == ("fail", True)
    assert "secret" not in str(checks)
    monkeypatch.delenv("HOLDFAST_SPANS")
    store.close()
    with pytest.raises(StoreError, match="say where with --spans"):
        open_database(data / "holdfast.db", None)


@pytest.mark.parametrize("address", ["postgresql://u:secret@h/x", "secret", "clickhouse://u:secret@h:no/x"])
def test_a_span_store_of_no_kind(address, tmp_path):
    """What is no address of a span store is refused without its password."""
    with pytest.raises(StoreError, match="is no address of a span store") as raised:
        open_database(tmp_path / "record.db", None, address)
    assert address == "secret" or "u:secret" not in str(raised.value)


def test_a_span_store_has_one_record(chdb, tmp_path):
    """Two records cannot share one: their runs' numbers are the same."""
    open_database(tmp_path / "one.db", None, chdb).close()
    with pytest.raises(StoreError, match="another record"):
        open_database(tmp_path / "other.db", None, chdb)
