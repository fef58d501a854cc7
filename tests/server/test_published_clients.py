"""The published clients, pinned, each in an environment of its own, against a running server."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from environments import python_with
from holdfast.server.running import Listening
from server.client import Api
from server.wait import wait_until

PROGRAM = Path(__file__).parent / "prefactor_program.py"
VERSIONS = ["0.1.0", "0.5.3"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module", params=VERSIONS)
def release(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A version and the interpreter that has it."""
    return request.param, python_with(tmp_path_factory.mktemp("client"), f"prefactor-core=={request.param}")


@pytest.mark.parametrize("stopped", [False, True], ids=["to the end", "terminated"])
def test_a_program_of_its_users(
    release: tuple[str, Path], stopped: bool, running: Listening, api: Api
) -> None:
    """Nested spans, cancellations and quality arrive as meant; a termination in between does no harm."""
    version, python = release
    modern = version != "0.1.0"
    child = subprocess.Popen(
        [python, str(PROGRAM), running.url, running.token, "modern" if modern else "first"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert child.stdout is not None
    line = child.stdout.readline()
    assert line.startswith("{"), line + child.communicate(timeout=60)[0]
    run_id = json.loads(line)["run"]

    def run() -> dict[str, Any]:
        details: dict[str, Any] = api.get(f"/agent_instance/{run_id}")[1]["details"]
        return details

    wait_until(lambda: run()["span_counts"]["finished"] == (4 if modern else 2))
    if stopped:
        wait_until(lambda: run()["status"] == "active")
        assert api.post(f"/agent_instance/{run_id}/terminate", {"reason": "enough"})[0] == 200
    output, _ = child.communicate("\n", timeout=90)
    assert "done" in output, output
    assert child.returncode == 0, output
    assert run()["status"] == ("terminated" if stopped else "complete")
    rows = api.get(f"/agent_spans?agent_instance_id={run_id}")[1]["summaries"]
    outer = next(row for row in rows if row["schema_name"] == "agent:llm")
    # the first release names the parent by an id of its own, which is kept as given
    inner = next(row for row in rows if row["parent_span_id"] is not None)
    assert not modern or inner["parent_span_id"] == outer["id"]
    assert (outer["status"], outer["result_payload"]) == ("complete", {"response": "Hi"})
    assert (inner["status"], inner["result_payload"]) == ("complete", {"hits": 3})
    if modern:
        assert sorted(row["status"] for row in rows).count("cancelled") >= 2
        assert run()["quality_payloads"] == {"tone": {"score": 1}}
    if not stopped:
        assert len(rows) == (5 if modern else 3)
