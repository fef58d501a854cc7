"""Agents of real frameworks under their native or OpenInference instrumentation, against a running server."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from environments import python_with
from holdfast.server.running import Listening
from otlp.sending import spans_of
from server.client import Api

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PACKAGES = [
    "langchain-core==1.7.2",
    "openai-agents==0.24.0",
    "openinference-instrumentation-langchain==0.1.80",
    "openinference-instrumentation-openai-agents==2.6.0",
    "opentelemetry-exporter-otlp-proto-http==1.45.2",
    "pydantic-ai-slim[openai]==2.68.0",
]


@pytest.fixture(scope="session")
def frameworks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the frameworks."""
    return python_with(tmp_path_factory.mktemp("frameworks"), *PACKAGES)


@pytest.mark.parametrize(
    ("framework", "tokens", "calls", "agent"),
    [
        ("pydantic-ai", None, 2, "agent:run"),
        ("langchain", (7, 2), 1, "agent:step"),
        ("openai-agents", (10, 4), 2, "agent:run"),
    ],
)
def test_a_framework_shows_as_our_own_runs_do(
    frameworks: Path,
    running: Listening,
    api: Api,
    framework: str,
    tokens: tuple[int, int] | None,
    calls: int,
    agent: str,
) -> None:
    """One complete run: model calls with messages and tokens counted once, the tool by its name with its
    arguments and result, everything below the root."""
    program = Path(__file__).with_name("framework_agents.py")
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": running.url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{running.token}",
        "OPENAI_API_KEY": "none",
    }
    done = subprocess.run(
        [str(frameworks), str(program), framework],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    runs = api.get("/agent_instance")[1]["summaries"]
    (run,) = [found for found in runs if found["attributes"].get("service.name") == framework]
    assert run["status"] == "complete"
    spans = spans_of(api, run["id"])
    of_type: dict[str, list[dict[str, Any]]] = {}
    for found in spans.values():
        of_type.setdefault(found["schema_name"], []).append(found)
    assert len(of_type["agent:llm"]) == calls
    assert all(found["payload"]["messages"] for found in of_type["agent:llm"])
    told = [found["attributes"] for found in of_type["agent:llm"]]
    summed = tuple(sum(one[f"gen_ai.usage.{side}_tokens"] for one in told) for side in ("input", "output"))
    assert (run["input_tokens"], run["output_tokens"]) == summed == (tokens or summed)
    (tool,) = of_type["agent:tool"]
    assert tool["name"] == "weather"
    assert "sunny in" in str(tool["result_payload"])
    assert tool["payload"] in ({"city": "Oslo"}, {"city": "a"}, {"value": "Oslo"})
    roots = [found for found in spans.values() if found["parent_span_id"] is None]
    assert [found["schema_name"] for found in roots] == [agent]
    assert all(found["parent_span_id"] in spans for found in spans.values() if found not in roots)
