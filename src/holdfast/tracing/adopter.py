"""Delivery for the dead, with no records of its own: in `holdfast serve`, and for `holdfast spool flush`."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from holdfast.tracing.adoption import Adoption
from holdfast.tracing.any_server import post_to
from holdfast.tracing.destination import LOCAL, Destination, local_token, same_server
from holdfast.tracing.exporter import Exporter
from holdfast.tracing.live_runs import LiveRuns
from holdfast.tracing.problems import ProblemLog
from holdfast.tracing.process_dir import DestinationFile, destination_dirs
from holdfast.tracing.transport import HttpTransport, TransportOptions

__all__ = ["Adopter", "FlushedDestination", "adopt_for", "flush_spool"]


class Adopter:
    """A thread that delivers to one server what dead processes of this machine recorded for it.

    It looks every few seconds. The records go in with `token`, whichever token their process had.
    """

    def __init__(self, url: str, token: str | None, root: Path, transport: TransportOptions) -> None:
        def destinations() -> list[Path]:
            return [path for path, known in destination_dirs(root) if same_server(known.url, url)]

        self._problems = ProblemLog()
        self._exporter = Exporter(
            HttpTransport(Destination(url=url, token=token), transport).post,
            spool=None,
            adoption=Adoption(destinations, always=True),
            runs=LiveRuns(),
            problems=self._problems,
            interval=0.2,
        )
        self._thread = threading.Thread(target=self._exporter.run, name="holdfast-adopt", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """End the thread; what is half delivered stays in the spool. A repetition does nothing."""
        deadline = time.monotonic() + timeout
        self._exporter.stop(deadline)
        if self._thread.is_alive():
            self._thread.join(timeout)

    @property
    def adopted(self) -> int:
        """Operations delivered so far."""
        return self._exporter.tally.adopted


def adopt_for(url: str, token: str | None, root: Path, transport: TransportOptions | None = None) -> Adopter:
    """An adopter for the server at `url`; call `start` on it once that server listens."""
    return Adopter(url, token, root, transport or TransportOptions())


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushedDestination:
    """What `flush_spool` did for one destination. `problem` is None where nothing was left behind."""

    url: str
    delivered: int
    problem: str | None


def flush_spool(
    root: Path, timeout: float, token: str | None = None, transport: TransportOptions | None = None
) -> list[FlushedDestination]:
    """Deliver what dead processes left in the spool at `root`, on the calling thread, in `timeout` seconds.

    Records written with a token go out only if `token` is that token; the others with the local server's.
    Living processes deliver their own.
    """
    deadline = time.monotonic() + timeout
    return [
        _flush(path, known, deadline, token, transport or TransportOptions())
        for path, known in destination_dirs(root)
    ]


def _flush(
    path: Path, known: DestinationFile, deadline: float, token: str | None, transport: TransportOptions
) -> FlushedDestination:
    destination = Destination(
        url=known.url,
        token=None if known.token_fingerprint == LOCAL else token,
        any_server=known.any_server,
    )
    if destination.token_fingerprint != known.token_fingerprint:
        problem = "written with another token: set HOLDFAST_TOKEN to it"
        return FlushedDestination(url=known.url, delivered=0, problem=problem)
    problems = ProblemLog()
    exporter = Exporter(
        post_to(destination, transport),
        spool=None,
        adoption=Adoption(lambda: [path]),
        runs=LiveRuns(),
        problems=problems,
        interval=0.0,
    )
    done = exporter.drain(max(0.0, deadline - time.monotonic()))
    left = None if done else problems.last or "the time was too short"
    if left and destination.token is None and local_token(known.url) is None:
        left += "; no local server has announced itself"
    return FlushedDestination(url=known.url, delivered=exporter.tally.adopted, problem=left)
