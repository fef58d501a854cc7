"""`doctor` and `spool`: what is wrong is found, named and mended."""

from __future__ import annotations

import os
import signal
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

import holdfast as sdk
from holdfast._settings import state_dir


def rows(ran):
    return {row["name"]: row for row in ran.json}


def kill_a_recorder(url: str) -> None:
    """A process records three operations for `url` and is killed before it could deliver them."""
    child = os.fork()
    if child == 0:
        sdk.init("orphan", url=url)
        sdk.run("left behind", id="orphan-1").start().event("alone")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)


@pytest.fixture
def closed_url():
    """An address at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_all_is_well(holdfast, server):
    """With a server, a token and room on the disk every row is ok and the exit code 0."""
    ran = holdfast("doctor", "--json")
    assert ran.code == 0
    assert {row["state"] for row in ran.json} == {"ok"}
    assert rows(ran).keys() >= {"settings", "spool", "pending", "rejected", "lost", "data", "server", "token"}


def test_no_server_is_a_failure(holdfast, monkeypatch, closed_url):
    """Where nothing answers, doctor fails and names the command that starts a server."""
    monkeypatch.setenv("HOLDFAST_URL", closed_url)
    ran = holdfast("doctor")
    assert ran.code == 1
    assert "connection refused" in ran.out
    assert "fix: start one with `holdfast serve`" in ran.out


def test_another_program_at_the_address_is_a_failure(holdfast, monkeypatch):
    """A web server that is not Holdfast (a proxy's login page) is told apart from a server that is down."""

    class Portal(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>Please log in</html>")

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Portal) as portal:
        threading.Thread(target=portal.handle_request, daemon=True).start()
        monkeypatch.setenv("HOLDFAST_URL", f"http://127.0.0.1:{portal.server_port}")
        found = rows(holdfast("doctor", "--json"))["server"]
    assert found["state"] == "fail"
    assert "not a Holdfast server" in found["found"]


def test_a_bad_setting_stops_doctor_with_its_name(holdfast, monkeypatch):
    """A setting that cannot be read is the first row, failed, with the variable's name."""
    monkeypatch.setenv("HOLDFAST_TIMEOUT", "soon")
    ran = holdfast("doctor", "--json")
    assert ran.code == 1
    assert "HOLDFAST_TIMEOUT" in rows(ran)["settings"]["found"]


def test_a_directory_below_a_file_cannot_be_written(holdfast, monkeypatch, tmp_path, server):
    """A spool path that leads through a file is a failure for root too."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOLDFAST_SPOOL", str(tmp_path / "file" / "spool"))
    found = rows(holdfast("doctor", "--json"))["spool"]
    assert found["state"] == "fail"
    assert "HOLDFAST_SPOOL" in found["fix"]


def test_what_the_dead_left_is_seen(holdfast, monkeypatch, closed_url):
    """Operations of a killed process are counted by `spool status`, and doctor warns of them."""
    monkeypatch.setenv("HOLDFAST_URL", closed_url)
    kill_a_recorder(closed_url)
    (process,) = holdfast("spool", "status", "--json").json["processes"]
    assert process["pending"] >= 3
    assert not process["alive"]
    assert process["url"] == closed_url
    assert "left by processes that ended" in rows(holdfast("doctor", "--json"))["pending"]["found"]
    assert closed_url in "".join(holdfast("spool", "status").out.split())


def test_flush_delivers_what_the_dead_left(holdfast, server):
    """`spool flush` brings a killed process's run to the server, and then nothing waits."""
    kill_a_recorder(server.url)
    ran = holdfast("spool", "flush", "--timeout", "10")
    assert ran.code == 0
    assert "operations delivered" in ran.out
    assert "Nothing waits" in holdfast("spool", "status").out
    exported = holdfast("export", "--run", "orphan-1")
    assert exported.json["run"]["name"] == "left behind"


def test_flush_names_a_token_that_is_missing(holdfast, server, monkeypatch):
    """What was recorded with a token goes out with that token only, and the fix says so."""
    kill_a_recorder(server.url)
    monkeypatch.delenv("HOLDFAST_TOKEN")
    ran = holdfast("spool", "flush", "--timeout", "10")
    assert ran.code == 1
    assert "HOLDFAST_TOKEN" in ran.out


def test_flush_says_when_it_cannot(holdfast, monkeypatch, closed_url):
    """Without a server `spool flush` fails, says why, and keeps everything."""
    kill_a_recorder(closed_url)
    ran = holdfast("spool", "flush", "--timeout", "0.5")
    assert ran.code == 1
    assert closed_url in ran.out
    assert holdfast("spool", "status", "--json").json["processes"][0]["pending"] >= 3


def test_the_path_is_printed(holdfast, monkeypatch, tmp_path):
    """`spool path` follows the setting, and is below the state directory without one."""
    assert holdfast("spool", "path").out.strip() == str(state_dir() / "spool")
    monkeypatch.setenv("HOLDFAST_SPOOL", str(tmp_path / "elsewhere"))
    assert holdfast("spool", "path", "--json").json == {"path": str(tmp_path / "elsewhere")}
