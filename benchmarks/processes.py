"""The processes that a benchmark starts, each stopped by its own id: a Holdfast server, and a sink for the peer."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["HoldfastServer", "free_port", "otlp_sink", "run_child"]

_START_SECONDS = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class HoldfastServer:
    """`holdfast serve` on a directory and port of its own; may be stopped and started again."""

    home: Path
    port: int = field(default_factory=free_port)
    database: str | None = None
    spans: str | None = None
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs to find it, and to keep its spool apart from every other."""
        return {
            **os.environ,
            "HOLDFAST_URL": self.url,
            "HOLDFAST_SPOOL": str(self.home / "spool"),
            "HOLDFAST_DATA": str(self.home / "data"),
            "HOLDFAST_DATABASE": self.database or "",
            "HOLDFAST_SPANS": self.spans or "",
            "HOLDFAST_SPANS_AFTER": "0",
            "XDG_STATE_HOME": str(self.home / "state"),
            "XDG_DATA_HOME": str(self.home / "share"),
        }

    def start(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "holdfast.cli", "serve", "--port", str(self.port)],
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if _answers(self.url):
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(f"the server did not start:\n{(self.home / 'server.log').read_text()[-2000:]}")

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(30)

    def cpu_seconds(self) -> float:
        """What the running server has used of the processors so far."""
        if self._process is None:
            return 0.0
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def token(self) -> str:
        found: dict[str, Any] = json.loads(
            (self.home / "state" / "holdfast" / "local-server.json").read_text("utf-8")
        )
        return str(found["token"])

    def get(self, path: str) -> dict[str, Any]:
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            decoded: dict[str, Any] = json.load(answer)
            return decoded

    def spans_of(self, run_id: str) -> int:
        """How many finished spans of a run can be read; 0 while the run is unknown."""
        try:
            details = self.get(f"/api/v1/agent_instance/{run_id}")["details"]
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return 0
            raise
        return int(details["span_counts"]["finished"])

    def __enter__(self) -> HoldfastServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(f"{url}/api/v1/ping", timeout=1).close()
    except urllib.error.HTTPError:
        return True  # it wants a token: it is there
    except OSError:
        return False
    return True


@contextlib.contextmanager
def otlp_sink() -> Iterator[str]:
    """The address of a process that takes OTLP/HTTP and only counts the spans; `GET /count` tells."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.otlp_sink", str(port)])
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                urllib.request.urlopen(f"{address}/count", timeout=1).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait(10)


def run_child(module: str, *arguments: str, environment: dict[str, str] | None = None) -> dict[str, Any]:
    """Run `python -m module …` to its end and decode the JSON that its last line of output is."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        timeout=300,
    )
    decoded: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return decoded
