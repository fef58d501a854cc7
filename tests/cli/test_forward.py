"""`holdfast forward` as a shell runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from forward.sending import Sink
from server.client import Api
from waiting import wait_until


@pytest.fixture
def sink():
    with Sink() as sink:
        yield sink


def finished_run(server, run_id):
    with Api(server.url, server.token) as api:
        api.run(run_id)
        assert api.post(f"/agent_instance/{run_id}/finish", {})[0] == 200


def test_what_settled_goes_once(holdfast, server, sink):
    """The command waits for what settles in the next seconds, says what it sent, and has nothing to do after that."""
    finished_run(server, "run-one")
    ran = holdfast("forward", "--to", sink.url, "--json")
    assert (ran.code, ran.json["runs"], ran.json["to"]) == (0, 1, f"{sink.url}/v1/traces")
    assert holdfast("forward", "--to", sink.url, "--json").json["runs"] == 0
    assert holdfast("forward", "--to", sink.url, "--again", "--json").json["runs"] == 1
    assert "0 runs" in holdfast("forward", "--to", sink.url).out


def test_settings_say_where_to(holdfast, server, sink, monkeypatch):
    """Address, headers and content come from the environment where no option says them."""
    finished_run(server, "run-one")
    monkeypatch.setenv("HOLDFAST_FORWARD_TO", sink.url)
    monkeypatch.setenv("HOLDFAST_FORWARD_HEADERS", "x-one=a%20b,x-two=2")
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "http,gen_ai_latest_experimental")
    assert holdfast("forward", "--header", "x-two=c=d", "--agent", "tester").code == 0
    assert (sink.headers[0]["x-one"], sink.headers[0]["x-two"]) == ("a b", "c=d")
    assert sink.requests[0].resource_spans[0].scope_spans[0].schema_url == ""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "no address"),
        (["--to", "ftp://x"], 1, "no address"),
        (["--to", "http://127.0.0.1:9", "--agent", "nobody"], 2, "no agent 'nobody'"),
        (["--to", "http://127.0.0.1:9", "--header", "nonsense"], 1, "no header"),
        (["--to", "http://127.0.0.1:9", "--since", "soon"], 2, "12h"),
    ],
)
def test_wrong_usage(holdfast, server, arguments, code, said):
    """Each mistake is said in a line."""
    ran = holdfast("forward", *arguments)
    assert ran.code == code
    assert said in ran.err


def test_a_receiver_that_refuses_everything(holdfast, server):
    """The reason and what to do; nothing is lost."""
    finished_run(server, "run-one")
    ran = holdfast("forward", "--to", server.url, "--header", "authorization=Bearer nonsense")
    assert ran.code == 1
    assert "HTTP 401: the token is missing" in ran.err
    assert "--header" in ran.err


def test_following_until_it_is_stopped(server, sink):
    """`--follow` sends what settles later; SIGTERM ends it in order, with what was done."""
    command = [sys.executable, "-m", "holdfast.cli", "forward", "--to", sink.url, "--follow", "--json"]
    with subprocess.Popen(command, env=os.environ, stdout=subprocess.PIPE, text=True) as process:
        finished_run(server, "run-one")
        wait_until(lambda: sink.bodies)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert '"runs":1' in out
