"""What every command says, and how: results on standard output, remarks and errors on standard error."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table

__all__ = ["JsonFlag", "amount", "console", "human_bytes", "plain_table", "print_json", "remarks"]

console: Final = Console(highlight=False, soft_wrap=True)
"""Results. Obeys NO_COLOR; not a terminal: no colours, no wrapping."""

remarks: Final = Console(stderr=True, highlight=False, soft_wrap=True)
"""Progress, hints and errors: what a program that reads the result must not see."""

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]

_UNITS: Final = ("bytes", "KiB", "MiB", "GiB", "TiB")


def print_json(value: Any) -> None:
    """One JSON value on one line."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def plain_table(*columns: str) -> Table:
    """A table without lines. A column whose name begins with `>` is set flush right."""
    table = Table(box=None, pad_edge=False, header_style="dim", collapse_padding=True, padding=(0, 2, 0, 0))
    for name in columns:
        right = name.startswith(">")
        table.add_column(name.removeprefix(">"), justify="right" if right else "left", overflow="fold")
    return table


def human_bytes(size: float) -> str:
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"


def amount(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
