"""`holdfast settings`: every setting, its value, and where that comes from."""

from __future__ import annotations

from msgspec import Struct

from holdfast._settings import SETTINGS, read_setting, setting_source
from holdfast.cli.output import JsonFlag, console, plain_table, print_json

__all__ = ["settings"]


class _Row(Struct, frozen=True, kw_only=True):
    name: str
    value: str | int | float | bool | None
    source: str
    env: str
    help: str


def settings(json: JsonFlag = False) -> None:
    """Show every setting, its value and where the value comes from. A token's value is not shown."""
    rows = [
        _Row(
            name=name,
            value=_value(name),
            source=setting_source(name),
            env=row.env,
            help=row.help,
        )
        for name, row in SETTINGS.items()
    ]
    if json:
        print_json(rows)
        return
    table = plain_table("setting", "value", "from", "variable")
    for row in rows:
        table.add_row(row.name, "" if row.value is None else str(row.value), row.source, row.env)
    console.print(table)


def _value(name: str) -> str | int | float | bool | None:
    value: str | int | float | bool | None = read_setting(name)
    return "(set)" if name == "token" and value else value
