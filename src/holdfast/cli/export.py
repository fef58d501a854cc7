"""`holdfast export`: runs as JSON Lines, each with all its spans and events."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO
from urllib.parse import quote

import msgspec
import typer

from holdfast._clock import parse_utc
from holdfast.cli.api import Json, Server
from holdfast.cli.moments import moment
from holdfast.cli.output import amount, remarks

__all__ = ["export"]


def export(
    run: Annotated[
        list[str] | None,
        typer.Option(help="Id of a run; may be repeated. [default: all]", show_default=False),
    ] = None,
    agent: Annotated[str | None, typer.Option(help="Runs of this agent.", show_default=False)] = None,
    since: Annotated[
        str | None, typer.Option(help="Runs since then: 2026-01-31, 12h, 7d.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write. [default: standard output]", show_default=False),
    ] = None,
) -> None:
    """Write runs as JSON Lines: {"run": {...}, "spans": [...], "events": [...]}, newest run first.

    Payloads are as they were recorded. A run that is still live is written as it is now.
    """
    server = Server()
    floor = None if since is None else moment(since)
    runs = spans = 0
    with _opened(output) as file:
        for found in _wanted(server, run, agent, floor):
            whole = _whole(server, found)
            file.write(msgspec.json.encode(whole) + b"\n")
            runs, spans = runs + 1, spans + len(whole["spans"])
    if output is not None:
        remarks.print(f"{amount(runs, 'run')} with {amount(spans, 'span')} written to {output}", markup=False)


def _wanted(server: Server, ids: list[str] | None, agent: str | None, floor: int | None) -> Iterator[Json]:
    if ids:
        for run_id in ids:
            yield server.get(f"/agent_instance/{quote(run_id, safe='')}")["details"]
        return
    for found in server.pages("/agent_instance", agent_id=agent, sorting="-inserted_at"):
        if floor is None or parse_utc(found["started_at"] or found["inserted_at"]) >= floor:
            yield found


def _whole(server: Server, found: Json) -> Json:
    spans = server.pages("/agent_spans", agent_instance_id=found["id"], include_summaries="true")
    events = server.pages("/agent_events", agent_instance_id=found["id"])
    return {"run": found, "spans": list(spans), "events": list(events)}


@contextmanager
def _opened(path: Path | None) -> Generator[BinaryIO]:
    """Standard output, or a file that appears under its name only when it is whole."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("wb") as file:
            yield file
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
