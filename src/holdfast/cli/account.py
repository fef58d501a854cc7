"""`holdfast account`: several accounts on one server, each of which sees nothing of the others."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec import Struct

from holdfast._clock import iso_utc
from holdfast.cli.db import DatabaseOption
from holdfast.cli.local import DataOption, local_access
from holdfast.cli.output import JsonFlag, console, plain_table, print_json, remarks
from holdfast.errors import ApiError, CommandError

__all__ = ["account"]

account = typer.Typer(name="account", help="Make and list accounts.", no_args_is_help=True)


class _Shown(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    created_at: str


@account.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is called.")],
    data: DataOption = None,
    database: DatabaseOption = None,
    json: JsonFlag = False,
) -> None:
    """Make an account: agents, runs, tokens and pages of its own."""
    with local_access(data, database=database) as access:
        try:
            made = access.accounts.create(name)
        except ApiError as error:
            raise CommandError(error.message, fix="see `holdfast account list`") from error
    if json:
        print_json(_Shown(id=made.id, name=made.name, created_at=iso_utc(made.inserted_at)))
        return
    console.print(made.id, markup=False)
    remarks.print(f"[dim]Its tokens: holdfast token create NAME --account '{made.name}'[/]")


@account.command("list")
def list_accounts(data: DataOption = None, database: DatabaseOption = None, json: JsonFlag = False) -> None:
    """List the accounts, oldest first."""
    with local_access(data, database=database) as access:
        found = access.accounts.all()
    if json:
        print_json([_Shown(id=row.id, name=row.name, created_at=iso_utc(row.inserted_at)) for row in found])
        return
    table = plain_table("id", "name", "since")
    for row in found:
        table.add_row(row.id, row.name, iso_utc(row.inserted_at)[:10])
    console.print(table)
