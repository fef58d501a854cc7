"""`holdfast spool`: what waits on this machine to be delivered."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast._settings import read_setting
from holdfast.cli.output import JsonFlag, amount, console, human_bytes, plain_table, print_json, remarks
from holdfast.tracing.adopter import flush_spool
from holdfast.tracing.pipeline import spool_root
from holdfast.tracing.rejected import REJECTED_FILE
from holdfast.tracing.spool_status import ProcessSpool, spool_status

__all__ = ["spool"]

spool = typer.Typer(name="spool", help="See and deliver what waits on this machine.", no_args_is_help=True)


@spool.command()
def path(json: JsonFlag = False) -> None:
    """Print the spool's directory."""
    root = spool_root(read_setting("spool"))
    if json:
        print_json({"path": str(root)})
    else:
        console.print(str(root), markup=False)


@spool.command()
def status(json: JsonFlag = False) -> None:
    """Show what waits, what was refused and what was lost, process by process."""
    root = spool_root(read_setting("spool"))
    found = spool_status(root)
    if json:
        print_json({"path": str(root), "processes": [_as_json(each) for each in found]})
        return
    if not found:
        console.print(f"Nothing waits in {root}", markup=False)
        return
    table = plain_table("process", "state", ">waiting", ">size", ">rejected", ">lost", "for")
    for each in found:
        table.add_row(
            each.process or "(ended)",
            "living" if each.alive else "ended",
            f"{each.pending:,}",
            human_bytes(each.pending_bytes),
            f"{each.rejected:,}",
            f"{sum(each.losses.values()):,}",
            each.url,
        )
    console.print(table)
    for each in found:
        if each.rejected:
            remarks.print(f"reasons of the rejected: {each.path / REJECTED_FILE}", markup=False)
        if each.losses:
            counts = ", ".join(f"{kind} {count:,}" for kind, count in sorted(each.losses.items()))
            remarks.print(f"lost by {each.process or 'ended processes'}: {counts}", markup=False)


@spool.command()
def flush(
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to try.")] = 30.0, json: JsonFlag = False
) -> None:
    """Deliver what ended processes left. Living ones deliver their own."""
    done = flush_spool(spool_root(read_setting("spool")), timeout, read_setting("token"))
    if json:
        print_json(done)
    elif not done:
        console.print("Nothing waits.")
    else:
        for each in done:
            said = f"{each.url}: {amount(each.delivered, 'operation')} delivered"
            console.print(said + (f"; {each.problem}" if each.problem else ""), markup=False)
    if any(each.problem for each in done):
        raise typer.Exit(1)


def _as_json(each: ProcessSpool) -> dict[str, object]:
    return {
        "path": str(each.path),
        "url": each.url,
        "process": each.process,
        "alive": each.alive,
        "pending": each.pending,
        "pending_bytes": each.pending_bytes,
        "disk_bytes": each.disk_bytes,
        "rejected": each.rejected,
        "losses": each.losses,
    }
