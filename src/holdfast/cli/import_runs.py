"""`holdfast import`: files of recorded runs, by the way that every recording takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from holdfast.cli.api import Server
from holdfast.cli.output import JsonFlag, amount, console, print_json, remarks
from holdfast.cli.runfiles.importer import Importer
from holdfast.errors import CommandError
from holdfast.tracing.api import init

__all__ = ["import_runs"]

_LARGEST_PAYLOAD: Final = 256 << 20
_BAD_LINES_SHOWN: Final = 5


def import_runs(
    paths: Annotated[list[Path], typer.Argument(help="Files: .jsonl or .jsonl.gz, one run a line.")],
    agent: Annotated[
        str | None, typer.Option(help="Put every run under this agent, not the file's.", show_default=False)
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Most runs to import.", show_default=False)] = None,
    again: Annotated[bool, typer.Option("--again", help="Send also what was delivered before.")] = False,
    redact: Annotated[bool, typer.Option("--redact", help="Take secrets out of the payloads.")] = False,
    json: JsonFlag = False,
) -> None:
    """Import recorded runs. Interrupted, it goes on where it stopped; importing twice changes nothing.

    Times that a file lacks are made up in order and marked `holdfast.time.synthetic`.
    """
    for path in paths:
        if not path.is_file():
            raise CommandError(f"{path} is not a file", fix="name .jsonl or .jsonl.gz files", exit_code=2)
    server = Server()
    server.check_may_write()
    with init(
        url=server.url,
        token=server.token,
        redact=redact,
        max_payload=_LARGEST_PAYLOAD,
        disabled=False,
        raise_errors=True,  # what could not be recorded must not pass for imported
    ) as client:
        importer = Importer(client, is_there=server.has_run, agent=agent, limit=limit, again=again)
        with _bar(hidden=json) as bar:
            for path in paths:
                importer.import_file(path, _mover(bar, path))
                if importer.full:
                    break
    _tell(importer, json)


def _mover(bar: Progress, path: Path) -> Callable[[int], None]:
    task = bar.add_task(path.name, total=path.stat().st_size)

    def move(position: int) -> None:
        bar.update(task, completed=position)

    return move


def _bar(hidden: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeRemainingColumn(compact=True),
        console=remarks,
        disable=hidden or not remarks.is_terminal,
    )


def _tell(importer: Importer, json: bool) -> None:
    done = importer.progress
    if json:
        print_json(done)
    else:
        console.print(f"{amount(done.runs, 'run')} with {amount(done.spans, 'span')} imported")
        if done.skipped:
            remarks.print(
                f"[dim]{amount(done.skipped, 'line')} had been delivered before; --again sends them.[/]"
            )
        for bad in done.bad[:_BAD_LINES_SHOWN]:
            remarks.print(f"{bad.path}:{bad.number}: {bad.problem}", markup=False)
        if len(done.bad) > _BAD_LINES_SHOWN:
            remarks.print(f"... and {len(done.bad) - _BAD_LINES_SHOWN} more lines that are no runs")
        if done.refused:
            said = f"the server refused {amount(done.refused, 'operation')}"
            remarks.print(f"{said}: `holdfast spool status` names the file with the reasons", markup=False)
        if done.lost:
            remarks.print(f"{amount(done.lost, 'operation')} found no room in the spool", markup=False)
    if done.bad or done.refused or done.lost:
        raise typer.Exit(1)
