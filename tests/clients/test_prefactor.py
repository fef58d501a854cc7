"""The other published prefactor clients, pinned, against a running server: LangChain middleware, TypeScript.
(The Python SDK itself is in `tests/server/test_published_clients.py`.)"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from environments import node_with, python_with
from holdfast.server.running import Listening
from server.client import Api

HERE = Path(__file__).parent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def run(command: list[str], running: Listening, folder: Path) -> None:
    done = subprocess.run(
        [*command, running.url, running.token],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def only_run(api: Api, agent: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    (found,) = api.get(f"/agent_instance?agent_id={agent}")[1]["summaries"]
    rows = api.get(f"/agent_spans?agent_instance_id={found['id']}&sorting=inserted_at")[1]["summaries"]
    return found, rows


def test_the_langchain_middleware(tmp_path: Path, running: Listening, api: Api) -> None:
    """An agent with LangChain's fake model: the run, the agent, two model calls and the tool between them, with
    tokens, in one tree."""
    python = python_with(
        tmp_path / "env", "prefactor-langchain==0.3.0", "langchain==1.4.7", "langchain-core==1.7.2"
    )
    run([str(python), str(HERE / "prefactor_langchain_program.py")], running, tmp_path)
    found, rows = only_run(api, "langchain-user")
    assert found["status"] == "complete"
    types = [row["schema_name"] for row in rows]
    assert types == ["langchain:agent", "langchain:llm", "langchain:tool", "langchain:llm"]
    assert {row["status"] for row in rows} == {"complete"}
    assert rows[0]["parent_span_id"] is None
    tool = rows[2]
    assert tool["payload"]["inputs"]["arguments"] == {"city": "Oslo"}
    assert tool["result_payload"]["outputs"] == {"output": "sunny in Oslo"}
    assert (found["input_tokens"], found["output_tokens"]) == (14, 4)


def test_the_typescript_sdk(tmp_path: Path, running: Listening, api: Api) -> None:
    """Nested spans with a failure among them arrive as meant."""
    folder = node_with(tmp_path, "@prefactor/core@0.2.9")
    program = folder / "program.mjs"
    program.write_bytes((HERE / "prefactor_core_program.mjs").read_bytes())
    run(["node", str(program)], running, folder)
    found, rows = only_run(api, "ts-user")
    assert found["status"] == "complete"
    assert (found["input_tokens"], found["output_tokens"]) == (3, 2)
    outer, good, bad = rows
    assert (outer["schema_name"], outer["parent_span_id"]) == ("my:llm", None)
    assert outer["result_payload"] == {"response": "Hi"}
    assert good["parent_span_id"] == bad["parent_span_id"] == outer["id"]
    assert (good["status"], good["result_payload"]) == ("complete", {"hits": 3})
    assert (bad["status"], bad["result_payload"]["message"]) == ("failed", "no such thing")
