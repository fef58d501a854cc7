"""`holdfast db copy`: a whole record from one database into another."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import asdict

from holdfast.cli.output import JsonFlag, amount, console, plain_table, print_json, remarks
from holdfast.errors import CommandError, CopyRefusedError

if TYPE_CHECKING:
    from holdfast.server.services.copying import CopyProgress, CopyReport

__all__ = ["copy"]

_TELL_EVERY = 10.0
"""Seconds between two remarks where they cannot replace each other."""


def copy(
    source: Annotated[
        str, typer.Option("--from", metavar="ADDRESS", help="The database to read: FILE or postgresql://…")
    ],
    target: Annotated[
        str, typer.Option("--to", metavar="ADDRESS", help="An empty database, or a file that is made.")
    ],
    source_spans: Annotated[
        str | None,
        typer.Option(
            "--from-spans",
            metavar="ADDRESS",
            help="clickhouse://… where settled spans of the source lie: they are copied back.",
            show_default=False,
        ),
    ] = None,
    keep_spans: Annotated[
        bool,
        typer.Option(
            "--keep-spans",
            help="Leave spans in ClickHouse, for the servers of the target to use from now on.",
        ),
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Copy a whole record into another database, and compare the two in the end.

    Servers may go on writing to the source: the copy is of one moment, and running the command again brings over
    what has come since. Stopped in the middle it goes on where it was. No server can use the target before the
    copy is whole; once one has, it is not copied into again.
    """
    from holdfast.server.services.copying import copy_between  # the server takes a second to import

    if keep_spans and source_spans is not None:
        raise CommandError("--from-spans and --keep-spans", fix="say one of the two", exit_code=2)
    began = time.monotonic()
    try:
        with _progress() as told:
            report = copy_between(source, target, told, source_spans=source_spans, keep_moved=keep_spans)
    except CopyRefusedError as error:
        raise CommandError(str(error), fix=error.fix) from error
    seconds = time.monotonic() - began
    if json:
        print_json({**asdict(report), "seconds": round(seconds, 3)})
    else:
        _show(report, seconds)
    if not report.same:
        first = next(table for table in report.tables if table.difference is not None)
        raise CommandError(
            f"the copy is not the same: {first.table}: {first.difference}",
            fix="run the same command again; no server can use the target until then",
        )


@contextmanager
def _progress() -> Generator[Callable[[CopyProgress], None]]:
    """One line that changes on a terminal, elsewhere a line now and then."""
    if remarks.is_terminal:
        with remarks.status("…") as status:
            yield lambda progress: status.update(_line(progress))
        return
    last = time.monotonic()

    def tell(progress: CopyProgress) -> None:
        nonlocal last
        if time.monotonic() - last >= _TELL_EVERY:
            last = time.monotonic()
            remarks.print(_line(progress), markup=False)

    yield tell


def _line(progress: CopyProgress) -> str:
    doing = "comparing" if progress.checking else "copying"
    return f"{doing} {progress.table}: {progress.rows:,} of {amount(progress.of, 'row')}"


def _show(report: CopyReport, seconds: float) -> None:
    table = plain_table("table", ">rows", ">added", ">changed", ">removed", "checksum")
    for one in report.tables:
        if one.rows or one.added or one.changed or one.removed:
            counts = [f"{count:,}" for count in (one.rows, one.added, one.changed, one.removed)]
            table.add_row(one.table, *counts, one.checksum[:16])
    console.print(table)
    altered = sum(one.altered for one in report.tables)
    if altered:
        remarks.print(f"{amount(altered, 'row')} with U+0000 in a text: it became U+FFFD there.")
    if report.same:
        console.print(f"The same, table by table, after {seconds:.1f} s.")
    if report.source_changed:
        remarks.print(
            "The source has been written to since the moment that was copied. Stop its servers and run the same "
            "command again: it brings over the rest."
        )
