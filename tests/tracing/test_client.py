"""The client as a whole: the process's one, its settings, its silence, its harmlessness."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.testing import MemoryRecorder
from holdfast.tracing.client import Client, ClientConfig
from holdfast.tracing.pipeline import PipelineStats
from holdfast.tracing.sink import NoSink


@pytest.fixture(autouse=True)
def _no_client_left() -> Iterator[None]:
    yield
    holdfast.shutdown(0)


class FailingSink(NoSink):
    """A sink with a bug in everything."""

    def append(self, operation: bytes) -> None:
        raise RuntimeError("bug")

    def flush(self, timeout: float) -> bool:
        raise RuntimeError("bug")

    def close(self, timeout: float) -> bool:
        raise RuntimeError("bug")

    def watch(self, instance_id: str) -> None:
        raise RuntimeError("bug")

    def unwatch(self, instance_id: str) -> None:
        raise RuntimeError("bug")

    def control(self, instance_id: str) -> Any:
        raise RuntimeError("bug")

    def answer(self, instance_id: str, question_id: str) -> Any:
        raise RuntimeError("bug")

    def stats(self) -> PipelineStats:
        raise RuntimeError("bug")


def use_everything(client: Client) -> None:
    with client.run("r", input=object()) as run:
        with run.span("s", payload={"a": 1}) as span:
            span.set_payload({"b": 1})
            span.set_result({"c": 1})
            span.set_attribute("d", 1)
            span.event("e")
        run.start_span("long")
        run.finish_span("unknown")
        run.record_span("past", started_at=1, finished_at=2)
        run.event("e", level="no such level")
        run.record_quality("q", {})
        run.set_output(1)
        assert run.stop_requested is None
        assert run.answer_to("question") is None
    client.flush(0)
    client.close(0)


def test_a_bug_in_recording_never_reaches_the_agent(caplog: pytest.LogCaptureFixture) -> None:
    """With every part of the sink failing, no call raises; the failures are counted and logged once."""
    client = Client(ClientConfig(agent="a"), FailingSink())
    with caplog.at_level(logging.WARNING, "holdfast"):
        use_everything(client)
    assert client.guard.count > 10
    assert len([one for one in caplog.records if one.name == "holdfast"]) == 1


def test_under_test_a_bug_is_raised() -> None:
    """With `raise_errors`, what goes wrong inside a recording call is raised."""
    client = Client(ClientConfig(agent="a", raise_errors=True), FailingSink())
    with pytest.raises(RuntimeError, match="bug"):
        client.run("r").start()
    client.config = ClientConfig()
    client.guard.raise_errors = False
    client.close()


def test_wrong_arguments_do_not_raise(caplog: pytest.LogCaptureFixture) -> None:
    """A purpose that is none, an id that cannot be one, attributes that are no mapping, headers that are none:
    each is counted, the rest is recorded, and the agent's code goes on."""
    with MemoryRecorder(ClientConfig(agent="a")) as recorder:
        with holdfast.run("r", purpose="nonsense", id=" " * 200) as run, run.span("s", id="\ud800") as span:
            span.set_attributes(None)  # type: ignore[arg-type]  # what a caller may do
            run.set_attributes([1])  # type: ignore[arg-type]  # what a caller may do
            span.event("e", level="shouting")
        with holdfast.continue_run(None):  # type: ignore[arg-type]  # what a caller may do
            pass
        with holdfast.run("r2") as run, run.span(123):  # type: ignore[arg-type]  # what a caller may do
            pass
    assert recorder.client.guard.count == 7
    assert [span.name for span in recorder.spans] == ["s", "123"]
    assert len(recorder.runs) == 3
    assert len(recorder.events) == 1


def test_a_disabled_client_has_the_whole_surface_and_writes_nothing() -> None:
    """With recording switched off every call works, the context too, and nothing is recorded."""
    with MemoryRecorder(ClientConfig(disabled=True)) as recorder:
        use_everything(recorder.client)
        with holdfast.run("r") as run, holdfast.span("s") as span:
            assert holdfast.current_run() is run
            assert holdfast.current_span() is span
            span.set_result({})
            holdfast.event("e")
        with holdfast.span("alone") as span:
            span.fail("x")
    assert not recorder.raw


def test_disabling_touches_no_disk(tmp_path: Path) -> None:
    """A disabled client makes no spool."""
    holdfast.init("a", disabled=True, spool=str(tmp_path / "spool"))
    with holdfast.span("s"):
        pass
    assert not (tmp_path / "spool").exists()


def test_init_replaces_the_client_before() -> None:
    """A second `init` closes the first client, whose open runs end."""
    with MemoryRecorder() as recorder:
        run = holdfast.run("r").start()
        second = holdfast.init("b", disabled=True)
        assert recorder.run_ends[run.id].status == "cancelled"
        assert holdfast.run("x").client is second


def test_the_first_call_makes_a_client_from_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `init` the settings decide, for the first call of many threads only once."""
    monkeypatch.setenv("HOLDFAST_SPOOL", str(tmp_path))
    monkeypatch.setenv("HOLDFAST_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HOLDFAST_AGENT", "from-env")
    monkeypatch.setenv("HOLDFAST_PURPOSE", "eval")
    clients: list[Client] = []
    gate = threading.Barrier(4)

    def first() -> None:
        gate.wait()
        clients.append(holdfast.run("r").client)

    threads = [threading.Thread(target=first) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(client) for client in clients}) == 1
    assert (clients[0].config.agent, clients[0].config.purpose) == ("from-env", "eval")


def test_a_bad_argument_of_init_is_refused_and_a_bad_environment_survived(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """`init` raises for its own arguments; what the environment says wrongly is logged and the default holds."""
    with pytest.raises(holdfast.SettingError):
        holdfast.init("a", max_payload=-1)
    with pytest.raises(holdfast.SettingError):
        holdfast.init("a", purpose="nonsense")
    monkeypatch.setenv("HOLDFAST_SPOOL", str(tmp_path))
    monkeypatch.setenv("HOLDFAST_MAX_PAYLOAD", "lots")
    monkeypatch.setenv("HOLDFAST_TIMEOUT", "soon")
    monkeypatch.setenv("HOLDFAST_PURPOSE", "fun")
    with caplog.at_level(logging.WARNING, "holdfast"):
        client = holdfast.init("a", url="http://127.0.0.1:9")
    assert client.config.max_payload == 1 << 20
    for name in ("HOLDFAST_MAX_PAYLOAD", "HOLDFAST_TIMEOUT", "purpose"):
        assert name in caplog.text


def test_a_run_knows_its_page() -> None:
    """`run.url` is the run's page at the client's server."""
    client = Client(ClientConfig(url="https://holdfast.example/"), NoSink())
    assert client.run("r", id="a/b").url == "https://holdfast.example/runs/a%2Fb"
    client.close()


def test_the_client_is_a_context_manager_with_counts(tmp_path: Path) -> None:
    """What a client recorded is counted; after its end it is on disk where no server took it."""
    holdfast.shutdown()
    with holdfast.init("a", url="http://127.0.0.1:9", spool=str(tmp_path)) as client, client.run("r"):
        before = client.stats()
    after = client.stats()
    assert (before.recorded, before.pending_bytes > 0) == (2, True)
    assert (after.recorded, after.delivered, after.rejected) == (3, 0, 0)
    assert list(tmp_path.rglob("*.seg"))


def test_flush_and_shutdown_without_a_client_do_nothing() -> None:
    """Nothing recorded is nothing to wait for."""
    assert holdfast.flush()
    assert holdfast.shutdown()
