"""More of what sends OpenTelemetry, pinned, against a running server. (The SDK itself, pydantic-ai, LangChain and
the OpenAI Agents SDK are in `tests/otlp`.)"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from environments import node_with, python_with
from holdfast.server.running import Listening
from server.client import Api

HERE = Path(__file__).parent
EXPORTER = "opentelemetry-exporter-otlp-proto-http==1.45.2"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def run(command: list[str], running: Listening, folder: Path) -> None:
    """With the two lines of environment that point any exporter at the server."""
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": running.url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{running.token}",
        "CREWAI_DISABLE_TELEMETRY": "true",
        "HOME": str(folder),
    }
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def only_run(api: Api, service: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The run, and its spans, which are one tree."""
    (found,) = api.get(f"/agent_instance?agent_id={service}")[1]["summaries"]
    rows = api.get(f"/agent_spans?agent_instance_id={found['id']}")[1]["summaries"]
    ids = {row["id"] for row in rows}
    assert sum(row["parent_span_id"] is None for row in rows) == 1
    assert all(row["parent_span_id"] in ids for row in rows if row["parent_span_id"] is not None)
    assert found["status"] == "complete"
    return found, rows


def of_type(rows: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["schema_name"] == kind]


def test_llama_index(tmp_path: Path, running: Listening, api: Api) -> None:
    """An agent under OpenInference: model calls with tokens, the tool by its name, all below the run."""
    python = python_with(
        tmp_path / "env",
        "llama-index-core==0.14.25",
        "openinference-instrumentation-llama-index==4.6.1",
        EXPORTER,
    )
    run([str(python), str(HERE / "llama_index_program.py")], running, tmp_path)
    found, rows = only_run(api, "llama-index")
    assert (found["input_tokens"], found["output_tokens"]) == (10, 4)
    (tool,) = of_type(rows, "agent:tool")
    assert (tool["name"], tool["payload"]["kwargs"]) == ("weather", {"city": "Oslo"})
    said = [row for row in of_type(rows, "agent:llm") if "gen_ai.usage.input_tokens" in row["attributes"]]
    assert [row["payload"]["messages"][0]["role"] for row in said] == ["user", "user"]


def test_crewai(tmp_path: Path, running: Listening, api: Api) -> None:
    """A crew under OpenInference: the crew at the root, its agent below, with what went in and came out."""
    python = python_with(
        tmp_path / "env", "crewai==1.15.30", "openinference-instrumentation-crewai==1.1.21", EXPORTER
    )
    run([str(python), str(HERE / "crewai_program.py")], running, tmp_path)
    _, rows = only_run(api, "crewai")
    (agent,) = of_type(rows, "agent:run")
    assert agent["payload"]["agent"]["role"] == "greeter"
    assert agent["result_payload"]["raw"] == "sunny"


def test_the_vercel_ai_sdk(tmp_path: Path, running: Listening, api: Api) -> None:
    """`generateText` with a tool: an agent around two model calls and the tool, tokens counted once."""
    folder = node_with(
        tmp_path,
        "ai@6.0.326",
        "zod@4.6.7",
        "@opentelemetry/sdk-trace-node@2.12.0",
        "@opentelemetry/resources@2.12.1",
        "@opentelemetry/exporter-trace-otlp-proto@0.223.1",
    )
    program = folder / "program.mjs"
    program.write_bytes((HERE / "vercel_ai_program.mjs").read_bytes())
    run(["node", str(program)], running, folder)
    found, rows = only_run(api, "vercel-ai")
    assert (found["input_tokens"], found["output_tokens"]) == (10, 4)
    assert sorted(row["schema_name"] for row in rows) == ["agent:llm", "agent:llm", "agent:run", "agent:tool"]
    (tool,) = of_type(rows, "agent:tool")
    assert (tool["name"], tool["payload"]) == ("weather", {"city": "Oslo"})


def test_openllmetry(tmp_path: Path, running: Listening, api: Api) -> None:
    """OpenAI's client: the call with its messages, model, tokens, and what it cost by the price list."""
    python = python_with(
        tmp_path / "env", "openai==2.54.0", "opentelemetry-instrumentation-openai==0.62.4", EXPORTER
    )
    run([str(python), str(HERE / "openllmetry_program.py")], running, tmp_path)
    found, (call,) = only_run(api, "openllmetry")
    assert (found["input_tokens"], found["output_tokens"]) == (1000, 100)
    assert call["payload"]["messages"][0]["parts"] == [{"type": "text", "content": "weather in Oslo?"}]
    assert call["result_payload"]["messages"][0]["parts"] == [{"type": "text", "content": "sunny"}]
    assert call["attributes"]["gen_ai.request.model"] == "gpt-4o-mini"
    assert found["cost_usd"] == pytest.approx(0.00021)
