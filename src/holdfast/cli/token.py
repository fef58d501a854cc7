"""`holdfast token`: make, list and revoke tokens of the server whose database is on this machine."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer
from msgspec import Struct

from holdfast._clock import iso_utc, utc_now_ns
from holdfast.cli.db import DatabaseOption
from holdfast.cli.local import AccountOption, DataOption, local_access
from holdfast.cli.output import JsonFlag, console, plain_table, print_json, remarks
from holdfast.errors import ApiError, CommandError
from holdfast.wire.vocabulary import TokenScope, TokenStatus

if TYPE_CHECKING:
    from holdfast.server.services.auth import TokenInfo

__all__ = ["token"]

token = typer.Typer(name="token", help="Make, list and revoke tokens.", no_args_is_help=True)

_DURATION: Final = re.compile(r"(\d+)\s*([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class _Shown(Struct, frozen=True, kw_only=True):
    """A token as JSON. `token` is there only when it has just been made: it is not stored."""

    id: str
    name: str
    hint: str
    scopes: list[str]
    status: str
    agent_id: str | None
    environment_id: str | None
    expires_at: str | None
    last_used_at: str | None
    created_at: str
    token: str | None = None


@token.command()
def create(
    name: Annotated[str, typer.Argument(help="What the token is for.")],
    scope: Annotated[
        list[TokenScope] | None, typer.Option(help="What it may do; may be repeated. Default: ingest.")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="How long it is valid: 12h, 30d, 8w.")] = None,
    agent: Annotated[
        str | None, typer.Option(help="Only for this agent, by name or id; made where there is none.")
    ] = None,
    environment: Annotated[
        str | None, typer.Option(help="Only for this environment, by name or id; made where there is none.")
    ] = None,
    account: AccountOption = None,
    data: DataOption = None,
    database: DatabaseOption = None,
    json: JsonFlag = False,
) -> None:
    """Make a token. It is shown once and cannot be had again."""
    until = None if expires is None else utc_now_ns() + _nanoseconds(expires)
    with local_access(data, database=database, account=account) as access:
        owner = access.account_id
        info, secret = access.auth.create_token(
            owner,
            name,
            frozenset(scope or [TokenScope.INGEST]),
            agent_id=None if agent is None else access.accounts.agent(owner, agent),
            environment_id=None if environment is None else access.accounts.environment(owner, environment),
            expires_at=until,
        )
    if json:
        print_json(_shown(info, secret))
        return
    console.print(secret, markup=False)
    remarks.print(f"[dim]Keep it now: only its hash is stored. May: {', '.join(sorted(info.scopes))}.[/]")


@token.command("list")
def list_tokens(
    account: AccountOption = None,
    data: DataOption = None,
    database: DatabaseOption = None,
    json: JsonFlag = False,
) -> None:
    """List the tokens, newest first."""
    with local_access(data, database=database, account=account) as access:
        found = access.auth.tokens(access.account_id)
    if json:
        print_json([_shown(info) for info in found])
        return
    if not found:
        remarks.print("There are no tokens. `holdfast token create NAME` makes one.")
        return
    table = plain_table("token", "name", "may", "status", "last used", "expires")
    for info in found:
        table.add_row(
            info.hint,
            info.name,
            ", ".join(sorted(info.scopes)),
            info.status,
            _day(info.last_used_at),
            _day(info.expires_at),
        )
    console.print(table)


@token.command()
def revoke(
    which: Annotated[
        str,
        typer.Argument(metavar="TOKEN", help="Its first characters as `token list` shows them, or its id."),
    ],
    account: AccountOption = None,
    data: DataOption = None,
    database: DatabaseOption = None,
    json: JsonFlag = False,
) -> None:
    """Revoke a token for good. A running server obeys within five seconds."""
    with local_access(data, database=database, account=account) as access:
        found = [info for info in access.auth.tokens(access.account_id) if which in (info.id, info.hint)]
        if len(found) != 1:
            problem = "several tokens begin with" if found else "there is no token"
            fix = "name it by its id: `holdfast token list --json`" if found else "see `holdfast token list`"
            raise CommandError(f"{problem} {which!r}", fix=fix)
        try:
            access.auth.set_status(access.account_id, found[0].id, TokenStatus.REVOKED)
        except ApiError:
            raise CommandError(f"{which} was revoked before") from None
    if json:
        print_json({"id": found[0].id, "status": TokenStatus.REVOKED})
    else:
        console.print(f"{found[0].hint} ({found[0].name}) is revoked", markup=False)


def _shown(info: TokenInfo, secret: str | None = None) -> _Shown:
    return _Shown(
        id=info.id,
        name=info.name,
        hint=info.hint,
        scopes=sorted(info.scopes),
        status=info.status,
        agent_id=info.agent_id,
        environment_id=info.environment_id,
        expires_at=None if info.expires_at is None else iso_utc(info.expires_at),
        last_used_at=None if info.last_used_at is None else iso_utc(info.last_used_at),
        created_at=iso_utc(info.inserted_at),
        token=secret,
    )


def _day(ns: int | None) -> str:
    return "never" if ns is None else iso_utc(ns)[:10]


def _nanoseconds(text: str) -> int:
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        raise CommandError(f"--expires {text!r} is no duration", fix="write 12h, 30d or 8w", exit_code=2)
    span = timedelta(seconds=int(match.group(1)) * _SECONDS[match.group(2)])
    return int(span.total_seconds()) * 1_000_000_000
