"""From one Holdfast to another, as a user does it: what arrives is what was sent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from forward.test_traces_out import record, span
from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, background_server
from holdfast.server.services.otlp.names import PROVIDERS
from holdfast.server.stores.base import Store
from holdfast.server.stores.schema.record import agents, events, instances, quality, spans
from server.client import Api

RUN_COLUMNS = [
    "id",
    "name",
    "status",
    "purpose",
    "error_type",
    "external_identifier",
    "parent",
    "sdk",
    "termination_reason",
    "started_at",
    "finished_at",
    "spans_total",
    "spans_complete",
    "spans_failed",
    "spans_cancelled",
    "llm_calls",
    "tool_calls",
    "errors",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_nano",
    "cost_reported",
    "cost_computed",
    "cost_estimated",
    "cost_unknown",
    "events",
]
SPAN_COLUMNS = [
    "schema_name",
    "name",
    "status",
    "started_at",
    "finished_at",
    "error_type",
    "provider",
    "model",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_nano",
    "cost_source",
]


def runs_of(store: Store) -> dict[str, dict[str, Any]]:
    """Each run with its agent's name and its spans; of ids only the runs' are the same on both sides, and
    providers have the names that the conventions give them."""
    source = instances.outerjoin(agents, agents.c.id == instances.c.agent_id)
    columns = [instances.c[name] for name in RUN_COLUMNS]
    found: dict[str, dict[str, Any]] = {}
    with store.reader.connect() as connection:
        for row in connection.execute(select(*columns, agents.c.name.label("agent")).select_from(source)):
            found[row.id] = row._asdict() | {"spans": Counter()}
        told = select(instances.c.id.label("run"), *(spans.c[name] for name in SPAN_COLUMNS))
        joined = spans.join(instances, instances.c.key == spans.c.instance_key)
        for run_id, *values in connection.execute(told.select_from(joined)):
            began, ended = SPAN_COLUMNS.index("started_at"), SPAN_COLUMNS.index("finished_at")
            provider = SPAN_COLUMNS.index("provider")
            values[provider] = PROVIDERS.get(values[provider], values[provider])
            # some recorded steps end before they begin; in OpenTelemetry they end when they begin
            values[ended] = max(values[ended], values[began])
            found[run_id]["spans"][tuple(values)] += 1
    return found


def forward_by_command(config: ServerConfig, there: Listening, *options: str) -> dict[str, Any]:
    header = f"authorization=Bearer {there.token}"
    command = [
        sys.executable,
        "-m",
        "holdfast.cli",
        "forward",
        "--json",
        "--to",
        there.url,
        "--header",
        header,
    ]
    if config.database is not None:
        command += ["--database", config.database]
    done = subprocess.run(
        [*command, "--data", str(config.data), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_all_real_runs(run_files: list[Path], tmp_path: Path) -> None:
    """Every imported real run arrives with its spans, tokens, costs and errors."""
    with (
        background_server(ServerConfig(data=tmp_path / "here", port=0)) as here,
        background_server(ServerConfig(data=tmp_path / "there", port=0)) as there,
    ):
        command = [sys.executable, "-m", "holdfast.cli", "import", "--json", *map(str, run_files)]
        env = {**os.environ, "HOLDFAST_URL": here.url, "HOLDFAST_TOKEN": here.token}
        subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
        ours = runs_of(here.services.store)
        answer = forward_by_command(here.services.config, there, "--content")
        assert answer["refused"] == 0
        assert answer["runs"] == len(ours) == 1_609
        theirs = runs_of(there.services.store)
        assert theirs.keys() == ours.keys()
        different = [run_id for run_id, run in ours.items() if theirs[run_id] != run]
        assert different == []
        assert forward_by_command(here.services.config, there)["runs"] == 0


def test_what_openTelemetry_has_no_word_for(
    here: Listening, there: Listening, api: Api, tmp_path: Path
) -> None:
    """Status, purpose, caller, type and name of a span, cancellation, levels of events, judgements and the reason
    of a termination come through; so does an id that is no UUID."""
    run_id = f"0run-with-an-id-of-its-own-{uuid.uuid4().hex}"
    body = {"id": run_id, "agent_id": "clerk", "purpose": "eval", "parent": f"{uuid.uuid4()}/s", "name": "n"}
    assert api.post("/agent_instance/register", body)[0] == 200
    error = {"type": "x.Bad", "message": "m", "category": "timeout"}
    whole = [
        span(
            "llm",
            "agent:llm",
            "thinks",
            attributes={"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 9},
        ),
        span(
            "own", "acme:thing", "counted", parent_span_id="llm", attributes={"gen_ai.usage.input_tokens": 5}
        ),
        span("gone", "agent:step", "gone", status="cancelled"),
        span("bad", "agent:tool", "bad", status="failed", error=error),
        span("inner", "agent:run", "inner", attributes={"gen_ai.usage.input_tokens": 14}),
    ]
    event = {"_type": "agent_events/create", "agent_instance_id": run_id, "timestamp": 7, "level": "error"}
    assert api.bulk([event | {"idempotency_key": "event-key", "id": "e", "name": "loop"}])[1]["outputs"] == {}
    for name, payload in (("tone", {"score": 1}), ("note", "fine")):
        judged = {"name": name, "payload": payload}
        assert api.post(f"/agent_instance/{run_id}/record_quality", judged)[0] == 200
    record(api, run_id, whole)
    stopped = api.run(str(uuid.uuid4()))
    assert api.post(f"/agent_instance/{stopped}/terminate", {"reason": "enough"})[0] == 200

    forward_by_command(here.services.config, there)
    ours, theirs = runs_of(here.services.store), runs_of(there.services.store)
    assert theirs[run_id] == ours[run_id]
    assert theirs[stopped] == ours[stopped]
    assert theirs[stopped]["termination_reason"] == "enough"
    with there.services.store.reader.connect() as connection:
        key = connection.execute(select(instances.c.key).where(instances.c.id == run_id)).scalar_one()
        (told,) = connection.execute(select(events).where(events.c.instance_key == key))
        assert (told.name, told.level, told.timestamp, told.span_id) == ("loop", "error", 7, None)
        judged_there = connection.execute(select(quality).where(quality.c.instance_key == key))
        assert {row.name: json.loads(row.payload) for row in judged_there} == {
            "tone": {"score": 1},
            "note": "fine",
        }
        rows = {row.name: row for row in connection.execute(select(spans).where(spans.c.instance_key == key))}
        assert rows["counted"].parent_span_id == rows["thinks"].id
        assert rows["thinks"].parent_span_id is None
