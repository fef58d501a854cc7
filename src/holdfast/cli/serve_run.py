"""The work of `holdfast serve`: announce the server, greet, serve, and take the announcement back."""

from __future__ import annotations

import webbrowser

from holdfast._version import __version__
from holdfast.cli.hosting import Presence, near_address, start_errors, stoppable
from holdfast.cli.output import console, print_json, remarks
from holdfast.server.app import store_state
from holdfast.server.config import ServerConfig
from holdfast.server.running import Listening, serve

__all__ = ["run_server"]


def run_server(config: ServerConfig, *, open_browser: bool, json: bool) -> None:
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
                    "otlp_grpc_port": listening.otlp_grpc_port,
                }
            )
        else:
            _greet(near_address(listening.url), login_url, store_state(config).address)
            if listening.otlp_grpc_port is not None:
                console.print(f"  OTLP     gRPC on port {listening.otlp_grpc_port}", markup=False)
        if open_browser:
            webbrowser.open(login_url)

    with start_errors(config), stoppable():
        try:
            serve(config, ready=ready)
        finally:
            presence.leave()
    if not json:
        if presence.adopted:
            remarks.print(f"[dim]Delivered {presence.adopted:,} operations that ended processes had left.[/]")
        remarks.print("[dim]Stopped.[/]")


def _greet(url: str, login_url: str, record: str) -> None:
    console.print(f"[bold]Holdfast {__version__}[/] at [bold]{url}[/]")
    console.print(f"  log in   {login_url}", markup=False)
    console.print("           [dim]works once, for 15 minutes; a fresh one: holdfast login-link[/]")
    console.print(f"  record   {record}", markup=False)
    console.print("[dim]Ctrl-C stops it.[/]")
