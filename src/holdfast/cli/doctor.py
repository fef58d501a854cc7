"""`holdfast doctor`: what is configured, reachable and writable, and what to do about what is not."""

from __future__ import annotations

from typing import Final

import typer

from holdfast.cli.checks import Check, CheckState, check_all
from holdfast.cli.output import JsonFlag, console, print_json

__all__ = ["doctor"]

_MARKS: Final = {
    CheckState.OK: "[green]ok  [/]",
    CheckState.WARN: "[yellow]warn[/]",
    CheckState.FAIL: "[bold red]FAIL[/]",
}


def doctor(json: JsonFlag = False) -> None:
    """Check settings, spool, server, token and clock. Exit code 1 when something fails."""
    checks: list[Check] = []
    for check in check_all():
        checks.append(check)
        if not json:
            _show(check)
    if json:
        print_json(checks)
    if any(check.state is CheckState.FAIL for check in checks):
        raise typer.Exit(1)


def _show(check: Check) -> None:
    console.print(f"{_MARKS[check.state]}  [bold]{check.name:<9}[/] ", end="")
    console.print(check.found, markup=False)
    if check.fix:
        console.print(f"{'':<16}[dim]fix:[/] ", end="")
        console.print(check.fix, markup=False)
