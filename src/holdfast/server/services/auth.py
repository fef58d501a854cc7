"""Who may do what: tokens for programs, one-time links and cookies for people."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from holdfast._ids import new_id
from holdfast.errors import ApiError
from holdfast.server.stores import tokens as rows
from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.reach import Reach
from holdfast.server.stores.reads.api import Window
from holdfast.server.stores.retrying import in_transaction
from holdfast.wire.vocabulary import ErrorCode, TokenScope, TokenStatus

__all__ = ["Auth", "Principal", "TokenInfo", "WebSession"]

_PREFIX: Final = "hf_"
_SECOND: Final = 1_000_000_000
_REMEMBERED_NS: Final = 5 * _SECOND
"""How long another server process may still accept a token that was suspended in this one."""
_TOUCH_NS: Final = 60 * _SECOND
_CODE_NS: Final = 15 * 60 * _SECOND
_SESSION_NS: Final = 30 * 24 * 3600 * _SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who a request comes from. `agent_id` and `environment_id` bind what it records, where not None."""

    token_id: str
    account_id: str
    scopes: frozenset[TokenScope]
    agent_id: str | None = None
    environment_id: str | None = None

    @property
    def reach(self) -> Reach:
        """What it may touch."""
        return Reach(account_id=self.account_id, agent_id=self.agent_id, environment_id=self.environment_id)

    def need(self, *any_of: TokenScope) -> None:
        """Raises `ApiError` 403 unless one of the scopes is there."""
        if not self.scopes.intersection(any_of):
            wanted = " or ".join(any_of)
            raise ApiError(403, ErrorCode.FORBIDDEN, f"this token lacks the scope {wanted}")

    def need_whole_account(self) -> None:
        """Raises `ApiError` 403 for a token that is bound to an agent or an environment."""
        if self.reach.bound:
            raise ApiError(403, ErrorCode.FORBIDDEN, "this token is bound to less than the account")

    def need_whole_agent(self) -> None:
        """Raises `ApiError` 403 for a token that reaches an agent's runs in one environment only."""
        if self.environment_id is not None:
            raise ApiError(403, ErrorCode.FORBIDDEN, "this token is bound to an environment")

    def need_whole_environment(self) -> None:
        """Raises `ApiError` 403 for a token that reaches one agent's part of an environment only."""
        if self.agent_id is not None:
            raise ApiError(403, ErrorCode.FORBIDDEN, "this token is bound to an agent")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenInfo:
    """A token as it may be shown: `hint` is its first characters, times are nanoseconds since 1970."""

    id: str
    account_id: str
    name: str
    hint: str
    scopes: frozenset[TokenScope]
    status: TokenStatus
    agent_id: str | None
    environment_id: str | None
    expires_at: int | None
    last_used_at: int | None
    inserted_at: int
    updated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSession:
    """A logged-in browser. `csrf` is the value that its forms must send back as the field `csrf`."""

    account_id: str
    csrf: str

    def check_csrf(self, sent: str | None) -> None:
        """Raises `ApiError` 403 unless `sent` is this session's `csrf`."""
        if sent is None or not hmac.compare_digest(sent.encode(), self.csrf.encode()):
            raise ApiError(403, ErrorCode.FORBIDDEN, "the form is too old; load the page again")


class Auth:
    """Thread-safe. Only SHA-256 digests of secrets are stored: a secret is shown once, when it is made."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[int, rows.TokenRow | None]] = {}
        self._used: dict[str, int] = {}

    def principal(self, authorization: str | None) -> Principal:
        """Who sends this `Authorization` header. Raises `ApiError` 401 `bad_authtoken`.

        May read the database (not more often than every five seconds a token): keep it off the event loop.
        """
        now = self._clock()
        row = self._token(_bearer(authorization), now)
        if row is None or row.status != TokenStatus.ACTIVE or (row.expires_at or now + 1) <= now:
            raise ApiError(401, ErrorCode.BAD_TOKEN, "the token is missing, unknown, expired or not active")
        with self._lock:
            if now - self._used.get(row.id, row.last_used_at or 0) >= _TOUCH_NS:
                self._used[row.id] = now
        return Principal(
            token_id=row.id,
            account_id=row.account_id,
            scopes=_scopes(row.scopes),
            agent_id=row.agent_id,
            environment_id=row.environment_id,
        )

    def remembered(self, authorization: str | None) -> Principal | None:
        """As `principal`, where that needs no database now; None where it would."""
        secret = _bearer(authorization)
        with self._lock:
            known = self._known.get(_digest(secret)) if secret else None
        if known is None or self._clock() - known[0] >= _REMEMBERED_NS:
            return None
        return self.principal(authorization)

    def save_last_use(self) -> None:
        """Write down when tokens were last used. Called by the server's housekeeping."""
        with self._lock:
            used, self._used = self._used, {}
        if used:

            def touch(transaction: WriteTransaction) -> None:
                for token_id, when in sorted(used.items()):  # in one order: servers do not stop each other
                    rows.touch_token(transaction.connection, token_id, when)

            in_transaction(self._store, touch)

    def create_token(
        self,
        account_id: str,
        name: str,
        scopes: Collection[TokenScope],
        *,
        agent_id: str | None = None,
        environment_id: str | None = None,
        expires_at: int | None = None,
    ) -> tuple[TokenInfo, str]:
        """A new token and its secret, which cannot be had again."""
        secret = _PREFIX + secrets.token_urlsafe(32)
        now = self._clock()
        row = rows.TokenRow(
            id=new_id(),
            account_id=account_id,
            name=name,
            hash=_digest(secret),
            hint=secret[:8],
            scopes=",".join(sorted(scopes)),
            status=TokenStatus.ACTIVE.value,
            agent_id=agent_id,
            environment_id=environment_id,
            expires_at=expires_at,
            inserted_at=now,
            updated_at=now,
        )
        in_transaction(self._store, lambda transaction: rows.add_token(transaction.connection, row))
        with self._lock:
            self._known.pop(row.hash, None)
        return _info(row), secret

    def tokens(self, account_id: str) -> list[TokenInfo]:
        """Newest first."""
        with self._store.reader.connect() as connection:
            return [_info(row) for row in rows.list_tokens(connection, account_id)]

    def set_status(self, account_id: str, token_id: str, status: TokenStatus) -> None:
        """Raises `ApiError` 404 for an unknown token and for one that is revoked."""
        now = self._clock()
        found = in_transaction(
            self._store,
            lambda transaction: rows.set_token_status(
                transaction.connection, account_id, token_id, status.value, now
            ),
        )
        self.forget()
        if not found:
            raise ApiError(404, ErrorCode.NOT_FOUND, f"no token {token_id} that could be changed")

    def tokens_within(self, reach: Reach, window: Window) -> tuple[list[TokenInfo], int]:
        """One page of the tokens that reach no farther than that, and how many there are."""
        with self._store.reader.connect() as connection:
            found, total = rows.tokens_page(connection, reach, window)
        return [_info(row) for row in found], total

    def token_within(self, reach: Reach, token_id: str) -> TokenInfo | None:
        with self._store.reader.connect() as connection:
            row = rows.token_by_id(connection, reach, token_id)
        return None if row is None else _info(row)

    def delete_token(self, account_id: str, token_id: str) -> None:
        """For good; it stops working at once. An unknown one is let pass."""
        in_transaction(
            self._store, lambda transaction: rows.drop_token(transaction.connection, account_id, token_id)
        )
        self.forget()

    def forget(self) -> None:
        """Look every token up again: some were changed or taken away."""
        with self._lock:
            self._known.clear()

    def login_code(self, account_id: str) -> str:
        """A code that logs one browser in, once, within 15 minutes: `GET /login?code=<code>`."""
        code = secrets.token_urlsafe(24)
        now = self._clock()

        def add(transaction: WriteTransaction) -> None:
            rows.drop_expired(transaction.connection, now)
            rows.add_login_code(transaction.connection, _digest(code), account_id, now + _CODE_NS)

        in_transaction(self._store, add)
        return code

    def redeem(self, code: str) -> str | None:
        """The cookie of a new session for a valid code, else None."""
        with self._store.reader.connect() as connection:  # who makes codes up does not keep writers waiting
            if not rows.has_login_code(connection, _digest(code)):
                return None
        cookie = secrets.token_urlsafe(32)
        now = self._clock()

        def take(transaction: WriteTransaction) -> bool:
            account_id = rows.take_login_code(transaction.connection, _digest(code), now)
            if account_id is None:
                return False
            rows.add_session(
                transaction.connection,
                rows.SessionRow(
                    hash=_digest(cookie), account_id=account_id, inserted_at=now, expires_at=now + _SESSION_NS
                ),
            )
            return True

        return cookie if in_transaction(self._store, take) else None

    def session(self, cookie: str | None) -> WebSession | None:
        """The session of a cookie, or None where it is missing, unknown or expired."""
        if not cookie:
            return None
        with self._store.reader.connect() as connection:
            row = rows.find_session(connection, _digest(cookie))
        if row is None or row.expires_at <= self._clock():
            return None
        csrf = hmac.new(cookie.encode(), b"holdfast-csrf", hashlib.sha256).hexdigest()
        return WebSession(account_id=row.account_id, csrf=csrf)

    def log_out(self, cookie: str) -> None:
        digest = _digest(cookie)
        in_transaction(self._store, lambda transaction: rows.drop_session(transaction.connection, digest))

    def _token(self, secret: str | None, now: int) -> rows.TokenRow | None:
        if secret is None:
            return None
        digest = _digest(secret)
        with self._lock:
            known = self._known.get(digest)
        if known is not None and now - known[0] < _REMEMBERED_NS:
            return known[1]
        with self._store.reader.connect() as connection:
            row = rows.find_token(connection, digest)
        with self._lock:
            if len(self._known) > 10_000:  # someone tries tokens: do not remember them all
                self._known.clear()
            self._known[digest] = (now, row)
        return row


def _bearer(header: str | None) -> str | None:
    scheme, _, secret = (header or "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" and secret.strip() else None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _scopes(text: str) -> frozenset[TokenScope]:
    return frozenset(TokenScope(word) for word in text.split(",") if word)


def _info(row: rows.TokenRow) -> TokenInfo:
    return TokenInfo(
        id=row.id,
        account_id=row.account_id,
        name=row.name,
        hint=row.hint,
        scopes=_scopes(row.scopes),
        status=TokenStatus(row.status),
        agent_id=row.agent_id,
        environment_id=row.environment_id,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        inserted_at=row.inserted_at,
        updated_at=row.updated_at,
    )
