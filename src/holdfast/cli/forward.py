"""`holdfast forward`: runs sent on to whoever speaks OTLP."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast.cli.db import DatabaseOption
from holdfast.cli.local import DataOption
from holdfast.cli.moments import moment
from holdfast.cli.output import JsonFlag

__all__ = ["forward"]


def forward(
    to: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="OTLP/HTTP endpoint, such as http://127.0.0.1:4318. [default: setting forward_to]",
            show_default=False,
        ),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Header to send; may be repeated.", show_default=False),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Only runs that began since then: 2026-01-31, 12h, 7d.", show_default=False),
    ] = None,
    agent: Annotated[
        str | None, typer.Option(help="Only runs of this agent (name or id).", show_default=False)
    ] = None,
    account: Annotated[str, typer.Option(help="Whose runs.")] = "default",
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what settles later.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Begin anew: send what has been sent before too.")
    ] = False,
    content: Annotated[
        bool | None,
        typer.Option(
            "--content/--no-content",
            help="Send what was said too: messages, arguments, results. [default: no]",
            show_default=False,
        ),
    ] = None,
    data: DataOption = None,
    database: DatabaseOption = None,
    json: JsonFlag = False,
) -> None:
    """Send runs as OTLP traces to another system, under the names of the GenAI conventions 1.41.

    It goes on where it stopped the last time. Runs go once they have ended and nothing was received of them for
    five seconds; one that changes later goes again. A server may run on the same record meanwhile.
    """
    from holdfast.cli.forward_run import Asked, run_forward  # the server takes a second to import

    run_forward(
        Asked(
            to=to,
            headers=header or [],
            since=None if since is None else moment(since),
            agent=agent,
            account=account,
            follow=follow,
            again=again,
            content=content,
            data=data,
            database=database,
            json=json,
        )
    )
