"""`holdfast demo`: an agent that really works, on a server that really shows it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import urllib3

from holdfast.cli.api import Server
from holdfast.cli.demo_agent.agent import Audit
from holdfast.cli.demo_agent.planning import Decision, Outcome, ToolCall, Usage
from holdfast.cli.demo_agent.supervision import RehearsingPlanner
from holdfast.cli.local import announcement
from holdfast.server.services.setup import DEFAULT_ACCOUNT
from holdfast.testing import MemoryRecorder
from holdfast.wire.vocabulary import InstanceStatus
from waiting import wait_until

PLUGGY: tuple[str, dict[str, object]] = ("find_licence", {"package": "pluggy"})
VERIFY: tuple[str, dict[str, object]] = ("verify_files", {"package": "pluggy"})


class Scripted:
    """A planner that wants the given calls, one turn each, then nothing."""

    model = "script"
    provider = "test"

    def __init__(self, *calls: tuple[str, dict[str, object]]):
        self._calls = calls

    def decide(self, task, history):
        at = len(history)
        wanted = self._calls[at : at + 1]
        calls = [ToolCall(id=f"c{at}", name=name, arguments=arguments) for name, arguments in wanted]
        return Decision(
            thought=f"step {at}", calls=calls, usage=Usage(input_tokens=3, output_tokens=2, estimated=True)
        )


@pytest.fixture
def recorder() -> Iterator[MemoryRecorder]:
    with MemoryRecorder() as recorder:
        yield recorder


def test_every_step_is_recorded(recorder):
    """Steps hold the planning and the calls, with tokens, results and the failure of a tool."""
    planner = Scripted(("find_licence", {"package": "pluggy"}), ("time_import", {"module": "nowhere_at_all"}))
    steps: list[object] = []
    with recorder.client.run("audit") as run:
        report = Audit(run, planner, steps.append).carry_out()
    spans = recorder.spans
    turns = [span for span in spans if span.type == "agent:turn"]
    tools = [span for span in spans if span.type == "agent:tool"]
    plans = [span for span in spans if span.type == "agent:llm"]
    assert [len(turns), len(plans), len(tools)] == [3, 3, 2]
    steps_taken = [span for span in spans if span.name is not None and span.name.startswith("step ")]
    assert [tool.parent_id for tool in tools] == [step.id for step in steps_taken[:2]]
    assert [turn.parent_id for turn in turns] == [step.id for step in steps_taken]
    assert [tool.status for tool in tools] == ["complete", "failed"]
    assert tools[1].error.type == "LookupError"
    assert plans[0].attributes["gen_ai.usage.input_tokens"] == 3
    assert plans[0].attributes["holdfast.usage.estimated"] is True
    assert plans[1].payload["messages"][0]["tool_call_id"] == "c0"
    assert (report.tool_calls, report.failed_calls) == (2, 1)
    assert len(steps) == 5


def test_a_stop_from_the_server_ends_it_before_the_next_step(recorder):
    """Asked to stop, the agent takes no further step and still reports what it has."""
    planner = Scripted(*[PLUGGY] * 5)

    def stop_after_one(step):
        if isinstance(step, Outcome):
            recorder.request_stop(run.id, "enough")

    with recorder.client.run("audit") as run:
        report = Audit(run, planner, stop_after_one).carry_out()
    assert report.tool_calls == 1


@pytest.mark.slow
def test_once_it_runs_the_agent_and_exits(tmp_path):
    """`demo --once` audits this environment, prints where its record is, and the record is on the disk."""
    command = [sys.executable, "-m", "holdfast.cli", "demo", "--once", "--port", "0", "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"http://127\.0\.0\.1:\d+/login\?code=\S+&next=/runs/\S+", done.stdout)
    assert "tool calls" in done.stdout
    own_words = [
        text for text in done.stdout.splitlines() if "http" not in text and str(tmp_path) not in text
    ]
    assert max(map(len, own_words)) <= 80
    assert (tmp_path / "holdfast.db").exists()
    assert announcement() is None


@pytest.mark.slow
def test_its_page_shows_the_run(server, announced, holdfast):
    """On a server that runs already, the printed address logs in and leads to the page of a finished run."""
    ran = holdfast("demo", "--once", "--port", server.url.rpartition(":")[2])
    assert ran.code == 0, ran.err
    found = re.search(r"http://\S+/login\?\S+", ran.out)
    assert found is not None
    link = found.group()
    run_id = link.rpartition("/")[2]
    run = Server().get(f"/agent_instance/{run_id}")["details"]
    assert run["status"] == InstanceStatus.COMPLETE
    assert run["span_counts"]["failed"] >= 1
    assert run["span_counts"]["total"] > 40
    assert run["cost_usd"] == 0
    pool = urllib3.PoolManager()
    entry = pool.request("GET", link, redirect=False)
    cookie = entry.headers["Set-Cookie"].partition(";")[0]
    page = pool.request("GET", server.url + entry.headers["Location"], headers={"Cookie": cookie})
    assert page.status == 200
    assert b"Audit of this Python environment" in page.data
    assert DEFAULT_ACCOUNT not in link


@pytest.mark.slow
def test_it_keeps_serving_until_it_is_stopped(tmp_path):
    """Without --once the server stays after the agent is done, and SIGTERM ends it with exit code 0."""
    command = [sys.executable, "-m", "holdfast.cli", "demo", "--port", "0", "--data", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        said: list[str] = []
        assert process.stdout is not None
        reader = threading.Thread(target=said.extend, args=(process.stdout,), daemon=True)
        reader.start()
        try:
            wait_until(lambda: any("Ctrl-C" in text for text in said), 100)
            known = announcement()
            assert known is not None
            assert Server(known.url, known.token).ping().accepted
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()
        reader.join()


def test_the_rehearsal_shows_what_supervision_does(recorder):
    """The run shows a failure recovered from, a tool denied and a loop steered."""
    planner = RehearsingPlanner(Scripted(VERIFY, PLUGGY))
    with recorder.client.run("audit") as run:
        report = Audit(run, planner, lambda step: None).carry_out()
    events = [event.name for event in recorder.events]
    assert "agent.recovery.succeeded" in events
    assert "permission.denied" in events
    assert "loop.steered" in events
    assert "loop.stopped" not in events
    attempts = [span for span in recorder.spans if span.attributes.get("holdfast.attempt") == 2]
    assert [span.status for span in attempts] == ["complete"]
    denied = recorder.span("remove_package")
    assert denied.error.type == "holdfast.errors.PermissionDeniedError"
    assert "I was told" in report.conclusion
