"""What dead processes leave is taken over by one other, completely, and what they lost stays visible."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.tracing.adopter import adopt_for, flush_spool
from holdfast.tracing.compaction import compact_dead
from holdfast.tracing.destination import Destination
from holdfast.tracing.live_runs import open_runs
from holdfast.tracing.process_dir import ProcessDir
from holdfast.tracing.spool_status import spool_status

from .recorder import fork, operation, pipeline_at
from .sink import Sink, accept

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as server:
        yield server


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    poll = threading.Event()
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        poll.wait(0.01)


def instance(kind: str, run: str) -> bytes:
    name = "id" if kind == "register" else "agent_instance_id"
    return b'{"_type":"agent_instances/%s","idempotency_key":"%s","%s":"%s"}' % (
        kind.encode(),
        f"{kind}-{run}".encode(),
        name.encode(),
        run.encode(),
    )


def die_with(url: str, root: Path, *records: bytes) -> None:
    """A process records for a server that it cannot reach, and is killed."""

    def work() -> None:
        pipeline = pipeline_at(url, root, adopt=False)
        for record in records:
            pipeline.append(record)
        os.kill(os.getpid(), signal.SIGKILL)

    os.waitpid(fork(work), 0)


def test_two_adopters_share_without_overlap(sink: Sink, tmp_path: Path) -> None:
    """Two adopters at once deliver each dead process's records, each of them once."""
    sink.stop()
    for process in range(12):
        die_with(sink.url, tmp_path, *(operation(f"{process:02d}-{n:04d}") for n in range(200)))
    assert sum(found.pending for found in spool_status(tmp_path)) == 2400
    sink.start()
    adopters = [adopt_for(sink.url, "secret", tmp_path) for _ in range(2)]
    for adopter in adopters:
        adopter.start()
    wait_until(lambda: spool_status(tmp_path) == [])
    for adopter in adopters:
        adopter.stop()
    assert len(sink.arrived) == len(set(sink.arrived)) == 2400
    assert sum(adopter.adopted for adopter in adopters) == 2400


def test_a_living_process_is_left_alone(sink: Sink, tmp_path: Path) -> None:
    """Nobody adopts the directory of a process that lives, not even within that process."""
    pipeline = pipeline_at(NOWHERE, tmp_path)
    pipeline.append(operation("mine"))
    (found,) = spool_status(tmp_path)
    assert (found.alive, found.pending) == (True, 1)
    assert ProcessDir.adopt(found.path) is None
    (flushed,) = flush_spool(tmp_path, 1.0, "secret")
    assert flushed.delivered == 0
    assert pipeline.stats().pending_bytes > 0
    pipeline.close(0.1)


def test_the_server_adopts_by_its_own_address(sink: Sink, tmp_path: Path) -> None:
    """`serve` delivers what was meant for its address, under any name of the loopback and with any token,
    and leaves other destinations alone."""
    sink.stop()
    die_with(f"http://localhost:{sink.port}", tmp_path, operation("to-us"))
    die_with(NOWHERE, tmp_path, operation("to-others"))
    sink.start()
    adopter = adopt_for(sink.url, "servers-own", tmp_path)
    adopter.start()
    wait_until(lambda: sink.arrived == ["to-us"])
    wait_until(lambda: [found.url for found in spool_status(tmp_path)] == [NOWHERE])
    adopter.stop()
    assert sink.requests[0].headers["authorization"] == "Bearer servers-own"


def test_a_dead_process_ends_its_runs(sink: Sink, tmp_path: Path) -> None:
    """Runs that a killed process began and did not end are ended as failed, after all that it recorded."""
    sink.stop()
    die_with(
        sink.url,
        tmp_path,
        instance("register", "finished"),
        instance("register", "open"),
        operation("work"),
        instance("finish", "finished"),
        instance("start", "joined-from-elsewhere"),
    )
    sink.start()
    (flushed,) = flush_spool(tmp_path, 10.0, "secret")
    assert flushed.problem is None
    items = [item for request in sink.requests for item in request.items]
    assert [item["_type"] for item in items][-2:] == ["agent_instances/start", "agent_instances/finish"]
    death = items[-1]
    assert (death["agent_instance_id"], death["status"]) == ("open", "failed")
    assert death["error"]["type"] == "ProcessDied"
    assert spool_status(tmp_path) == []


def test_runs_whose_beginning_is_gone_are_known(tmp_path: Path) -> None:
    """A run whose register was delivered and deleted long ago is known from the list beside the spool."""
    (tmp_path / "runs.json").write_text(json.dumps(["long", "short"]))
    records = [instance("finish", "short"), b"\xff", b'{"_type":"agent_instances/finish"}']
    assert open_runs(tmp_path, records) == ["long"]


def test_the_list_of_runs_is_kept(sink: Sink, tmp_path: Path) -> None:
    """The process keeps that list up to date as its segments roll: owned runs only."""
    pipeline = pipeline_at(sink.url, tmp_path)
    pipeline.watch("mine")
    pipeline.watch("joined", owned=False)
    directory = pipeline.stats().spool
    assert directory is not None
    for number in range(20_000):
        pipeline.append(operation(f"key-{number:06d}"))
    wait_until(lambda: (directory / "runs.json").exists())
    assert json.loads((directory / "runs.json").read_bytes()) == ["mine"]
    pipeline.close(10.0)


def test_an_adopter_killed_half_way(sink: Sink, tmp_path: Path) -> None:
    """Where the first adopter dies in the middle, the next one goes on; nothing is missing."""
    sink.stop()
    die_with(sink.url, tmp_path, *(operation(f"key-{n:05d}") for n in range(6000)))
    sink.start()

    def adopt() -> None:
        adopt_for(sink.url, "secret", tmp_path).start()
        threading.Event().wait(60)

    adopter = fork(adopt)
    wait_until(lambda: len(sink.arrived) > 0)
    os.kill(adopter, signal.SIGKILL)
    os.waitpid(adopter, 0)
    (flushed,) = flush_spool(tmp_path, 20.0, "secret")
    assert flushed.problem is None
    assert len(set(sink.arrived)) == 6000
    assert spool_status(tmp_path) == []


def test_damage_costs_one_record_and_is_shown(sink: Sink, tmp_path: Path) -> None:
    """A damaged byte in a dead process's segment loses one operation, which is counted and stays visible."""
    sink.stop()
    die_with(sink.url, tmp_path, *(operation(f"key-{n:05d}") for n in range(100)))
    (left,) = spool_status(tmp_path)
    segment = min(left.path.glob("*.seg"))
    with segment.open("r+b") as file:
        file.seek(5000)
        file.write(b"\x07")
    sink.start()
    flush_spool(tmp_path, 10.0, "secret")
    assert len(sink.arrived) == 99
    (shown,) = spool_status(tmp_path)
    assert (shown.process, shown.losses, shown.disk_bytes > 0) == (None, {"unreadable": 1}, True)


def test_refusals_of_the_dead_stay_visible(sink: Sink, tmp_path: Path) -> None:
    """What the server refuses of a dead process's records is kept beside the destination, with its reason."""
    sink.stop()
    die_with(sink.url, tmp_path, operation("one"), operation("two"))
    sink.respond = lambda request: (422, {}, b'{"status":"error","code":"validation_errors","message":"no"}')
    sink.start()
    flush_spool(tmp_path, 10.0, "secret")
    (shown,) = spool_status(tmp_path)
    assert (shown.process, shown.rejected, shown.pending) == (None, 2, 0)


def test_another_token_is_not_guessed(sink: Sink, tmp_path: Path) -> None:
    """Records written with a token are not sent with another: `flush_spool` says what to do."""
    die_with(NOWHERE, tmp_path, operation("one"))
    (flushed,) = flush_spool(tmp_path, 1.0, "another")
    assert flushed.delivered == 0
    assert "HOLDFAST_TOKEN" in (flushed.problem or "")
    (flushed,) = flush_spool(tmp_path, 1.0)
    assert "HOLDFAST_TOKEN" in (flushed.problem or "")
    assert sum(found.pending for found in spool_status(tmp_path)) == 1


def test_half_made_directories_are_cleared(tmp_path: Path) -> None:
    """What a kill left in the middle of making a directory is never adopted, and goes after an hour."""
    ProcessDir.create(tmp_path, Destination(url=NOWHERE)).release()
    above = tmp_path / Destination(url=NOWHERE).key
    fresh, old = above / ".1-abc", above / ".2-def"
    for path in (fresh, old):
        path.mkdir()
        (path / "lock").touch()
    os.utime(old, (1.0, 1.0))
    assert [path.name.startswith(".") for path in ProcessDir.all_of(above)] == [False]
    assert (fresh.exists(), old.exists()) == (True, False)


def test_a_lost_cursor_repeats_and_never_skips(sink: Sink, tmp_path: Path) -> None:
    """With a damaged cursor everything still on disk is delivered again: repeating is harmless, skipping is not."""

    def work() -> None:
        pipeline = pipeline_at(sink.url, tmp_path)
        for number in range(10):
            pipeline.append(operation(f"key-{number:05d}"))
        pipeline.flush(10.0)
        os.kill(os.getpid(), signal.SIGKILL)

    os.waitpid(fork(work), 0)
    (left,) = spool_status(tmp_path)
    assert left.pending == 0
    (left.path / "cursor").write_bytes(b"\x01" * 20)
    flush_spool(tmp_path, 10.0, "secret")
    assert sink.respond is accept
    assert len(set(sink.arrived)) == 10
    assert spool_status(tmp_path) == []


def test_what_the_dead_left_is_made_small(sink: Sink, tmp_path: Path) -> None:
    """While no server can be reached, a starting process cuts dead ones' segments to their contents."""
    sink.stop()
    for process in range(3):
        die_with(sink.url, tmp_path, *(operation(f"{process}-{n:04d}") for n in range(100)))
    before = sum(found.disk_bytes for found in spool_status(tmp_path))
    (above,) = {found.path.parent for found in spool_status(tmp_path)}
    compact_dead(above, 1 << 30)
    after = spool_status(tmp_path)
    assert sum(found.disk_bytes for found in after) < 200_000 < before
    assert [found.pending for found in after] == [100, 100, 100]
    compact_dead(above, 1 << 30)
    assert spool_status(tmp_path) == after
    sink.start()
    flush_spool(tmp_path, 10.0, "secret")
    assert len(set(sink.arrived)) == 300


def test_the_cap_holds_for_the_dead_too(sink: Sink, tmp_path: Path) -> None:
    """Past the cap the oldest of what dead processes left goes, counted by kind."""
    for process in range(3):
        die_with(NOWHERE, tmp_path, *(operation(f"{process}-{n:04d}") for n in range(100)))
    (above,) = {found.path.parent for found in spool_status(tmp_path)}
    compact_dead(above, 100_000)
    left = spool_status(tmp_path)
    assert [found.pending for found in left] == [0, 100, 100]
    assert [found.losses for found in left] == [{"agent_spans/create": 100}, {}, {}]
