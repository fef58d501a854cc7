"""`holdfast backup`: a copy of the embedded database, while it is in use."""

from __future__ import annotations

import re
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from msgspec.structs import asdict

from holdfast.cli.local import DataOption
from holdfast.cli.output import JsonFlag, amount, console, human_bytes, print_json, remarks
from holdfast.errors import CommandError

if TYPE_CHECKING:
    from holdfast.server.config import ServerConfig

__all__ = ["backup"]

_PASSWORD: Final = re.compile(r"(://[^:@/]*):[^@/]*@")


def backup(
    file: Annotated[Path, typer.Argument(help="The file to make. It must not exist.")],
    data: DataOption = None,
    json: JsonFlag = False,
) -> None:
    """Copy the whole record into one file, which is checked then. Agents and servers go on meanwhile.

    To go back to it: end the server, put the file in the place of `holdfast.db`, remove `holdfast.db-wal` and
    `holdfast.db-shm` beside that, and start the server.
    """
    from holdfast.server.app import DATABASE_FILE  # the server takes a second to import
    from holdfast.server.config import ServerConfig
    from holdfast.server.stores.backup import back_up

    config = ServerConfig.from_settings(data=data)
    _check_kind(config, file)
    began = time.monotonic()
    report = back_up(config.data / DATABASE_FILE, file)
    seconds = time.monotonic() - began
    if json:
        print_json({**asdict(report), "seconds": round(seconds, 3)})
        return
    rows = report.rows
    console.print(
        f"{report.file}: {amount(rows['instances'], 'run')} with {amount(rows['spans'], 'span')}, "
        f"{human_bytes(report.bytes)}, whole",
        markup=False,
    )


def _check_kind(config: ServerConfig, file: Path) -> None:
    if config.database is not None:
        address = _PASSWORD.sub(r"\1@", config.database)
        raise CommandError(
            "the record lies in PostgreSQL, which copies itself",
            fix=f"pg_dump --format=custom --file={shlex.quote(str(file))} {shlex.quote(address)}",
        )
    if config.spans is not None:
        remarks.print("What lies in ClickHouse is not in this file: back that up as well.")
