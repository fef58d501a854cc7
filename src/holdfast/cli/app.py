"""The commands put together, and the one place where an error becomes a line."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast._version import __version__
from holdfast.cli.account import account
from holdfast.cli.backup import backup
from holdfast.cli.db import db
from holdfast.cli.demo import demo
from holdfast.cli.doctor import doctor
from holdfast.cli.erase import erase
from holdfast.cli.export import export
from holdfast.cli.forward import forward
from holdfast.cli.import_runs import import_runs
from holdfast.cli.login_link import login_link
from holdfast.cli.output import JsonFlag, console, print_json, remarks
from holdfast.cli.retention import retention
from holdfast.cli.search import search
from holdfast.cli.serve import serve
from holdfast.cli.settings import settings
from holdfast.cli.spool import spool
from holdfast.cli.token import token
from holdfast.errors import CommandError, HoldfastError, InvalidInputError

__all__ = ["app", "run"]

app = typer.Typer(
    name="holdfast",
    help="Run LLM agents under supervision and keep the record.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def version(json: JsonFlag = False) -> None:
    """Print the version."""
    if json:
        print_json({"version": __version__})
    else:
        console.print(__version__)


def _version_flag(wanted: bool) -> None:
    if wanted:
        console.print(__version__)
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version_flag, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


for command in (serve, demo, login_link, doctor, export, forward, search, settings, erase, backup):
    app.command()(command)
app.command("import")(import_runs)
app.add_typer(account)
app.add_typer(token)
app.add_typer(spool)
app.add_typer(db)
app.add_typer(retention)


def run() -> int:
    """Run the command that the arguments name; the exit code. No error of ours shows a traceback."""
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except CommandError as error:
        return _fail(str(error), error.fix, error.exit_code)
    except InvalidInputError as error:
        return _fail(f"{error.field}: {error.problem}", error.fix)
    except HoldfastError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(str(error))
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith("holdfast"):
            raise
        return _fail(f"this command needs {missing.name}", "pip install 'holdfast[server]'")
    except KeyboardInterrupt:
        return 130
    return 0


def _fail(message: str, fix: str = "", exit_code: int = 1) -> int:
    remarks.print("[bold red]error:[/] ", end="")
    remarks.print(message, markup=False)
    if fix:
        remarks.print("  [dim]fix:[/] ", end="")
        remarks.print(fix, markup=False)
    return exit_code
