"""`holdfast serve` as its user meets it: a process, an address, a signal that ends it."""

from __future__ import annotations

import os
import signal
import socket
import stat

import pytest

from holdfast._settings import state_dir
from holdfast.cli.api import Server
from holdfast.cli.local import announcement, announcement_file
from serving import serving
from waiting import wait_until


@pytest.mark.parametrize("word", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_stop(tmp_path, word):
    """With no configuration the server answers, and a stop signal ends it with exit code 0 and no announcement."""
    with serving(tmp_path, "--port", "0") as (process, said):
        known = announcement()
        assert known is not None
        assert known.url == said["url"]
        assert Server(known.url, known.token).ping().accepted
        process.send_signal(word)
        assert process.wait(20) == 0
    assert announcement() is None


def test_its_announcement_is_for_its_user_only(tmp_path):
    """The file with the token cannot be read by others."""
    with serving(tmp_path, "--port", "0"):
        assert stat.S_IMODE(announcement_file().stat().st_mode) == 0o600


def test_a_neighbour_needs_no_token(tmp_path, monkeypatch, holdfast):
    """On the server's machine every command finds the token by itself."""
    with serving(tmp_path, "--port", "0") as (_, said):
        monkeypatch.setenv("HOLDFAST_URL", said["url"])
        ran = holdfast("doctor", "--json")
        assert ran.code == 0
        assert all(row["state"] == "ok" for row in ran.json), ran.json


def test_a_port_in_use_is_one_line_with_a_fix(tmp_path, holdfast):
    """A port that another program has is named, with the way around it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = holdfast("serve", "--data", tmp_path, "--port", taken.getsockname()[1])
    assert ran.code == 1
    assert "cannot listen on 127.0.0.1:" in ran.err
    assert "--port" in ran.err
    assert "Traceback" not in ran.err


def test_a_second_server_is_told_of_the_first(holdfast, server, tmp_path):
    """Where Holdfast itself has the port, the fix is to open that one."""
    ran = holdfast("serve", "--data", tmp_path / "other", "--port", server.url.rpartition(":")[2])
    assert ran.code == 1
    assert "a Holdfast server already runs" in ran.err
    assert "login-link" in ran.err


def test_a_data_directory_that_cannot_be_used_is_one_line(tmp_path, holdfast):
    """A file where the directory should be is an error line, not a traceback."""
    (tmp_path / "file").write_text("")
    ran = holdfast("serve", "--data", tmp_path / "file", "--port", "0")
    assert ran.code == 1
    assert str(tmp_path / "file") in ran.err
    assert "Traceback" not in ran.err


def test_it_delivers_what_a_dead_process_left(tmp_path, monkeypatch, holdfast):
    """A process that recorded without a server and was killed has its run on the server that starts later."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("HOLDFAST_URL", f"http://127.0.0.1:{port}")
    child = os.fork()
    if child == 0:
        import holdfast as sdk

        sdk.init("orphan")
        sdk.run("left behind", id="orphan-1").start().event("alone")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert any(state_dir().rglob("*.seg"))
    with serving(tmp_path, "--port", str(port)):
        wait_until(lambda: Server().has_run("orphan-1"))
        wait_until(lambda: "Nothing waits" in holdfast("spool", "status").out)
        run = Server().get("/agent_instance/orphan-1")["details"]
        assert run["name"] == "left behind"
