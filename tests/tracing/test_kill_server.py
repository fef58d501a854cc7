"""Promise 2 against the real server: agents and server are killed, and the record is whole afterwards."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from holdfast.tracing.pipeline import Destination, PipelineOptions, open_pipeline
from holdfast.wire.operations import InstanceRegister, InstanceStart, SpanCreate
from holdfast.wire.vocabulary import SpanStatus

from .recorder import Progress, fork

AGENTS = 24
SPANS = 1000


class Server:
    """`holdfast serve` in a process of its own, on a database that outlives it."""

    def __init__(self, home: Path) -> None:
        self._home = home
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "holdfast.cli", "serve", "--port", str(self.port)]
        environment = {**os.environ, "HOLDFAST_DATA": str(self._home / "data")}
        log = subprocess.DEVNULL
        self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def details(self, run: str) -> dict[str, Any] | None:
        """What the server knows of a run; None while it knows nothing or does not answer."""
        state = Path(os.environ["XDG_STATE_HOME"]) / "holdfast" / "local-server.json"
        try:
            token = json.loads(state.read_text())["token"]
            path = f"{self.url}/api/v1/agent_instance/{run}"
            request = urllib.request.Request(path, headers={"Authorization": f"Bearer {token}"})
            with urllib.request.urlopen(request, timeout=5) as answer:
                details: dict[str, Any] = json.load(answer)["details"]
                return details
        except OSError:
            return None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    started = Server(tmp_path)
    started.start()
    yield started
    started.kill()


def wait_until(condition: Callable[[], bool], seconds: float = 60.0, poll: float = 0.1) -> None:
    never = threading.Event()
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        never.wait(poll)


def record_a_run(url: str, spool: Path, agent: int, progress: Progress) -> None:
    options = PipelineOptions(root=spool, export_interval=0.02)
    pipeline = open_pipeline(Destination(url=url), options)
    run = f"run-{agent:04d}"
    encode = msgspec.json.encode
    pipeline.append(encode(InstanceRegister(idempotency_key=f"{run}-register", id=run, agent_id="killed")))
    pipeline.append(encode(InstanceStart(idempotency_key=f"{run}-start", agent_instance_id=run)))
    began = time.monotonic()
    for number in range(SPANS):
        span = f"{run}-{number:05d}"
        whole = SpanCreate(
            idempotency_key=span,
            id=span,
            agent_instance_id=run,
            status=SpanStatus.COMPLETE,
            started_at=1_800_000_000_000_000_000 + number,
            finished_at=1_800_000_000_000_001_000 + number,
        )
        pipeline.append(encode(whole))
        progress.note(agent, number + 1)
        while time.monotonic() - began < 0.2 * number / SPANS:
            pass
    threading.Event().wait(60)  # killed before that


@pytest.mark.slow
def test_the_record_is_whole(tmp_path: Path, server: Server) -> None:
    """Agents are killed in the midst of recording, the server in the midst of receiving, and started again:
    every span that was recorded is there, none twice, and each run is ended as failed."""
    chance = random.Random(4654)
    spool = Path(os.environ["XDG_STATE_HOME"]) / "holdfast" / "spool"
    progress = Progress(AGENTS)
    for first in range(0, AGENTS, 2):
        if first % 8 == 4:
            server.kill()
        if first % 8 == 6:
            server.start()
        pair = [(chance.randrange(1, SPANS), agent) for agent in (first, first + 1)]
        pids = {a: fork(partial(record_a_run, server.url, spool, a, progress)) for _, a in pair}
        for target, agent in sorted(pair):
            wait_until(partial(progress.reached, agent, target), poll=0.001)
            os.kill(pids[agent], signal.SIGKILL)
            os.waitpid(pids[agent], 0)
    for agent in range(AGENTS):
        wait_until(partial(is_whole, server, agent, progress.returned(agent)))


def is_whole(server: Server, agent: int, returned: int) -> bool:
    details = server.details(f"run-{agent:04d}")
    if details is None or details["status"] != "failed":
        return False
    # The append under way at the kill may or may not have made it.
    return details["span_counts"]["finished"] in (returned, returned + 1)
