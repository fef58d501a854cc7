"""`holdfast erase`: take runs out of the record for good."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Final

import typer
from msgspec.structs import replace

from holdfast.cli.api import Json
from holdfast.cli.keeping import Keeping, keeping
from holdfast.cli.local import DataOption
from holdfast.cli.output import JsonFlag, amount, console, plain_table, print_json, remarks
from holdfast.errors import CommandError
from holdfast.wire.erasing import ErasureAsk
from holdfast.wire.vocabulary import ErasureState

__all__ = ["erase"]

_ASK_EVERY: Final = 1.0


def erase(
    run: Annotated[
        list[str] | None, typer.Option(help="Id of a run; may be repeated.", show_default=False)
    ] = None,
    agent: Annotated[
        str | None, typer.Option(help="Name or id of an agent: it goes whole.", show_default=False)
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(help="Runs that fit: 'agent = \"a b\" and begun < 90d'.", show_default=False),
    ] = None,
    before: Annotated[
        str | None, typer.Option(help="Only runs that began before: 2026-01-31, 90d.", show_default=False)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what there is; change nothing.")] = False,
    rewrite: Annotated[
        bool,
        typer.Option(
            help="Write the SQLite file anew, so that no copy stays in its free places. Writing waits meanwhile."
        ),
    ] = True,
    data: DataOption = None,
    json: JsonFlag = False,
) -> None:
    """Erase runs with everything that belongs to them, and print a receipt.

    Runs that fit all of what is given go; live ones too. Through the server, if one runs, else on the database.
    An erasure that was interrupted is finished by the next, and by the next server that starts. What agents
    still send for an erased run is dropped and counted.
    """
    ask = ErasureAsk(
        agent_instance_ids=run or [], agent_id=agent, where=where, before=before, rewrite=rewrite
    )
    if not (run or agent or where):
        raise CommandError(
            "say what to erase", fix="--run ID, --agent NAME or --where EXPRESSION", exit_code=2
        )
    with keeping(data) as place:
        found = place.erase(replace(ask, dry_run=True))
        if dry_run:
            print_json(found) if json else console.print(_found(found), markup=False)
            return
        if not found["agent_instances"] and not found["agents"]:
            remarks.print("Nothing fits; nothing was erased.")
        elif not yes:
            _confirm(found)
        receipt = _completed(place, place.erase(ask))
    if json:
        print_json(receipt)
    else:
        _show(receipt)


def _confirm(found: Json) -> None:
    if not sys.stdin.isatty():
        raise CommandError(f"{_found(found)}: not erased", fix="say --yes to erase for good", exit_code=2)
    remarks.print(_found(found), markup=False)
    if not typer.confirm("Erase for good?", err=True):
        raise CommandError("nothing was erased")


def _found(found: Json) -> str:
    runs = amount(found["agent_instances"], "run")
    live = f" ({found['live']:,} of them live)" if found["live"] else ""
    agent = ", and the agent itself" if found["agents"] else ""
    spans, events = amount(found["agent_spans"], "span"), amount(found["agent_events"], "event")
    return f"{runs}{live} with {spans} and {events}{agent}"


def _completed(place: Keeping, receipt: Json) -> Json:
    while receipt["state"] != ErasureState.COMPLETE:
        remarks.print(f"{amount(receipt['counts'].get('instances', 0), 'run')} so far", markup=False)
        time.sleep(_ASK_EVERY)
        receipt = place.receipt(receipt["id"])
    return receipt


def _show(receipt: Json) -> None:
    table = plain_table("erased", ">rows")
    for name, count in sorted(receipt["counts"].items()):
        table.add_row(name, f"{count:,}")
    if receipt["counts"]:
        console.print(table)
    console.print(f"receipt {receipt['id']}, {receipt['finished_at']}", markup=False)
    if receipt["note"]:
        remarks.print(f"Note: {receipt['note']}.", markup=False)
