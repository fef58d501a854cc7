"""`holdfast db`: the database of the record, and its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from holdfast._clock import iso_utc
from holdfast.cli.db_copy import copy
from holdfast.cli.local import DataOption
from holdfast.cli.output import JsonFlag, amount, console, human_bytes, print_json

if TYPE_CHECKING:
    from holdfast.server.config import ServerConfig
    from holdfast.server.stores.tiered.span_store_state import SpanStoreState

__all__ = ["DatabaseOption", "SpansOption", "db", "span_store_lines"]

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
def status(
    data: DataOption = None,
    database: DatabaseOption = None,
    spans: SpansOption = None,
    json: JsonFlag = False,
) -> None:
    """Show which database it is, whether its tables are those of this version, and what ClickHouse holds.
    Changes nothing."""
    from holdfast.server.app import store_state  # the server takes a second to import

    state = store_state(_config(data, database, spans))
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
    if state.spans is not None:
        console.print(state.spans.address, markup=False)
        for line in span_store_lines(state.spans):
            console.print(line, markup=False, highlight=False)


@db.command()
def upgrade(
    data: DataOption = None,
    database: DatabaseOption = None,
    spans: SpansOption = None,
    json: JsonFlag = False,
) -> None:
    """Make the tables, or bring them to this version. Servers do the same when they start."""
    from holdfast.server.app import open_store, store_state  # the server takes a second to import

    config = _config(data, database, spans)
    open_store(config).close()
    state = store_state(config)
    if json:
        print_json(state)
    else:
        console.print(f"{state.address}: revision {state.revision}.", markup=False, highlight=False)


def span_store_lines(state: SpanStoreState) -> list[str]:
    """What there is to say of a span store, the first line how it is."""
    if state.size is None:
        lines = [f"Does not answer: {state.problem}"]
    else:
        size = state.size
        held = f"{amount(size.spans, 'span')} and {amount(size.events, 'event')}"
        lines = [f"Holds {held} in {human_bytes(size.bytes)}."]
    if state.oldest_here is None:
        lines.append("No spans are left in the database.")
    else:
        lines.append(f"The oldest run with spans in the database began {iso_utc(state.oldest_here)}.")
    if state.unfinished:
        lines.append(f"{amount(state.unfinished, 'batch')} began and did not end; the server tidies up.")
    if state.to_erase:
        lines.append(f"{amount(state.to_erase, 'run')} erased and still to be taken out there.")
    return lines


def _config(data: DataOption, database: DatabaseOption, spans: SpansOption) -> ServerConfig:
    from holdfast.server.config import ServerConfig

    return ServerConfig.from_settings(data=data, database=database, spans=spans)
