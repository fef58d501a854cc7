"""What runs and lies on this machine: the local server's announcement and its database."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from msgspec import Struct

from holdfast._clock import utc_now_ns
from holdfast._settings import state_dir
from holdfast.cli.api import Server
from holdfast.errors import CommandError
from holdfast.tracing.destination import LOCAL_SERVER_FILE

if TYPE_CHECKING:
    from holdfast.server.services.auth import Auth
    from holdfast.server.services.managing.accounts import Accounts

__all__ = [
    "AccountOption",
    "Announcement",
    "DataOption",
    "LocalAccess",
    "announcement",
    "announcement_file",
    "local_access",
    "running_server",
]


_PROBE_SECONDS = 2.0


class Announcement(Struct, frozen=True, kw_only=True):
    """What a server tells the processes of its machine, `token` with every scope among it.

    The recording side reads `url` and `token` only. `data` is the directory of the embedded database.
    """

    url: str
    token: str
    pid: int
    version: str
    data: str


DataOption = Annotated[
    Path | None, typer.Option("--data", help="Directory of the embedded database.", show_default=False)
]


AccountOption = Annotated[
    str | None,
    typer.Option("--account", help="Name or id of the account. Default: the first one.", show_default=False),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAccess:
    """`account_id` is that of the account that was asked for."""

    auth: Auth
    accounts: Accounts
    account_id: str


@contextmanager
def local_access(
    data: Path | None, *, database: str | None = None, account: str | None = None
) -> Generator[LocalAccess]:
    """What may be done with this machine's database, which a running server may have open too.

    Raises `StoreError`, and `CommandError` for an account that does not exist.
    """
    from holdfast.server.app import open_store  # the server takes a second to import: not for every command
    from holdfast.server.config import ServerConfig
    from holdfast.server.services.auth import Auth
    from holdfast.server.services.managing.accounts import Accounts
    from holdfast.server.services.setup import DEFAULT_ACCOUNT, prepare

    with closing(open_store(ServerConfig.from_settings(data=data, database=database))) as store:
        prepare(store, utc_now_ns())
        accounts = Accounts(store, utc_now_ns)
        found = accounts.find(account or DEFAULT_ACCOUNT)
        if found is None:
            raise CommandError(f"there is no account {account!r}", fix="see `holdfast account list`")
        yield LocalAccess(auth=Auth(store, utc_now_ns), accounts=accounts, account_id=found.id)


def announcement_file() -> Path:
    return state_dir() / LOCAL_SERVER_FILE


def announcement() -> Announcement | None:
    """What the local server, running or not any more, said about itself last."""
    try:
        return msgspec.json.decode(announcement_file().read_bytes(), type=Announcement)
    except (OSError, msgspec.DecodeError):
        return None


def running_server() -> Announcement | None:
    """The local server, if it answers."""
    said = announcement()
    if said is None:
        return None
    try:
        answers = Server(said.url, said.token, patience=_PROBE_SECONDS).ping().accepted
    except CommandError:
        return None
    return said if answers else None
