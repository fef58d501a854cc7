"""Delivery to a server that is not Holdfast."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from holdfast.tracing.adopter import flush_spool
from holdfast.tracing.any_server import AnyServer
from holdfast.tracing.client import Client, ClientConfig
from holdfast.tracing.delivery import BULK_PATH
from holdfast.tracing.destination import Destination
from holdfast.tracing.pipeline import Pipeline, PipelineOptions, open_pipeline
from holdfast.tracing.transport import HttpTransport, TransportOptions
from holdfast.wire.operations import AgentVersion, InstanceRegister, SpanCreate
from tracing.documented_server import DocumentedServer
from waiting import wait_until


@pytest.fixture
def server() -> Iterator[DocumentedServer]:
    with DocumentedServer() as server:
        yield server


def _open(server: DocumentedServer, root: Path | None, token: str = "secret") -> tuple[Client, Pipeline]:
    options = PipelineOptions(root=root, export_interval=0.01)
    pipeline = open_pipeline(Destination(url=server.url, token=token, any_server=True), options)
    return Client(ClientConfig(agent="tester", url=server.url), pipeline), pipeline


def test_a_server_that_knows_only_the_documented_requests_gets_all(
    server: DocumentedServer, tmp_path: Path
) -> None:
    """A run with nested, failed and cancelled spans and a judgement arrives, through requests as documented."""
    client, _ = _open(server, tmp_path)
    with client, client.run("job", version=AgentVersion(name="1"), purpose="eval") as run:
        with run.span("outer", type="agent:llm", payload={"n": 1}, attributes={"a": 1}) as outer:
            outer.set_result({"text": "ä"})
            with pytest.raises(ValueError, match="no"), run.span("inner", type="agent:tool"):
                raise ValueError("no")
        run.span("never", type="agent:tool").cancel()
        run.record_quality("mark", {"score": 1})
        run.record_quality("gone", None)
        assert client.flush(20)
        spans = {span["schema_name"] + span["status"]: span for span in server.spans.values()}
        assert set(spans) == {"agent:llmcomplete", "agent:toolfailed", "agent:toolcancelled"}
        assert spans["agent:llmcomplete"]["result_payload"] == {"text": "ä"}
        failed = spans["agent:toolfailed"]
        assert failed["parent_span_id"] == spans["agent:llmcomplete"]["id"]
        assert failed["result_payload"]["error"]["error_type"] == "ValueError"
        assert server.instances[run.id]["quality"] == {"mark": {"score": 1}, "gone": None}
    assert server.instances[run.id]["status"] == "complete"
    assert server.instances[run.id]["purpose"] == "eval"
    assert client.stats().rejected == 0
    assert "/bulk" not in server.paths


def test_a_holdfast_server_is_recognised_and_gets_bulk_requests() -> None:
    """One ping decides; what says that it is Holdfast gets its own words."""
    with DocumentedServer("holdfast") as server:
        client, _ = _open(server, None)
        with client.run("job"):
            pass
        wait_until(lambda: "/bulk" in server.paths)
        assert server.paths.count("/ping") == 1
        client.close()


@pytest.mark.parametrize("status", [429, 503, 500])
def test_a_server_that_fails_for_a_while_gets_all_in_the_end(
    server: DocumentedServer, tmp_path: Path, status: int
) -> None:
    """Answers that say nothing about an operation are waited out; order is kept and nothing counts twice."""
    server.failures = [status] * 3
    client, pipeline = _open(server, tmp_path)
    with client.run("job") as run:
        for _ in range(5):
            with run.span("work"):
                pass
    assert client.flush(30)
    assert [span["status"] for span in server.spans.values()] == ["complete"] * 5
    assert pipeline.stats().rejected == 0
    client.close()


def test_a_token_that_is_not_accepted_refuses_no_operation(server: DocumentedServer, tmp_path: Path) -> None:
    """All stays in the spool, for the token may be mended."""
    client, pipeline = _open(server, tmp_path, token="wrong")
    with client.run("job"):
        pass
    assert not client.close(2)
    assert "token" in str(pipeline.stats().last_problem)
    assert (pipeline.stats().rejected, pipeline.stats().delivered) == (0, 0)


def test_what_the_server_refuses_is_kept_with_the_reason(server: DocumentedServer, tmp_path: Path) -> None:
    """An operation that can never succeed goes to the rejected file, an event that has no place there too."""
    client, pipeline = _open(server, tmp_path)
    stray = client.continue_run(
        {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": "holdfast=-"}, "stray"
    )
    stray.start_span("lost")
    with client.run("job") as run:
        run.event("noted")
    assert client.flush(20)
    stats = pipeline.stats()
    assert (stats.rejected, stats.delivered) == (2, 3)
    assert stats.spool is not None
    codes = [json.loads(line)["code"] for line in (stats.spool / "rejected.jsonl").read_text().splitlines()]
    assert sorted(codes) == ["not_found", "not_supported"]
    client.close()


def test_one_operation_that_breaks_the_server_does_not_hold_up_the_rest(server: DocumentedServer) -> None:
    """While pings are answered, an operation that fails eight times in a row is refused."""
    server.instances["bad"] = {}
    server.broken.add("bad")
    transport = HttpTransport(Destination(url=server.url, token="secret"), TransportOptions(compress="never"))
    post = AnyServer(transport).post
    span = SpanCreate(idempotency_key="poisoned", agent_instance_id="bad", id="s1")
    run = InstanceRegister(idempotency_key="harmless", id="r1")
    body = msgspec.json.encode({"items": [span, run]})
    assert [post(BULK_PATH, body).status for _ in range(7)] == [500] * 7
    outputs = json.loads(post(BULK_PATH, body).body)["outputs"]
    assert (outputs["poisoned"]["code"], outputs["harmless"]["status"]) == ("http_500", "success")


def test_word_to_a_live_run_comes_back_with_its_spans(server: DocumentedServer, tmp_path: Path) -> None:
    """The `control` beside a span's answer reaches the run."""
    client, _ = _open(server, tmp_path)
    with client.run("job") as run:
        server.terminated.add(run.id)
        run.start_span("work").complete()
        assert client.flush(20)
        assert run.stop_requested == "enough"
    client.close()


def test_what_a_dead_process_left_for_such_a_server_is_delivered_in_its_words(
    server: DocumentedServer, tmp_path: Path
) -> None:
    """The spool remembers what kind of destination it is for."""
    client, pipeline = _open(server, tmp_path)
    server.failures = [503] * 100
    with client.run("job") as run:
        pass
    pipeline.close(0.2)
    server.failures = []
    (done,) = flush_spool(tmp_path, 20, "secret")
    assert (done.problem, done.delivered) == (None, 3)
    assert server.instances[run.id]["status"] == "complete"
    client.close()
