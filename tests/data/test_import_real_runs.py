"""All recorded real runs, imported the way a user imports them, come back from the server as they were."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from holdfast._clock import iso_utc, parse_utc
from holdfast.cli.api import Server
from holdfast.cli.runfiles.mapping import RunPlan, plan_run
from holdfast.cli.runfiles.records import RunFile, parse_run
from serving import serving

RUNS, TURNS = 1_609, 45_670
MOST_MEMORY = 300 << 20
"""The largest line is 2.4 MB, all files together are 100 MB unpacked: an import must not hold them."""

FIGURES = {
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cached_input_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cost_usd": "holdfast.cost.usd",
    "finish_reason": "gen_ai.response.finish_reasons",
    "call_id": "gen_ai.tool.call.id",
    "exit_code": "process.exit.code",
    "http_status": "http.response.status_code",
    "response_id": "gen_ai.response.id",
    "attempt": "holdfast.attempt",
}

pytestmark = [pytest.mark.data, pytest.mark.slow, pytest.mark.timeout(600)]


def import_all(url: str, token: str, files: list[Any]) -> tuple[int, int]:
    """The exit code of `holdfast import` over all files, and the most memory it had, in bytes."""
    command = [sys.executable, "-m", "holdfast.cli", "import", "--json", *map(str, files)]
    env = {**os.environ, "HOLDFAST_URL": url, "HOLDFAST_TOKEN": token}
    # Started by a process of its own: the system counts what the one that starts it holds to its peak.
    starter = (
        "import resource, subprocess, sys\n"
        "code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)\n"
        "print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    said = subprocess.run(
        [sys.executable, "-c", starter, *command], env=env, stdout=subprocess.PIPE, check=True
    )
    code, peak = map(int, said.stdout.split())
    return code, peak * (1 if sys.platform == "darwin" else 1024)


def moment(text: str) -> str:
    """As the server writes it. One source dates its runs as an HTTP header does."""
    return iso_utc(parse_utc(text if "," not in text else parsedate_to_datetime(text).isoformat()))


def check_run(server: Server, raw: dict[str, Any], plan: RunPlan) -> int:
    """Compare the run and each of its spans with the line it came from; how many spans were compared."""
    run = server.get(f"/agent_instance/{plan.id}")["details"]
    assert run["external_identifier"] == raw["run_id"]
    assert run["status"] in ("complete", "failed")
    assert run["span_counts"]["total"] == len(raw["turns"])
    assert run["input_tokens"] == sum(turn.get("input_tokens") or 0 for turn in raw["turns"])
    assert run["output_tokens"] == sum(turn.get("output_tokens") or 0 for turn in raw["turns"])
    if "started_at" in raw:
        assert run["started_at"] == moment(raw["started_at"])
    if "ended_at" in raw:
        assert run["finished_at"] == moment(raw["ended_at"])
    spans = {span["id"]: span for span in server.pages("/agent_spans", agent_instance_id=plan.id)}
    assert len(spans) == len(raw["turns"])
    for turn, planned in zip(raw["turns"], plan.spans, strict=True):
        check_span(spans[planned.id], turn)
    return len(spans)


def check_span(span: dict[str, Any], turn: dict[str, Any]) -> None:
    is_tool = turn["kind"] == "tool"
    assert span["payload"] == {"arguments" if is_tool else "messages": turn["input"]}
    assert span["result_payload"] == (None if turn.get("output") is None else {"output": turn["output"]})
    assert span["status"] == ("complete" if turn["error"] is None else "failed")
    assert (span["error"] or {}).get("message") == turn["error"]
    assert (span["error"] or {}).get("stack") == turn.get("traceback")
    for source, name in FIGURES.items():
        told = span["attributes"].get(name)
        assert (told[0] if source == "finish_reason" and told else told) == turn.get(source)
    if "started_at" in turn:
        assert span["started_at"] == moment(turn["started_at"])
    if "ended_at" in turn:
        assert span["finished_at"] == moment(turn["ended_at"])
    if "started_at" not in turn or "ended_at" not in turn:  # given times are kept, even where they contradict
        assert span["started_at"] <= span["finished_at"]


def test_all_real_runs_come_back_as_they_were(tmp_path, run_files):
    """1,609 runs with 45,670 turns: payloads, errors, tokens, costs and times read back equal, in bounded memory."""
    with serving(tmp_path, "--port", "0") as (_, said):
        server = Server(said["url"])
        assert server.token is not None
        code, memory = import_all(said["url"], server.token, run_files)
        assert code == 0
        assert memory < MOST_MEMORY
        runs = turns = 0
        for path in run_files:
            with RunFile(path) as lines:
                for text in lines:
                    line = parse_run(text)
                    raw = json.loads(text)
                    turns += check_run(server, raw, plan_run(line, path.stat().st_mtime_ns))
                    runs += 1
    assert (runs, turns) == (RUNS, TURNS)
