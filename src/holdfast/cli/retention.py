"""`holdfast retention`: how long runs are kept."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from holdfast.cli.api import Json
from holdfast.cli.keeping import keeping
from holdfast.cli.local import DataOption
from holdfast.cli.output import JsonFlag, console, plain_table, print_json
from holdfast.errors import CommandError
from holdfast.wire.erasing import RetentionChange

__all__ = ["retention"]

retention = typer.Typer(name="retention", help="See and set how long runs are kept.", no_args_is_help=True)

_FOREVER: Final = "forever"
_DEFAULT: Final = "default"


@retention.command()
def show(data: DataOption = None, json: JsonFlag = False) -> None:
    """Show for how long after their end runs are kept."""
    with keeping(data) as place:
        rules = place.rules()
    if json:
        print_json(rules)
        return
    table = plain_table("agent", "kept for")
    for rule in rules:
        table.add_row(_whose(rule), rule["keep"] or _FOREVER)
    console.print(table)


@retention.command("set")
def set_rule(
    keep: Annotated[
        str,
        typer.Option(
            help=f"How long after their end: 12h, 30d, 8w; `{_FOREVER}`; `{_DEFAULT}`: as all other agents."
        ),
    ],
    agent: Annotated[
        str | None, typer.Option(help="Name or id. [default: agents without their own]", show_default=False)
    ] = None,
    data: DataOption = None,
    json: JsonFlag = False,
) -> None:
    """Set how long runs are kept. What is past it goes within the hour while a server runs; live runs stay."""
    with keeping(data) as place:
        if keep != _DEFAULT:
            rule = place.keep(agent, RetentionChange(keep=None if keep == _FOREVER else keep))
        elif agent is not None:
            place.drop_rule(agent)
            rule = place.rules()[0]
        else:
            raise CommandError(
                f"--keep {_DEFAULT} is for one agent", fix="name it with --agent NAME", exit_code=2
            )
    if json:
        print_json(rule)
    else:
        console.print(f"{_whose(rule)}: kept for {rule['keep'] or _FOREVER}", markup=False)


def _whose(rule: Json) -> str:
    return str(rule["agent_name"] or rule["agent_id"] or "all agents without their own")
