"""`holdfast db`: the database of the record, and its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.db_copy import copy
from holdfast.cli.local import DataOption
from holdfast.cli.output import JsonFlag, console, print_json

if TYPE_CHECKING:
    from holdfast.server.config import ServerConfig

__all__ = ["DatabaseOption", "SpansOption", "db"]

db = typer.Typer(name="db", help="See, upgrade and copy the database.", no_args_is_help=True)
db.command()(copy)

DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="ADDRESS",
        help="postgresql://user:password@host/name, instead of the embedded database.",
        show_default=False,
    ),
]

SpansOption = Annotated[
    str | None,
    typer.Option(
        "--spans",
        metavar="ADDRESS",
        help="clickhouse://user:password@host/name: settled spans are moved there.",
        show_default=False,
    ),
]


@db.command()
def status(data: DataOption = None, database: DatabaseOption = None, json: JsonFlag = False) -> None:
    """Show which database it is and whether its tables are those of this version. Changes nothing."""
    from holdfast.server.app import store_state  # the server takes a second to import

    state = store_state(_config(data, database))
    if json:
        print_json(state)
        return
    console.print(state.address, markup=False)
    if state.revision is None:
        console.print("No tables yet: `holdfast db upgrade` or `holdfast serve` makes them.")
    elif state.current:
        console.print(f"Up to date: revision {state.revision}.", highlight=False)
    else:
        console.print(f"Revision {state.revision}; this version has {state.wanted}.", highlight=False)


@db.command()
def upgrade(data: DataOption = None, database: DatabaseOption = None, json: JsonFlag = False) -> None:
    """Make the tables, or bring them to this version. Servers do the same when they start."""
    from holdfast.server.app import open_store, store_state  # the server takes a second to import

    config = _config(data, database)
    open_store(config).close()
    state = store_state(config)
    if json:
        print_json(state)
    else:
        console.print(f"{state.address}: revision {state.revision}.", markup=False, highlight=False)


def _config(data: DataOption, database: DatabaseOption) -> ServerConfig:
    from holdfast.server.config import ServerConfig

    return ServerConfig.from_settings(data=data, database=database)
