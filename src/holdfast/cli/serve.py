"""`holdfast serve`: the server, on this machine, with no configuration needed."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast.cli.db import DatabaseOption, SpansOption
from holdfast.cli.local import DataOption
from holdfast.cli.output import JsonFlag

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
    database: DatabaseOption = None,
    spans: SpansOption = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the browser, logged in.")] = False,
    json: JsonFlag = False,
) -> None:
    """Start the server. Ctrl-C or SIGTERM ends it, after what it accepted is written.

    With --json it prints one line, {"url", "login_url", "data", "version", "otlp_grpc_port"}, when it answers.
    """
    from holdfast.cli.serve_run import (
        run_server,  # the server takes a second to import: not for every command
    )
    from holdfast.server.config import ServerConfig

    config = ServerConfig.from_settings(data=data, database=database, spans=spans, host=host, port=port)
    run_server(config, open_browser=open_browser, json=json)
