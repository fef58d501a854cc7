"""How a process ends: nothing that was recorded is lost, and nothing stays open that could be ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from holdfast.tracing.segment import iter_records

AGENT = """
import os, signal, sys, threading
import holdfast

holdfast.init("a", url="http://127.0.0.1:9", spool=sys.argv[1])
"""


def start(directory: Path, body: str) -> subprocess.Popen[str]:
    """An agent as a process of its own, with no server there."""
    script = directory / "agent.py"
    script.write_text(AGENT + body)
    return subprocess.Popen(
        [sys.executable, str(script), str(directory / "spool")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def left_by(directory: Path) -> list[dict[str, Any]]:
    """The operations that an agent left in its spool, in order."""
    segments = sorted(directory.rglob("*.seg"))
    return [json.loads(one) for path in segments for one in iter_records(path, 0, path.stat().st_size)]


def ends(directory: Path, body: str, *, code: int | None = 0) -> list[dict[str, Any]]:
    process = start(directory, body)
    _, errors = process.communicate(timeout=60)
    # What Ctrl-C makes of the exit code depends on how the tests themselves were started.
    assert code is None or process.returncode == code, errors
    return left_by(directory)


def ended(operations: list[dict[str, Any]], kind: str) -> list[tuple[str, str | None]]:
    """Status and error type of every end of a kind."""
    return [
        (one["status"], one.get("error", {}).get("type"))
        for one in operations
        if one["_type"] == f"{kind}/finish"
    ]


@pytest.mark.parametrize(
    ("leaving", "code", "status", "error"),
    [
        ("sys.exit()", 0, "complete", None),
        ("sys.exit(0)", 0, "complete", None),
        ("sys.exit(3)", 3, "failed", "SystemExit"),
        ("raise KeyError('x')", 1, "failed", "KeyError"),
        ("raise KeyboardInterrupt", None, "cancelled", "KeyboardInterrupt"),
    ],
)
def test_an_exit_inside_a_span_ends_it(
    tmp_path: Path, leaving: str, code: int | None, status: str, error: str | None
) -> None:
    """Whatever way a process is left from within a span, span and run are ended as that way means."""
    body = f"with holdfast.run('r') as run:\n    with run.span('s'):\n        {leaving}\n"
    operations = ends(tmp_path, body, code=code)
    assert ended(operations, "agent_spans") == [(status, error)]
    assert ended(operations, "agent_instances") == [(status, error)]


def test_a_forgotten_finish_is_cancelled_at_the_end(tmp_path: Path) -> None:
    """A run and a span that nobody ended are cancelled when the interpreter ends, with an event that says why."""
    operations = ends(tmp_path, "holdfast.run('r').start().start_span('s')\n")
    assert ended(operations, "agent_spans") == [("cancelled", None)]
    assert ended(operations, "agent_instances") == [("cancelled", None)]
    assert [one["name"] for one in operations if one["_type"] == "agent_events/create"] == ["process ended"]


def test_an_unhandled_exception_fails_what_was_forgotten(tmp_path: Path) -> None:
    """A run without `with`, in a program that dies of an exception, has failed of that exception."""
    operations = ends(
        tmp_path, "holdfast.run('r').start().start_span('s')\nraise LookupError('gone')\n", code=1
    )
    assert ended(operations, "agent_spans") == [("failed", "LookupError")]
    assert ended(operations, "agent_instances") == [("failed", "LookupError")]


def test_a_thread_that_outlives_the_main_one_is_heard(tmp_path: Path) -> None:
    """What a non-daemon thread records after the main thread's end is in the record."""
    body = """
import time
def work():
    threading.main_thread().join()
    with holdfast.span("late"):
        pass
threading.Thread(target=work).start()
"""
    operations = ends(tmp_path, body)
    assert ended(operations, "agent_spans") == [("complete", None)]


def test_recording_at_interpreter_shutdown_is_kept(tmp_path: Path) -> None:
    """Exit handlers and finalizers that record, before and after Holdfast's own, neither fail nor hang."""
    body = """
import atexit
class Last:
    def __del__(self):
        with holdfast.span("finalizer"):
            pass
last = Last()
atexit.register(lambda: holdfast.event("after ours was registered"))
with holdfast.run("r"):
    pass
"""
    operations = ends(tmp_path, body)
    assert "after ours was registered" in [one.get("name") for one in operations]


def test_sigterm_loses_nothing_that_was_recorded(tmp_path: Path) -> None:
    """A process that SIGTERM ends at once leaves every operation that had returned."""
    body = """
with holdfast.run("r") as run:
    for number in range(500):
        with run.span(f"s{number}"):
            pass
    with run.span("open"):
        print("ready", flush=True)
        sys.stdin.read()
"""
    process = start(tmp_path, body)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM
    operations = left_by(tmp_path)
    names = [one["name"] for one in operations if one["_type"] == "agent_spans/create"]
    assert names == [f"s{number}" for number in range(500)] + ["open"]
    assert len(ended(operations, "agent_spans")) == 500


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_does_not_end_what_is_its_parents(tmp_path: Path) -> None:
    """A child that leaves its parent's `with` blocks records its own spans there and ends only those."""
    body = """
with holdfast.run("r") as run:
    with run.span("parent's"):
        pid = os.fork()
        if pid == 0:
            with holdfast.span("child's"):
                pass
            run.event("from the child")
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
"""
    operations = ends(tmp_path, body)
    made = {one["name"]: one for one in operations if one["_type"] == "agent_spans/create"}
    assert made["child's"]["parent_span_id"] == made["parent's"]["id"]
    assert ended(operations, "agent_spans") == [("complete", None)] * 2
    assert ended(operations, "agent_instances") == [("complete", None)]
    assert "from the child" in [one.get("name") for one in operations]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_pool_of_forked_workers_records_into_the_parents_run(tmp_path: Path) -> None:
    """Workers of a process pool continue the run from headers; each records into a spool of its own."""
    body = """
import multiprocessing
def work(job):
    number, headers = job
    with holdfast.continue_run(headers), holdfast.span(f"job {number}"):
        return number
if __name__ == "__main__":
    with holdfast.run("r") as run, run.span("all"):
        headers = holdfast.inject({})
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map(work, [(n, headers) for n in range(6)]) == list(range(6))
            pool.close()
            pool.join()
"""
    operations = ends(tmp_path, body)
    made = {one["name"]: one for one in operations if one["_type"] == "agent_spans/create"}
    assert {made[f"job {n}"]["parent_span_id"] for n in range(6)} == {made["all"]["id"]}
    assert ended(operations, "agent_spans") == [("complete", None)] * 7
    assert ended(operations, "agent_instances") == [("complete", None)]
