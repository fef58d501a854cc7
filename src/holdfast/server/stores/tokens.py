"""Tokens, login codes and browser sessions: small tables, plain statements, any database."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Connection, delete, insert, select, update

from holdfast.server.stores.paging import read_page
from holdfast.server.stores.reach import Reach, tokens_within
from holdfast.server.stores.reads.api import Window
from holdfast.server.stores.schema.record import login_codes, tokens, web_sessions

__all__ = [
    "SessionRow",
    "TokenRow",
    "add_login_code",
    "add_session",
    "add_token",
    "drop_expired",
    "drop_session",
    "drop_token",
    "find_session",
    "find_token",
    "has_login_code",
    "list_tokens",
    "set_token_status",
    "take_login_code",
    "token_by_id",
    "tokens_page",
    "touch_token",
]


class TokenRow(Struct, frozen=True, kw_only=True):
    """A row of `tokens`."""

    id: str
    account_id: str
    name: str
    hash: str
    hint: str
    scopes: str
    status: str
    agent_id: str | None = None
    environment_id: str | None = None
    expires_at: int | None = None
    last_used_at: int | None = None
    inserted_at: int
    updated_at: int


class SessionRow(Struct, frozen=True, kw_only=True):
    """A row of `web_sessions`."""

    hash: str
    account_id: str
    inserted_at: int
    expires_at: int


def add_token(connection: Connection, row: TokenRow) -> None:
    connection.execute(insert(tokens).values(asdict(row)))


def find_token(connection: Connection, digest: str) -> TokenRow | None:
    row = connection.execute(select(tokens).where(tokens.c.hash == digest)).mappings().first()
    return None if row is None else TokenRow(**row)


def list_tokens(connection: Connection, account_id: str) -> list[TokenRow]:
    """Newest first."""
    wanted = select(tokens).where(tokens.c.account_id == account_id).order_by(tokens.c.inserted_at.desc())
    return [TokenRow(**row) for row in connection.execute(wanted).mappings()]


def tokens_page(connection: Connection, reach: Reach, window: Window) -> tuple[list[TokenRow], int]:
    """One page of the tokens that reach no farther, and how many there are."""
    found, total = read_page(connection, tokens, [tokens_within(reach)], window)
    return [TokenRow(**row) for row in found], total


def token_by_id(connection: Connection, reach: Reach, token_id: str) -> TokenRow | None:
    wanted = select(tokens).where(tokens_within(reach), tokens.c.id == token_id)
    row = connection.execute(wanted).mappings().first()
    return None if row is None else TokenRow(**row)


def drop_token(connection: Connection, account_id: str, token_id: str) -> None:
    connection.execute(delete(tokens).where(tokens.c.account_id == account_id, tokens.c.id == token_id))


def set_token_status(connection: Connection, account_id: str, token_id: str, status: str, now: int) -> bool:
    """Whether there was such a token that is not revoked."""
    done = connection.execute(
        update(tokens)
        .where(tokens.c.account_id == account_id, tokens.c.id == token_id, tokens.c.status != "revoked")
        .values(status=status, updated_at=now)
    )
    return done.rowcount > 0


def touch_token(connection: Connection, token_id: str, now: int) -> None:
    connection.execute(update(tokens).where(tokens.c.id == token_id).values(last_used_at=now))


def add_login_code(connection: Connection, digest: str, account_id: str, expires_at: int) -> None:
    connection.execute(insert(login_codes).values(hash=digest, account_id=account_id, expires_at=expires_at))


def has_login_code(connection: Connection, digest: str) -> bool:
    return (
        connection.execute(select(login_codes.c.hash).where(login_codes.c.hash == digest)).first() is not None
    )


def take_login_code(connection: Connection, digest: str, now: int) -> str | None:
    """The account that the code opens, once: the code is gone afterwards. None for none or an old one."""
    # in one statement: two servers may be asked at once, and only one of them may find it
    row = connection.execute(
        delete(login_codes)
        .where(login_codes.c.hash == digest)
        .returning(login_codes.c.account_id, login_codes.c.expires_at)
    ).first()
    return None if row is None or row.expires_at <= now else str(row.account_id)


def add_session(connection: Connection, row: SessionRow) -> None:
    connection.execute(
        insert(web_sessions).values(
            hash=row.hash, account_id=row.account_id, inserted_at=row.inserted_at, expires_at=row.expires_at
        )
    )


def find_session(connection: Connection, digest: str) -> SessionRow | None:
    row = connection.execute(select(web_sessions).where(web_sessions.c.hash == digest)).mappings().first()
    return None if row is None else SessionRow(**row)


def drop_session(connection: Connection, digest: str) -> None:
    connection.execute(delete(web_sessions).where(web_sessions.c.hash == digest))


def drop_expired(connection: Connection, now: int) -> None:
    connection.execute(delete(login_codes).where(login_codes.c.expires_at <= now))
    connection.execute(delete(web_sessions).where(web_sessions.c.expires_at <= now))
