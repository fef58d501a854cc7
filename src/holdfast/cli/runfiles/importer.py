"""Run files into the record, by the way that every recording takes: client, spool, exporter, server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from holdfast.cli.runfiles.checkpoint import CheckpointFile
from holdfast.cli.runfiles.mapping import RunPlan, plan_run
from holdfast.cli.runfiles.records import RunFile, parse_run
from holdfast.errors import DeliveryError, InvalidInputError
from holdfast.tracing.client import Client
from holdfast.wire.vocabulary import EventLevel

__all__ = ["BadLine", "Importer", "Progress", "record_run"]

_UNDELIVERED: Final = 32 << 20
"""Bytes of lines that may be under way: far below the spool's bound, so nothing is dropped for room."""


class BadLine(Struct, frozen=True, kw_only=True):
    path: Path
    number: int
    problem: str


class Progress(Struct, kw_only=True):
    """What an import did so far. `skipped` lines were delivered by an earlier one; `refused` and `lost` count
    operations that the server rejected and that found no room."""

    runs: int = 0
    spans: int = 0
    skipped: int = 0
    refused: int = 0
    lost: int = 0
    bad: list[BadLine] = []


class Importer:
    """Imports files through `client`, whose `flush` says when lines have arrived.

    `is_there` asks the server for a run by its id: a checkpoint counts only while its last run exists.
    """

    def __init__(
        self,
        client: Client,
        *,
        is_there: Callable[[str], bool],
        agent: str | None = None,
        limit: int | None = None,
        again: bool = False,
        patience: float = 60.0,
    ) -> None:
        self.progress = Progress()
        self._client = client
        self._is_there = is_there
        self._agent = agent
        self._limit = limit
        self._again = again
        self._patience = patience

    @property
    def full(self) -> bool:
        """Whether as many runs were imported as were wanted."""
        return self._limit is not None and self.progress.runs >= self._limit

    def import_file(self, path: Path, moved: Callable[[int], None]) -> None:
        """Import the file's runs. `moved` is told the position in the stored file after every line.

        Raises `DeliveryError` when the server takes nothing for `patience` seconds, and `OSError`.
        """
        checkpoints = CheckpointFile(path, self._client.config.url)
        fallback_ns = path.stat().st_mtime_ns
        done = self._lines_done(checkpoints)
        waiting, last_run, number = 0, "", 0
        with RunFile(path) as lines:
            for number, line in enumerate(lines, start=1):
                if number <= done:
                    self.progress.skipped += 1
                else:
                    try:
                        plan = plan_run(parse_run(line), fallback_ns, self._agent)
                    except InvalidInputError as error:
                        self.progress.bad.append(BadLine(path=path, number=number, problem=error.problem))
                    else:
                        record_run(self._client, plan)
                        self.progress.runs += 1
                        self.progress.spans += len(plan.spans)
                        waiting, last_run = waiting + len(line), plan.id
                moved(lines.position)
                if waiting >= _UNDELIVERED:
                    self._deliver(checkpoints, number, last_run)
                    waiting = 0
                if self.full:
                    break
        if waiting:
            self._deliver(checkpoints, number, last_run)

    def _lines_done(self, checkpoints: CheckpointFile) -> int:
        known = None if self._again else checkpoints.load()
        return known.lines if known is not None and self._is_there(known.last_run) else 0

    def _deliver(self, checkpoints: CheckpointFile, lines: int, last_run: str) -> None:
        if not self._client.flush(self._patience):
            raise DeliveryError(
                f"the server has not taken what was sent for {self._patience:.0f} s; it stays in the spool"
            )
        stats = self._client.stats()
        self.progress.refused = stats.rejected
        self.progress.lost = sum(stats.lost.values())
        checkpoints.save(lines, last_run)


def record_run(client: Client, plan: RunPlan) -> None:
    """Record a whole run with the times it had.

    Its end goes first: were this process killed in the middle, a run left open would be ended as failed for
    it, and the first end stays. The spans that are missing then come with the next import.
    """
    run = client.run(
        plan.name,
        id=plan.id,
        agent=plan.agent,
        version=plan.version,
        external_identifier=plan.external_identifier,
        input=plan.input,
        attributes=plan.attributes,
    )
    run.start(at=plan.times.started)
    if plan.error is None:
        run.finish(plan.status, at=plan.times.finished)
    else:
        run.fail(plan.error, at=plan.times.finished)
    for span in plan.spans:
        run.record_span(
            span.name,
            id=span.id,
            type=span.type,
            status=span.status,
            started_at=span.times.started,
            finished_at=span.times.finished,
            payload=span.payload,
            result=span.result,
            attributes=span.attributes,
            error=span.error,
            parent=run,
        )
    for name, judgement in plan.qualities.items():
        run.record_quality(name, judgement, at=plan.times.finished)
    for event in plan.events:
        run.event(event.name, event.payload, level=EventLevel.WARNING, at=event.at, id=event.id)
