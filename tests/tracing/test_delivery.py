"""Delivery over real HTTP: what each kind of answer does to what was recorded."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from holdfast.tracing.pipeline import Destination, Pipeline, PipelineOptions, TransportOptions, open_pipeline

from .recorder import operation, pipeline_at
from .sink import Request, Responder, Sink, accept, status


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as server:
        yield server


@pytest.fixture
def pipeline(sink: Sink, tmp_path: Path) -> Iterator[Pipeline]:
    opened = pipeline_at(sink.url, tmp_path, export_interval=5.0)  # `flush` alone says when
    yield opened
    opened.close(2.0)


def record(pipeline: Pipeline, count: int) -> list[str]:
    keys = [f"key-{number:06d}" for number in range(count)]
    for key in keys:
        pipeline.append(operation(key))
    return keys


def answer(body: dict[str, Any]) -> Responder:
    return lambda request: (200, {}, json.dumps(body).encode())


def rejected_lines(pipeline: Pipeline) -> list[dict[str, Any]]:
    directory = pipeline.stats().spool
    assert directory is not None
    return [json.loads(line) for line in (directory / "rejected.jsonl").read_text().splitlines()]


def test_the_same_bytes_in_order(sink: Sink, pipeline: Pipeline) -> None:
    """The server receives the recorded bytes unchanged and in order, with the headers that name us."""
    keys = record(pipeline, 5000)
    assert pipeline.flush(20.0)
    assert sink.arrived == keys
    first = sink.requests[0]
    assert first.path == "/api/v1/bulk"
    assert first.body.startswith(b'{"on_error":"continue","items":[' + operation(keys[0]))
    assert first.headers["authorization"] == "Bearer secret"
    assert first.headers["prefer"] == "return=minimal"
    assert first.headers["x-prefactor-sdk"].startswith("holdfast@")
    assert "content-encoding" not in first.headers
    assert all(len(request.items) <= 2000 for request in sink.requests)


@pytest.mark.parametrize(
    "trouble",
    [
        status(500),
        status(503, Retry_After="0"),
        status(429, Retry_After="0"),
        status(408),
        lambda request: (200, {"Content-Type": "text/html"}, b"<html>Please log in</html>"),
        lambda request: (200, {}, b""),
        lambda request: (200, {}, b'{"status":"success"}'),
    ],
    ids=["500", "503", "429", "408", "portal", "empty", "vague"],
)
def test_trouble_passes(sink: Sink, pipeline: Pipeline, trouble: Responder) -> None:
    """A server in trouble gets the same operations again until it takes them; none is lost or set aside."""
    sink.script = [trouble, trouble]
    keys = record(pipeline, 10)
    assert pipeline.flush(20.0)
    assert sink.arrived == keys
    assert len(sink.requests) == 3
    stats = pipeline.stats()
    assert (stats.delivered, stats.rejected, stats.lost, stats.last_problem) == (10, 0, {}, None)


def test_a_server_that_comes_late(tmp_path: Path) -> None:
    """Nothing listens at first: what was recorded waits on disk and arrives once something does."""
    with Sink() as probe:
        port = probe.port
    pipeline = pipeline_at(f"http://127.0.0.1:{port}", tmp_path)
    keys = record(pipeline, 100)
    assert not pipeline.flush(0.3)
    assert "cannot be reached" in (pipeline.stats().last_problem or "")
    late = Sink().start(port)
    assert pipeline.flush(20.0)
    assert late.arrived == keys
    pipeline.close(2.0)
    late.stop()


@pytest.mark.parametrize("code", [401, 403, 404])
def test_what_somebody_must_mend_is_kept(sink: Sink, pipeline: Pipeline, code: int) -> None:
    """A refused token or a wrong server costs nothing but time: all is kept, and flush tries again."""
    sink.respond = status(code)
    keys = record(pipeline, 10)
    assert not pipeline.flush(0.3)
    assert pipeline.stats().pending_bytes > 0
    assert len(sink.requests) <= 2
    sink.respond = accept
    assert pipeline.flush(10.0)
    assert sink.arrived == keys


def test_a_batch_too_large_is_halved(sink: Sink, pipeline: Pipeline) -> None:
    """A server that takes ten at a time gets all; the one operation too large for it alone is set aside."""

    def small_only(request: Request) -> tuple[int, dict[str, str], bytes]:
        if len(request.items) > 10 or len(request.body) > 100_000:
            return status(413)(request)
        sink.arrived.extend(request.keys)
        return accept(request)

    sink.respond = small_only
    keys = record(pipeline, 300)
    pipeline.append(operation("too-large", 200_000))
    assert pipeline.flush(20.0)
    assert sink.arrived == keys
    assert [line["operation"]["id"] for line in rejected_lines(pipeline)] == ["too-large"]
    assert pipeline.stats().rejected == 1


def test_the_one_that_spoils_a_request_is_found(sink: Sink, pipeline: Pipeline) -> None:
    """A request refused as a whole because of two items is split until just those two are set aside."""
    bad = {"key-000003", "key-000077"}

    def picky(request: Request) -> tuple[int, dict[str, str], bytes]:
        if bad & set(request.keys):
            return status(422)(request)
        sink.arrived.extend(request.keys)
        return accept(request)

    sink.respond = picky
    keys = record(pipeline, 100)
    assert pipeline.flush(20.0)
    assert sorted(sink.arrived) == sorted(set(keys) - bad)
    lines = rejected_lines(pipeline)
    assert {line["operation"]["id"] for line in lines} == bad
    assert {(line["code"], line["message"]) for line in lines} == {("told_so", "told so")}


def test_refused_items_are_set_aside(sink: Sink, pipeline: Pipeline) -> None:
    """An item that the server answers with an error goes to the rejected file with its reason, alone."""
    failure = {"status": "error", "code": "validation_errors", "message": "no", "errors": {"id": ["bad"]}}
    sink.script = [answer({"status": "success", "accepted": 9, "outputs": {"key-000004": failure}})]
    record(pipeline, 10)
    assert pipeline.flush(20.0)
    (line,) = rejected_lines(pipeline)
    assert (line["code"], line["message"], line["errors"]) == ("validation_errors", "no", {"id": ["bad"]})
    assert line["operation"]["idempotency_key"] == "key-000004"
    stats = pipeline.stats()
    assert (stats.recorded, stats.delivered, stats.rejected) == (10, 9, 1)


def test_items_that_failed_inside_the_server_come_again(sink: Sink, pipeline: Pipeline) -> None:
    """An item that failed for a reason of the server's own is sent again, by itself."""
    failure = {"status": "error", "code": "internal_error", "message": "oops"}
    sink.script = [answer({"status": "success", "accepted": 9, "outputs": {"key-000004": failure}})]
    record(pipeline, 10)
    assert pipeline.flush(20.0)
    assert [len(request.items) for request in sink.requests] == [10, 1]
    assert sink.arrived == ["key-000004"]


def test_a_server_that_stops_at_the_first_failure(sink: Sink, pipeline: Pipeline) -> None:
    """Items that a full answer leaves out were not executed: they are sent again."""
    sink.script = [
        answer(
            {
                "status": "success",
                "outputs": {
                    "key-000000": {"status": "success", "details": {}},
                    "key-000001": {"status": "error", "code": "not_found", "message": "no such span"},
                },
            }
        )
    ]
    keys = record(pipeline, 4)
    assert pipeline.flush(20.0)
    assert sink.arrived == keys[2:]
    assert [line["operation"]["id"] for line in rejected_lines(pipeline)] == ["key-000001"]


def test_the_word_of_the_server_reaches_the_run(sink: Sink, pipeline: Pipeline) -> None:
    """A termination in a response is known under the run's id."""
    word = {"run-1": {"terminate": True, "reason": "enough"}}
    sink.script = [answer({"status": "success", "accepted": 1, "outputs": {}, "control": word})]
    assert pipeline.control("run-1") is None
    record(pipeline, 1)
    assert pipeline.flush(10.0)
    control = pipeline.control("run-1")
    assert control is not None
    assert (control.terminate, control.reason) == (True, "enough")


def test_compression_when_asked_for(sink: Sink, tmp_path: Path) -> None:
    """A compressed request carries the same bytes in fewer."""
    transport = TransportOptions(compress="always")
    options = PipelineOptions(root=tmp_path, export_interval=0.02, transport=transport)
    pipeline = open_pipeline(Destination(url=sink.url, token="t"), options)
    keys = record(pipeline, 500)
    assert pipeline.flush(10.0)
    assert sink.arrived == keys
    assert max(sink.requests, key=lambda request: len(request.body)).headers["content-encoding"] == "gzip"
    assert sum(len(r.raw) for r in sink.requests) * 4 < sum(len(r.body) for r in sink.requests)
    pipeline.close(2.0)


def test_a_prefix_of_the_address_is_kept(sink: Sink, tmp_path: Path) -> None:
    """A server behind a path is reached under that path."""
    pipeline = pipeline_at(f"{sink.url}/holdfast/", tmp_path)
    record(pipeline, 1)
    assert pipeline.flush(10.0)
    assert sink.requests[0].path == "/holdfast/api/v1/bulk"
    pipeline.close(2.0)


@pytest.mark.parametrize(
    "url", ["nonsense", "http://", "ftp://127.0.0.1", "http://127.0.0.1:99999", "http://[::1"]
)
def test_a_useless_address_is_survived(tmp_path: Path, url: str) -> None:
    """An address that cannot be used is a problem to report, never an exception for the recorder."""
    pipeline = pipeline_at(url, tmp_path)
    record(pipeline, 3)
    assert not pipeline.flush(0.2)
    assert pipeline.stats().last_problem is not None
    assert pipeline.close(0.5) is False


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate that no system trusts, and its key, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl on this machine to make a certificate with")
    path = tmp_path / "both.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    kind = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    subprocess.run([openssl, "req", *kind, *names, *files], check=True, capture_output=True)
    path.write_text((tmp_path / "key.pem").read_text() + (tmp_path / "cert.pem").read_text())
    return path


@pytest.mark.parametrize("trusted", [True, False])
def test_certificates(tmp_path: Path, certificate: Path, trusted: bool) -> None:
    """A server whose certificate is not trusted gets nothing, and the problem names the setting; with that
    certificate as `ca_bundle` it gets all."""
    bundle = str(certificate) if trusted else None
    transport = TransportOptions(ca_bundle=bundle, timeout=5.0)
    with Sink(certificate=certificate) as sink:
        options = PipelineOptions(root=tmp_path / "spool", export_interval=0.02, transport=transport)
        url = sink.url.replace("http:", "https:")
        pipeline = open_pipeline(Destination(url=url, token="t"), options)
        keys = record(pipeline, 10)
        assert pipeline.flush(10.0 if trusted else 1.0) is trusted
        assert sink.arrived == (keys if trusted else [])
        assert trusted or "HOLDFAST_CA_BUNDLE" in (pipeline.stats().last_problem or "")
        pipeline.close(1.0)


def test_a_server_that_hangs(tmp_path: Path) -> None:
    """A server that takes the request and never answers costs one timeout; the operations come again."""
    hanging = threading.Event()

    def hang(request: Request) -> tuple[int, dict[str, str], bytes]:
        hanging.wait(20.0)
        return accept(request)

    with Sink(script=[hang]) as sink:
        options = PipelineOptions(root=tmp_path, export_interval=5.0, transport=TransportOptions(timeout=0.3))
        pipeline = open_pipeline(Destination(url=sink.url, token="t"), options)
        keys = record(pipeline, 10)
        assert pipeline.flush(15.0)
        assert sink.arrived == keys
        hanging.set()
        pipeline.close(1.0)


def test_retry_after_is_obeyed(sink: Sink, pipeline: Pipeline) -> None:
    """A server that asks for a second gets a second, also where it names the moment instead."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    sink.script = [status(429, Retry_After="1"), status(503, Retry_After=soon)]
    record(pipeline, 1)
    assert pipeline.flush(20.0)
    first, second, third = sink.times
    assert second - first >= 1.0
    assert third > second
    assert third - first >= 1.0
