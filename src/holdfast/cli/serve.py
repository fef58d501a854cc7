"""`holdfast serve`: the server, on this machine, with no configuration needed."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from holdfast._version import __version__
from holdfast.cli.hosting import Presence, near_address, start_errors, stoppable
from holdfast.cli.local import DataOption
from holdfast.cli.output import JsonFlag, console, print_json, remarks
from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening
from holdfast.server.running import serve as run_server

__all__ = ["serve"]


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. [default: 127.0.0.1]", show_default=False)
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, help="0: any that is free. [default: 4653]", show_default=False),
    ] = None,
    data: DataOption = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the browser, logged in.")] = False,
    json: JsonFlag = False,
) -> None:
    """Start the server. Ctrl-C or SIGTERM ends it, after what it accepted is written.

    With --json it prints one line, {"url", "login_url", "data", "version"}, when it answers.
    """
    config = ServerConfig.from_settings(data=data, host=host, port=port)
    presence = Presence(config.data)

    def ready(listening: Listening) -> None:
        presence.announce(listening)
        login_url = listening.login_url.replace(listening.url, near_address(listening.url), 1)
        if json:
            print_json(
                {
                    "url": near_address(listening.url),
                    "login_url": login_url,
                    "data": str(config.data),
                    "version": __version__,
                }
            )
        else:
            _greet(near_address(listening.url), login_url, config.data)
        if open_browser:
            webbrowser.open(login_url)

    with start_errors(config), stoppable():
        try:
            run_server(config, ready=ready)
        finally:
            presence.leave()
    if not json:
        if presence.adopted:
            remarks.print(f"[dim]Delivered {presence.adopted:,} operations that ended processes had left.[/]")
        remarks.print("[dim]Stopped.[/]")


def _greet(url: str, login_url: str, data: Path) -> None:
    console.print(f"[bold]Holdfast {__version__}[/] at [bold]{url}[/]")
    console.print(f"  log in   {login_url}", markup=False)
    console.print("           [dim]works once, for 15 minutes; a fresh one: holdfast login-link[/]")
    console.print(f"  data     {data}", markup=False)
    console.print("[dim]Ctrl-C stops it.[/]")
