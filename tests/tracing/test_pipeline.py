"""The pipeline as the SDK uses it: callers never wait, nothing is lost unseen, ends and forks are survived."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.tracing.adopter import flush_spool
from holdfast.tracing.pipeline import Destination, PipelineOptions, open_pipeline
from holdfast.tracing.segment import iter_records
from holdfast.tracing.spool_status import spool_status

from .recorder import Progress, fork, operation, pipeline_at
from .sink import Request, Sink, accept, status

NOWHERE = "http://127.0.0.1:9"  # the discard port: refused at once


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as server:
        yield server


def python(source: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program of its own; it finds the test helpers."""
    tests = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": f"{tests}{os.pathsep}{tests.parent}"}
    command = [sys.executable, "-c", textwrap.dedent(source), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    poll = threading.Event()
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        poll.wait(0.01)


def test_the_caller_waits_for_nothing(tmp_path: Path) -> None:
    """While the server accepts connections and never answers, 100,000 appends call nothing that could wait:
    every C function that the caller's thread enters is named here, and none of them is of the system."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        pipeline = pipeline_at(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path)
        pipeline.append(operation("first"))  # starts the threads
        record = operation("key", 1000)
        called: set[str] = set()

        def note(frame: object, event: str, function: object) -> None:
            if event == "c_call":
                called.add(getattr(function, "__qualname__", repr(function)))

        sys.setprofile(note)
        try:
            for _ in range(100_000):
                pipeline.append(record)
        finally:
            sys.setprofile(None)
        assert pipeline.stats().recorded == 100_001
        arithmetic = {"len", "min", "max", "next", "crc32", "Struct.pack_into", "monotonic", "setprofile"}
        containers = {"deque.append", "deque.popleft", "deque.remove", "SimpleQueue.put"}
        locks = {"RLock.__enter__", "RLock.__exit__"}
        assert called <= arithmetic | containers | locks, called
        pipeline.close(0.0)


def test_every_thread_may_record(sink: Sink, tmp_path: Path) -> None:
    """Eight threads at once: each record arrives once."""
    pipeline = pipeline_at(sink.url, tmp_path)

    def work(name: int) -> None:
        for number in range(3000):
            pipeline.append(operation(f"{name}-{number:06d}", 50))

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pipeline.flush(30.0)
    assert len(sink.arrived) == len(set(sink.arrived)) == 24_000
    assert pipeline.close(5.0)


def test_a_signal_handler_may_record(sink: Sink, tmp_path: Path) -> None:
    """A handler that interrupts an append and records itself neither hangs nor damages either record."""
    pipeline = pipeline_at(sink.url, tmp_path)
    by_handler = 0

    def handler(*_: object) -> None:
        nonlocal by_handler
        number, by_handler = by_handler, by_handler + 1  # first: another signal may interrupt this one
        pipeline.append(operation(f"handler-{number:06d}"))

    former = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        number = 0
        while by_handler < 300:
            pipeline.append(operation(f"main-{number:06d}", 2000))
            number += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
    assert pipeline.flush(30.0)
    assert len(sink.arrived) == len(set(sink.arrived)) == number + by_handler
    assert pipeline.close(5.0)


def bytes_of_segments(directory: Path) -> int:
    """What the segments take on disk; one that goes meanwhile takes nothing."""
    taken = 0
    for path in directory.glob("*.seg"):
        with contextlib.suppress(FileNotFoundError):
            taken += path.stat().st_blocks * 512
    return taken


def test_the_cap_holds_and_losses_are_counted(sink: Sink, tmp_path: Path) -> None:
    """Past its cap the spool drops the oldest, counts them by kind, and delivers all the others."""
    pipeline = pipeline_at(NOWHERE, tmp_path, spool_max=1 << 20, spool_memory=1 << 20)
    for number in range(20_000):
        pipeline.append(operation(f"key-{number:06d}"))
    directory = pipeline.stats().spool
    assert directory is not None
    wait_until(lambda: bool(pipeline.stats().lost))
    on_disk = bytes_of_segments(directory)
    assert on_disk <= 1 << 20
    pipeline.close(0.5)
    lost = sum(found.losses.get("agent_spans/create", 0) for found in spool_status(tmp_path))
    pending = sum(found.pending for found in spool_status(tmp_path))
    assert lost + pending == 20_000
    assert 0 < pending < 20_000


def test_without_a_disk_memory_does(sink: Sink, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where the spool cannot be made, one warning says so and delivery works from memory."""
    (tmp_path / "spool").write_text("in the way")
    with caplog.at_level(logging.WARNING, logger="holdfast"):
        pipeline = pipeline_at(sink.url, tmp_path / "spool")
        for number in range(3000):
            pipeline.append(operation(f"key-{number:06d}"))
        assert pipeline.flush(20.0)
    assert len(set(sink.arrived)) == 3000
    assert pipeline.stats().spool is None
    assert len([line for line in caplog.records if "spool" in line.message]) == 1
    assert pipeline.close(5.0)


def test_memory_is_bounded(tmp_path: Path) -> None:
    """With neither disk nor server the oldest records go, each counted by its kind."""
    pipeline = pipeline_at(NOWHERE, None, spool_memory=100_000)
    for number in range(1000):
        pipeline.append(operation(f"key-{number:06d}", 1000))
    wait_until(lambda: sum(pipeline.stats().lost.values()) > 800)
    assert pipeline.stats().pending_bytes <= 100_000
    pipeline.close(0.2)


def fill_the_disk(root: Path, url: str) -> None:
    pipeline = pipeline_at(url, root, spool_memory=200 << 20)
    for number in range(60_000):
        pipeline.append(operation(f"key-{number:06d}"))
    assert pipeline.flush(50.0), pipeline.stats()
    stats = pipeline.stats()
    assert (stats.delivered, stats.lost) == (60_000, {}), stats
    pipeline.close(5.0)


def test_a_file_size_limit(sink: Sink, tmp_path: Path) -> None:
    """Under a file size limit that no segment fits into, nothing is lost and the process lives."""

    def work() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
        fill_the_disk(tmp_path, sink.url)

    _, status = os.waitpid(fork(work), 0)
    assert status == 0
    assert len(set(sink.arrived)) == 60_000


@pytest.mark.slow
def test_a_full_disk(sink: Sink, tmp_path: Path) -> None:
    """On a file system of 9 MiB the process is not killed by its own map, and nothing is lost."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=9m", "none", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small file system is not allowed here")
    try:
        _, status = os.waitpid(fork(lambda: fill_the_disk(disk / "spool", sink.url)), 0)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert status == 0
    assert len(set(sink.arrived)) == 60_000


def test_a_record_larger_than_a_segment(sink: Sink, tmp_path: Path) -> None:
    """A record of 20 MB finds its place on disk and arrives, with what was recorded around it."""
    pipeline = pipeline_at(sink.url, tmp_path)
    pipeline.append(operation("before"))
    pipeline.append(operation("huge", 20_000_000))
    pipeline.append(operation("after"))
    assert pipeline.flush(30.0)
    assert sorted(sink.arrived) == ["after", "before", "huge"]
    assert pipeline.close(5.0)


def test_a_process_end_delivers(sink: Sink, tmp_path: Path) -> None:
    """A program that records and ends, without flush or close, has delivered all and leaves no files."""
    python(
        """
        import sys
        from tracing.recorder import operation, pipeline_at
        pipeline = pipeline_at(sys.argv[1], __import__("pathlib").Path(sys.argv[2]))
        for number in range(3000):
            pipeline.append(operation(f"key-{number:06d}"))
        """,
        sink.url,
        str(tmp_path),
    )
    assert len(set(sink.arrived)) == 3000
    assert spool_status(tmp_path) == []
    assert list(tmp_path.rglob("*.seg")) == []


def test_recording_while_the_interpreter_ends(sink: Sink, tmp_path: Path) -> None:
    """What is recorded first in an exit handler, before and after the pipeline's own, is kept."""
    python(
        """
        import atexit, sys, pathlib
        from tracing.recorder import operation, pipeline_at
        atexit.register(lambda: pipeline.append(operation("after-the-close")))
        pipeline = pipeline_at(sys.argv[1], pathlib.Path(sys.argv[2]))
        atexit.register(lambda: pipeline.append(operation("before-the-close")))
        """,
        sink.url,
        str(tmp_path),
    )
    assert sink.arrived == ["before-the-close"]
    assert sum(found.pending for found in spool_status(tmp_path)) == 1
    (flushed,) = flush_spool(tmp_path, 10.0, "secret")
    assert (flushed.delivered, flushed.problem) == (1, None)
    assert sink.arrived == ["before-the-close", "after-the-close"]


def test_an_end_without_a_server_is_quick(tmp_path: Path, sink: Sink) -> None:
    """With nobody to deliver to, the end does not use its time up, and the next process delivers."""
    port = sink.port
    sink.stop()
    first = pipeline_at(sink.url, tmp_path)
    for number in range(100):
        first.append(operation(f"key-{number:06d}"))
    start = time.monotonic()
    assert first.close(30.0) is False
    assert time.monotonic() - start < 20.0
    (left,) = spool_status(tmp_path)
    assert (left.pending, left.alive) == (100, False)
    sink.start(port)
    second = pipeline_at(sink.url, tmp_path)
    second.append(operation("new"))
    wait_until(lambda: len(set(sink.arrived)) == 101)
    wait_until(lambda: second.stats().adopted == 100)
    wait_until(lambda: left.path not in {spool.path for spool in spool_status(tmp_path)})
    assert second.close(5.0)
    assert spool_status(tmp_path) == []


def test_a_forked_child_records_for_itself(sink: Sink, tmp_path: Path) -> None:
    """A child made by fork, from a thread, has its own directory, threads and counts; so has the parent."""
    pipeline = pipeline_at(sink.url, tmp_path)
    pipeline.append(operation("parent-1"))
    progress = Progress(1)

    def child() -> None:
        assert pipeline.stats().recorded == 0
        pipeline.append(operation("child-1"))
        assert pipeline.flush(20.0)
        assert pipeline.stats().spool != own
        progress.note(0, pipeline.stats().delivered)
        pipeline.close(5.0)

    own = pipeline.stats().spool
    statuses: list[int] = []
    thread = threading.Thread(target=lambda: statuses.append(os.waitpid(fork(child), 0)[1]))
    thread.start()
    thread.join()
    assert statuses == [0]
    assert progress.returned(0) == 1
    pipeline.append(operation("parent-2"))
    assert pipeline.flush(20.0)
    assert sorted(sink.arrived) == ["child-1", "parent-1", "parent-2"]
    assert pipeline.stats().delivered == 2
    assert pipeline.close(5.0)


def test_a_childs_copy_of_the_lock_does_not_outlive_the_parent(tmp_path: Path) -> None:
    """A directory whose process died can be adopted although a child of that process lives on."""
    read_end, write_end = os.pipe()

    def outlive() -> None:
        os.close(write_end)
        os.read(read_end, 1)

    def parent() -> None:
        pipeline = pipeline_at(NOWHERE, tmp_path)
        pipeline.append(operation("orphaned"))
        fork(outlive)
        os.kill(os.getpid(), signal.SIGKILL)

    os.waitpid(fork(parent), 0)
    (left,) = spool_status(tmp_path)
    assert (left.pending, left.alive) == (1, False)
    os.close(write_end)
    os.close(read_end)


def test_the_local_servers_token_is_found(
    sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a token the one that the local server left for its neighbours is used, once it is there."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    sink.respond = lambda request: (401, {}, b"{}")
    options = PipelineOptions(root=tmp_path / "spool", export_interval=0.02)
    pipeline = open_pipeline(Destination(url=sink.url), options)
    pipeline.append(operation("early"))
    assert not pipeline.flush(0.3)
    assert "authorization" not in sink.requests[0].headers
    announced = {"url": f"http://localhost:{sink.port}", "token": "local-secret", "pid": 1, "version": "1"}
    state = tmp_path / "state" / "holdfast"
    state.mkdir(parents=True)
    (state / "local-server.json").write_text(json.dumps(announced))
    sink.script = [accept]
    assert pipeline.flush(10.0)
    assert sink.requests[-1].headers["authorization"] == "Bearer local-secret"
    pipeline.close(1.0)


def test_watched_runs_are_asked_about(sink: Sink, tmp_path: Path) -> None:
    """What is unwatched is forgotten, with the word that was there for it."""
    pipeline = pipeline_at(sink.url, tmp_path)
    word = b'{"status":"success","accepted":1,"control":{"run-1":{"terminate":true}}}'
    sink.script = [lambda request: (200, {}, word)]
    pipeline.watch("run-1")
    pipeline.append(operation("one"))
    assert pipeline.flush(10.0)
    assert pipeline.control("run-1") is not None
    pipeline.unwatch("run-1")
    assert pipeline.control("run-1") is None
    assert pipeline.close(5.0)


def test_a_quiet_run_hears_the_server(sink: Sink, tmp_path: Path) -> None:
    """A live run with nothing to send is asked about, and learns that it shall stop."""

    def stop_it(request: Request) -> tuple[int, dict[str, str], bytes]:
        if request.path != "/api/v1/control":
            return accept(request)
        asked = json.loads(request.body)["agent_instance_ids"]
        control = {run: {"terminate": True, "reason": "by hand"} for run in asked}
        return 200, {}, json.dumps({"status": "success", "control": control}).encode()

    sink.respond = stop_it
    pipeline = pipeline_at(sink.url, tmp_path, control_interval=0.05)
    pipeline.watch("run-1")
    pipeline.append(operation("one"))
    wait_until(lambda: pipeline.control("run-1") is not None)
    control = pipeline.control("run-1")
    assert control is not None
    assert (control.terminate, control.reason) == (True, "by hand")
    assert pipeline.close(5.0)


def test_a_deleted_spool(sink: Sink, tmp_path: Path) -> None:
    """Somebody deletes the spool of a living process: what was in it is counted, the rest goes on."""
    port = sink.port
    sink.stop()
    pipeline = pipeline_at(sink.url, tmp_path / "spool")
    for number in range(100):
        pipeline.append(operation(f"gone-{number:04d}"))
    shutil.rmtree(tmp_path / "spool")
    sink.start(port)
    pipeline.flush(10.0)
    pipeline.append(operation("after"))
    assert pipeline.flush(10.0)
    stats = pipeline.stats()
    assert sink.arrived[-1] == "after"
    assert stats.delivered + sum(stats.lost.values()) == stats.recorded == 101
    assert pipeline.close(5.0)


def test_nothing_to_do_is_nothing_done(sink: Sink, tmp_path: Path) -> None:
    """A process that records nothing makes no request and starts no thread."""
    before = set(threading.enumerate())
    pipeline = pipeline_at(sink.url, tmp_path)
    assert set(threading.enumerate()) <= before  # one of an earlier test may have ended meanwhile
    assert pipeline.close(5.0)
    assert sink.requests == []
    assert spool_status(tmp_path) == []


def test_with_fsync(sink: Sink, tmp_path: Path) -> None:
    """With fsync at an interval everything still arrives, whole segments included, and nothing is left."""
    pipeline = pipeline_at(sink.url, tmp_path, fsync_interval=0.01)
    for number in range(20_000):
        pipeline.append(operation(f"key-{number:06d}"))
    assert pipeline.flush(30.0)
    assert len(set(sink.arrived)) == 20_000
    assert pipeline.close(5.0)
    assert spool_status(tmp_path) == []


def test_a_hanging_request_does_not_keep_the_spool(sink: Sink, tmp_path: Path) -> None:
    """A pipeline that is closed while its request hangs lets go of the spool when that request ends; the next
    pipeline of the same process then delivers it."""
    answer = threading.Event()

    def hang(request: Request) -> tuple[int, dict[str, str], bytes]:
        answer.wait(20.0)
        return 500, {}, b""

    sink.script = [hang]
    first = pipeline_at(sink.url, tmp_path)
    first.append(operation("held-up"))
    wait_until(lambda: len(sink.requests) == 1)
    assert first.close(0.1) is False
    answer.set()
    second = pipeline_at(sink.url, tmp_path)
    second.append(operation("new"))
    wait_until(lambda: sorted(sink.arrived) == ["held-up", "new"])
    wait_until(lambda: [found.path for found in spool_status(tmp_path)] == [second.stats().spool])
    assert second.close(5.0)
    assert spool_status(tmp_path) == []


@pytest.mark.parametrize(("cap", "most"), [(1 << 30, 45 << 20), (8 << 20, 4 << 20), (1 << 20, 1 << 19)])
def test_what_a_process_takes_at_its_start_is_bounded(tmp_path: Path, cap: int, most: int) -> None:
    """Before anything is recorded a spool takes at most 45 MiB of disk, and at most half of its cap."""
    pipeline = pipeline_at(NOWHERE, tmp_path, spool_max=cap)
    directory = pipeline.stats().spool
    assert directory is not None
    taken = bytes_of_segments(directory)
    assert 0 < taken <= most
    pipeline.close(0.0)


def test_nobody_else_may_read_the_spool(sink: Sink, tmp_path: Path) -> None:
    """Whatever the umask, all directories of the spool are their owner's alone, and so is every file."""
    former = os.umask(0)
    try:
        sink.respond = status(422)
        pipeline = pipeline_at(sink.url, tmp_path / "spool", spool_max=1 << 20)
        pipeline.watch("run-1")
        pipeline.append(operation("refused"))
        assert pipeline.flush(10.0)
        pipeline.append(operation("refused too"))
        made = [tmp_path / "spool", *(tmp_path / "spool").rglob("*")]
        modes = {path.name: path.stat().st_mode & 0o077 for path in made}
        pipeline.close(2.0)
    finally:
        os.umask(former)
    assert "rejected.jsonl" in modes
    assert {name for name, mode in modes.items() if mode} == set()


def test_a_pipeline_whose_files_were_closed_behind_its_back_ends_quietly(tmp_path: Path) -> None:
    """Where a daemon's start closes every descriptor, recording goes on through the map and the end raises nothing."""
    program = (
        "import os, sys\n"
        "from tracing.recorder import operation, pipeline_at\n"
        "pipeline = pipeline_at('http://127.0.0.1:9', __import__('pathlib').Path(sys.argv[1]))\n"
        "pipeline.append(operation('before'))\n"
        "os.closerange(3, 256)\n"
        "pipeline.append(operation('after'))\n"
        "pipeline.close(0.0)\n"
    )
    tests = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tests,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    kept = [
        record for path in tmp_path.rglob("*.seg") for record in iter_records(path, 0, path.stat().st_size)
    ]
    assert kept == [operation("before"), operation("after")]
