"""`holdfast login-link`: a fresh one-time address that logs a browser in."""

from __future__ import annotations

from pathlib import Path

from holdfast.cli.local import AccountOption, local_access, running_server
from holdfast.cli.output import JsonFlag, console, print_json, remarks
from holdfast.errors import CommandError

__all__ = ["login_link"]


def login_link(account: AccountOption = None, json: JsonFlag = False) -> None:
    """Print an address that logs one browser in, once, within 15 minutes."""
    server = running_server()
    if server is None:
        raise CommandError("no server runs on this machine", fix="start one with `holdfast serve`")
    with local_access(Path(server.data), account=account) as access:
        link = f"{server.url}/login?code={access.auth.login_code(access.account_id)}"
    if json:
        print_json({"url": link})
    else:
        console.print(link, markup=False)
        remarks.print("[dim]Works once, for 15 minutes.[/]")
