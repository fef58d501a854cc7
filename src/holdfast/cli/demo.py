"""`holdfast demo`: a server, a supervised agent that does real work, and the address of its record."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast.cli.local import DataOption

__all__ = ["demo"]


def demo(
    once: Annotated[bool, typer.Option("--once", help="Exit when the agent is done.")] = False,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, help="Port of the server. [default: 4653]", show_default=False),
    ] = None,
    data: DataOption = None,
) -> None:
    """Run an agent that audits this environment's packages, and show its record.

    Needs no key and no network. With OPENAI_API_KEY and OPENAI_BASE_URL, or ANTHROPIC_API_KEY and
    ANTHROPIC_BASE_URL, that model plans instead of the built-in rules.
    """
    from holdfast.cli.demo_run import run_demo  # the server takes a second to import: not for every command
    from holdfast.server.config import ServerConfig

    run_demo(ServerConfig.from_settings(data=data, port=port), once=once)
