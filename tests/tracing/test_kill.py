"""Promise 2: what was recorded is kept, through `kill -9` of the agent, SIGTERM, fork and server outages."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from holdfast.tracing.adopter import adopt_for
from holdfast.tracing.spool_status import spool_status

from .recorder import Progress, fork, operation, pipeline_at

OPERATIONS = 2000
SINK = Path(__file__).with_name("sink.py")


class SinkProcess:
    """The test server in a process of its own, so that it can be killed too."""

    def __init__(self, directory: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.file = directory / "arrived"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, str(SINK), str(self.port), str(self.file)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def count(self) -> int:
        return self.file.read_bytes().count(b"\n") if self.file.exists() else 0

    def arrived(self) -> Counter[str]:
        return Counter(self.file.read_text().split()) if self.file.exists() else Counter()


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[SinkProcess]:
    server = SinkProcess(tmp_path)
    server.start()
    yield server
    server.kill()


def deliver_the_rest(sink: SinkProcess, root: Path, expected: set[str]) -> Counter[str]:
    """Adopt what the dead left, until all that is expected has arrived or a minute is over."""
    adopter = adopt_for(sink.url, "secret", root)
    adopter.start()
    deadline = time.monotonic() + 60
    poll = threading.Event()
    while time.monotonic() < deadline:
        if sink.count() >= len(expected) and not any(found.pending for found in spool_status(root)):
            break
        poll.wait(0.1)
    adopter.stop()
    return sink.arrived()


def record_paced(url: str, root: Path, child: int, progress: Progress, seconds: float) -> None:
    pipeline = pipeline_at(url, root)
    start = time.monotonic()
    for number in range(OPERATIONS):
        pipeline.append(operation(f"{child:04d}-{number:06d}"))
        progress.note(child, number + 1)
        while time.monotonic() - start < seconds * number / OPERATIONS:
            pass  # an agent that computes, and starves the background threads
    threading.Event().wait(60)  # killed before that


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_hundred_kills_lose_nothing(tmp_path: Path, sink: SinkProcess) -> None:
    """200 agents killed at random moments, their server killed now and then: what was recorded arrives once."""
    chance = random.Random(4653)
    root = tmp_path / "spool"
    children = 200
    progress = Progress(children)
    seconds = 0.1
    for first in range(0, children, 2):
        if first % 20 == 10:
            sink.kill()
        if first % 20 == 14:
            sink.start()
        pair = [(chance.randrange(OPERATIONS), child) for child in (first, first + 1)]
        pids = {
            child: fork(partial(record_paced, sink.url, root, child, progress, seconds)) for _, child in pair
        }
        for target, child in sorted(pair):
            reached = partial(progress.reached, child, target)
            wait_until(reached, poll=0.0005)
            threading.Event().wait(chance.uniform(0.0, 0.002))
            os.kill(pids[child], signal.SIGKILL)
            os.waitpid(pids[child], 0)
    returned = {
        f"{child:04d}-{number:06d}" for child in range(children) for number in range(progress.returned(child))
    }
    assert children * OPERATIONS // 4 < len(returned) < children * OPERATIONS, (
        "the kills were not in the midst"
    )
    arrived = deliver_the_rest(sink, root, returned)
    assert returned - set(arrived) == set()
    assert [key for key, times in arrived.items() if times > 1] == []


def test_sigterm_loses_nothing(tmp_path: Path, sink: SinkProcess) -> None:
    """An agent that SIGTERM ends at once, with no handler, leaves all that it recorded to the next process."""
    root = tmp_path / "spool"
    progress = Progress(1)
    sink.kill()

    def work() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        record_paced(sink.url, root, 0, progress, 0.0)

    pid = fork(work)
    wait_until(lambda: progress.returned(0) == OPERATIONS)
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
    sink.start()
    expected = {f"0000-{number:06d}" for number in range(OPERATIONS)}
    assert set(deliver_the_rest(sink, root, expected)) == expected


def test_a_kill_right_after_a_burst_loses_nothing(tmp_path: Path, sink: SinkProcess) -> None:
    """100,000 operations in one burst that starves every thread, then a kill: all of them arrive."""
    root = tmp_path / "spool"
    sink.kill()

    def work() -> None:
        pipeline = pipeline_at(sink.url, root)
        records = [operation(f"burst-{number:06d}") for number in range(100_000)]
        for record in records:
            pipeline.append(record)
        os.kill(os.getpid(), signal.SIGKILL)

    _, status = os.waitpid(fork(work), 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    sink.start()
    expected = {f"burst-{number:06d}" for number in range(100_000)}
    assert expected - set(deliver_the_rest(sink, root, expected)) == set()


def test_parent_and_forked_child_both_keep_theirs(tmp_path: Path, sink: SinkProcess) -> None:
    """A fork in the middle of recording: the parent goes on, the child records its own, each arrives once."""
    root = tmp_path / "spool"

    def parent() -> None:
        pipeline = pipeline_at(sink.url, root)
        for number in range(500):
            pipeline.append(operation(f"parent-{number:06d}"))

        def child() -> None:
            for number in range(500):
                pipeline.append(operation(f"child--{number:06d}"))
            os.kill(os.getpid(), signal.SIGKILL)

        pid = fork(child)
        for number in range(500, 1000):
            pipeline.append(operation(f"parent-{number:06d}"))
        os.waitpid(pid, 0)
        os.kill(os.getpid(), signal.SIGKILL)

    os.waitpid(fork(parent), 0)
    expected = {f"parent-{number:06d}" for number in range(1000)}
    expected |= {f"child--{number:06d}" for number in range(500)}
    arrived = deliver_the_rest(sink, root, expected)
    assert set(arrived) == expected
    assert max(arrived.values()) == 1


def wait_until(condition: Callable[[], bool], seconds: float = 20.0, poll: float = 0.01) -> None:
    never = threading.Event()
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        never.wait(poll)
