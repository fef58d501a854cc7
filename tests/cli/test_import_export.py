"""Run files in, JSON Lines out: what is told, what is made up, what is skipped."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from holdfast._clock import parse_utc
from holdfast.cli.api import Server
from holdfast.cli.runfiles.importer import Importer
from holdfast.cli.runfiles.mapping import plan_run, run_id
from holdfast.cli.runfiles.records import parse_run
from holdfast.cli.runfiles.times import Synthetic
from holdfast.errors import InvalidInputError
from holdfast.testing import MemoryRecorder
from holdfast.wire.vocabulary import InstanceStatus, SpanStatus
from waiting import wait_until

FALLBACK = parse_utc("2020-01-01T00:00:00Z")
START = parse_utc("2026-01-31T12:00:00Z")
SECOND = 1_000_000_000


def llm(**fields):
    return {"kind": "llm", "name": "m", "input": [{"role": "user", "content": "hi"}], "error": None, **fields}


def tool(**fields):
    return {"kind": "tool", "name": "t", "input": {"x": 1}, "output": "done", "error": None, **fields}


def line(*turns, **fields) -> bytes:
    run = {"run_id": "r1", "agent": "a", "model": "m", "outcome": {}, "turns": list(turns), **fields}
    return msgspec.json.encode(run)


def plan(*turns, **fields):
    return plan_run(parse_run(line(*turns, **fields)), FALLBACK)


# --- times


def test_given_times_are_kept():
    """A turn with both times has exactly these, and no mark."""
    times = plan(llm(started_at="2026-01-31T12:00:00Z", ended_at="2026-01-31T12:00:02Z")).spans[0].times
    assert (times.started, times.finished, times.synthetic) == (START, START + 2 * SECOND, None)


def test_a_duration_stands_for_a_time():
    """An end and a duration give the start, a start and a duration the end; neither is made up."""
    ended = plan(llm(ended_at="2026-01-31T12:00:02Z", duration_ms=500)).spans[0].times
    assert (ended.started, ended.synthetic) == (START + 3 * SECOND // 2, None)
    started = plan(llm(started_at="2026-01-31T12:00:00Z", duration_ms=500)).spans[0].times
    assert (started.finished, started.synthetic) == (START + SECOND // 2, None)


def test_a_missing_start_is_the_end_of_the_turn_before():
    """With ends alone the turns follow each other, and each start is marked as made up."""
    spans = plan(
        llm(ended_at="2026-01-31T12:00:01Z"),
        tool(ended_at="2026-01-31T12:00:03Z"),
        started_at="2026-01-31T12:00:00Z",
    ).spans
    assert [span.times.started for span in spans] == [START, START + SECOND]
    assert {span.times.synthetic for span in spans} == {Synthetic.START}
    assert spans[0].attributes["holdfast.time.synthetic"] == "start"


def test_without_any_time_the_order_holds():
    """Turns without times begin at the fallback, one after the other, all marked."""
    made = plan(llm(), tool(), llm())
    starts = [span.times.started for span in made.spans]
    assert starts[0] == FALLBACK == made.times.started
    assert starts == sorted(set(starts))
    assert all(span.times.finished <= after for span, after in zip(made.spans, starts[1:], strict=False))
    assert {span.times.synthetic for span in made.spans} == {Synthetic.BOTH}
    assert made.attributes["holdfast.time.synthetic"] == "both"


def test_the_date_of_an_http_header_is_a_time():
    """Recorded requests are dated as HTTP does it."""
    assert plan(started_at="Sat, 31 Jan 2026 12:00:00 GMT").times.started == START


def test_a_time_that_cannot_be_read_is_taken_as_missing():
    """One bad stamp does not lose the run."""
    assert plan(llm(started_at="yesterday")).spans[0].times.synthetic is Synthetic.BOTH


# --- what becomes of a turn


def test_a_model_call_keeps_its_figures():
    """Tokens, cost with its source, model, actor and finish reason stand under the field's names."""
    span = plan(
        llm(
            actor="planner",
            output={"content": "yes", "tool_calls": []},
            input_tokens=10,
            output_tokens=2,
            cached_input_tokens=4,
            cost_usd=0.25,
            finish_reason="stop",
        )
    ).spans[0]
    assert span.type == "agent:llm"
    assert span.result == {"output": {"content": "yes", "tool_calls": []}}
    assert span.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.agent.name": "planner",
        "gen_ai.request.model": "m",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 2,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.response.finish_reasons": ["stop"],
        "holdfast.cost.usd": 0.25,
        "holdfast.cost.source": "reported",
        "holdfast.time.synthetic": "both",
    }


def test_an_unknown_cost_has_no_number():
    """A call whose cost nobody reported carries neither a cost nor a source."""
    assert not any("cost" in name for name in plan(llm(input_tokens=1)).spans[0].attributes)


def test_a_failed_tool_is_a_failed_span_with_its_output():
    """The error's text and type are kept, and so is what the tool printed."""
    span = plan(tool(error="exit 1", exit_code=1, output="trace")).spans[0]
    assert span.status is SpanStatus.FAILED
    assert (span.error.type, span.error.message) == ("ToolError", "exit 1")
    assert span.result == {"output": "trace"}
    assert span.attributes["process.exit.code"] == 1


def test_an_attempt_is_told_apart_from_a_turn():
    """A call that its client retried is an attempt."""
    span = plan(llm(attempt=True, error="rate limit", exception_type="RateLimitError")).spans[0]
    assert span.type == "agent:attempt"
    assert span.error.type == "RateLimitError"
    assert span.attributes["holdfast.attempt"] is True


def test_keys_that_the_format_does_not_name_are_kept():
    """Nothing of a line is lost: other keys stand under `import.`."""
    made = plan(llm(phase="Coding"), source="here", limits={"turns": 3})
    assert made.spans[0].attributes["import.phase"] == "Coding"
    assert made.attributes["import.limits"] == {"turns": 3}


@pytest.mark.parametrize(
    ("outcome", "status", "error"),
    [
        ({"success": True}, InstanceStatus.COMPLETE, None),
        ({"success": False}, InstanceStatus.COMPLETE, None),
        ({"error": "boom", "exit_status": "Timeout"}, InstanceStatus.FAILED, "Timeout"),
        ({"termination_reason": "max_steps"}, InstanceStatus.FAILED, "max_steps"),
        ({"termination_reason": "user_stop", "error": None}, InstanceStatus.COMPLETE, None),
        ({"completed": False}, InstanceStatus.FAILED, "Incomplete"),
    ],
)
def test_a_run_failed_when_it_broke_off(outcome, status, error):
    """Whether a run reached its goal is a judgement; only a run that broke off is a failed one."""
    made = plan(outcome=outcome)
    assert made.status is status
    assert (made.error.type if made.error else None) == error
    assert made.qualities == {"outcome": outcome}


def test_a_human_label_points_at_its_step():
    """Who and when it went wrong becomes a judgement and an event at the end of that step."""
    label = {"mistake_agent": "coder", "mistake_step": "4", "mistake_reason": "wrong column"}
    made = plan(llm(step=3), llm(step=4), outcome={"success": False, **label})
    assert made.qualities == {"outcome": {"success": False}, "mistake": label}
    (event,) = made.events
    assert event.payload == {**label, "span_id": made.spans[1].id}
    assert event.at == made.spans[1].times.finished


@pytest.mark.parametrize(
    "bad", [b"", b"{", b"[]", b"{}", b'{"run_id":1,"turns":[]}', b'{"run_id":"r","turns":[{}]}']
)
def test_a_line_that_is_no_run_is_refused(bad):
    """A line in another form is an error that says what does not fit."""
    with pytest.raises(InvalidInputError):
        parse_run(bad)


# --- the commands


def rows(text: str) -> list[dict[str, Any]]:
    """JSON Lines; `splitlines` would also cut at the U+2028 that the payloads hold on purpose."""
    return [json.loads(row) for row in text.split("\n") if row]


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    path = tmp_path / "runs.jsonl.gz"
    with gzip.open(path, "wb") as file:
        for number in range(5):
            file.write(line(llm(output={"content": "é\u2028"}), tool(), run_id=f"r{number}") + b"\n")
    return path


def test_import_and_export(holdfast, server, run_file):
    """What was imported is exported with its spans, payloads and times, each run once."""
    ran = holdfast("import", run_file)
    assert (ran.code, ran.out) == (0, "5 runs with 10 spans imported\n")
    exported = rows(holdfast("export", "--agent", "a").out)
    assert {row["run"]["external_identifier"] for row in exported} == {f"r{n}" for n in range(5)}
    for row in exported:
        assert [span["name"] for span in sorted(row["spans"], key=lambda span: span["started_at"])] == [
            "m",
            "t",
        ]
        assert row["spans"][0]["result_payload"] == {"output": {"content": "é\u2028"}}


def test_importing_twice_changes_nothing(holdfast, server, run_file):
    """The second import skips what was delivered; `--again` sends it, to no effect."""
    holdfast("import", run_file)
    before = holdfast("export").out
    second = holdfast("import", run_file, "--json").json
    assert (second["runs"], second["skipped"]) == (0, 5)
    again = holdfast("import", run_file, "--again", "--json").json
    assert (again["runs"], again["skipped"]) == (5, 0)
    after = holdfast("export").out
    assert [row["spans"] for row in rows(after)] == [row["spans"] for row in rows(before)]


def test_a_checkpoint_counts_only_while_its_runs_exist(run_file):
    """Into a server that lacks the runs everything is imported, whatever was delivered before."""
    for found, skipped in ((set(), 0), ({run_id("r4")}, 5), (set(), 0)):
        with MemoryRecorder() as recorder:
            importer = Importer(recorder.client, is_there=found.__contains__)
            importer.import_file(run_file, lambda position: None)
        assert importer.progress.skipped == skipped
        assert len(recorder.runs) == 5 - skipped


def test_a_limited_import_goes_on_where_it_stopped(holdfast, server, run_file):
    """`--limit` stops after so many runs, and the next import takes the rest."""
    assert holdfast("import", run_file, "--limit", "2", "--json").json["runs"] == 2
    rest = holdfast("import", run_file, "--json").json
    assert (rest["skipped"], rest["runs"]) == (2, 3)


def test_a_bad_line_is_named_and_the_others_come_in(holdfast, server, tmp_path):
    """A line that is no run is named with its number; the exit code says that something was left out."""
    path = tmp_path / "runs.jsonl"
    path.write_bytes(line(run_id="good1") + b"\nnot json\n" + line(run_id="good2") + b"\n")
    ran = holdfast("import", path)
    assert ran.code == 1
    assert "2 runs" in ran.out
    assert "runs.jsonl:2:" in ran.err


def test_a_file_that_is_cut_off_is_one_line(holdfast, server, run_file):
    """A damaged gzip file is an error line; the runs before the damage are in."""
    run_file.write_bytes(run_file.read_bytes()[:-12])
    ran = holdfast("import", run_file)
    assert ran.code == 1
    assert "cut off or damaged" in ran.err
    assert "Traceback" not in ran.err


def test_runs_can_be_put_under_another_agent(holdfast, server, run_file):
    """`--agent` replaces the file's agent."""
    holdfast("import", run_file, "--agent", "renamed")
    assert len(rows(holdfast("export", "--agent", "renamed").out)) == 5
    assert holdfast("export", "--agent", "a").out == ""


def test_export_of_one_run_to_a_file(holdfast, server, run_file, tmp_path):
    """`--run` and `--output` write that run alone."""
    holdfast("import", run_file)
    target = tmp_path / "out.jsonl"
    assert holdfast("export", "--run", run_id("r3"), "--output", target).code == 0
    (row,) = rows(target.read_text("utf-8"))
    assert row["run"]["external_identifier"] == "r3"


def test_export_of_an_unknown_run_leaves_no_file(holdfast, server, tmp_path):
    """An error writes nothing under the name that was asked for."""
    target = tmp_path / "out.jsonl"
    ran = holdfast("export", "--run", "nobody", "--output", target)
    assert ran.code == 1
    assert list(tmp_path.glob("*.jsonl*")) == []


def test_export_since(holdfast, server, run_file):
    """`--since` leaves out what began before; a time that cannot be read is wrong usage."""
    holdfast("import", run_file)
    assert holdfast("export", "--since", "2100-01-01").out == ""
    assert len(rows(holdfast("export", "--since", "1w").out)) == 5
    assert holdfast("export", "--since", "whenever").code == 2


def test_a_killed_import_can_be_repeated(announced, holdfast, tmp_path):
    """`kill -9` in the middle, then the same import again: every run is there once, whole, with its own end."""
    path = tmp_path / "many.jsonl"
    with path.open("wb") as file:
        for number in range(1_500):
            turns = [tool(ended_at="2026-01-31T12:00:01Z")] * 6
            file.write(line(*turns, run_id=f"r{number}", ended_at="2026-01-31T12:00:01Z") + b"\n")
    command = [sys.executable, "-m", "holdfast.cli", "import", str(path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        server = Server()
        wait_until(lambda: server.has_run(run_id("r0")))
        process.kill()
    assert holdfast("import", path).code == 0
    wait_until(lambda: "Nothing waits" in holdfast("spool", "status").out)
    runs = list(server.pages("/agent_instance"))
    assert len(runs) == 1_500
    assert {(run["status"], run["span_counts"]["complete"], run["finished_at"]) for run in runs} == {
        ("complete", 6, "2026-01-31T12:00:01.000000Z")
    }


def test_a_token_that_may_not_write_is_refused_at_once(holdfast, server, run_file, monkeypatch):
    """Nothing is recorded with a token that cannot deliver it."""
    secret = holdfast("token", "create", "reader", "--scope", "read").out.strip()
    monkeypatch.setenv("HOLDFAST_TOKEN", secret)
    ran = holdfast("import", run_file)
    assert ran.code == 1
    assert "lacks the scope ingest" in ran.err
    assert "fix: set HOLDFAST_TOKEN" in ran.err
