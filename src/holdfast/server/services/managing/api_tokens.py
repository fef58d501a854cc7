"""Tokens, as they are managed over the API. A token manages only those that reach no farther than itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from holdfast._clock import iso_utc, parse_utc
from holdfast.errors import ApiError, InvalidInputError
from holdfast.server.services.auth import Auth, Principal, TokenInfo
from holdfast.server.services.listing import listed
from holdfast.server.services.managing.changes import not_found
from holdfast.server.services.managing.places import check_account
from holdfast.server.services.reading import NAME_LENGTH, invalid, text
from holdfast.server.services.recent import Recent
from holdfast.server.stores import places
from holdfast.server.stores.agents import find_agent_row
from holdfast.server.stores.base import Store
from holdfast.server.stores.reads.api import Window
from holdfast.wire.envelopes import Listed, Shown
from holdfast.wire.management import TokenDetails, TokenMade
from holdfast.wire.requests import TokenCreate
from holdfast.wire.vocabulary import ErrorCode, TokenKind, TokenScope, TokenStatus

__all__ = ["ApiTokens"]

_REMEMBERED_NS: Final = 600 * 1_000_000_000


class _Binding(Struct, frozen=True, kw_only=True):
    agent_id: str | None
    environment_id: str | None


class ApiTokens:
    """Blocking; keep it off the event loop."""

    def __init__(self, store: Store, auth: Auth, clock: Callable[[], int]) -> None:
        self._store = store
        self._auth = auth
        self._clock = clock
        # In memory: a secret must not lie in the table of answers to be repeated.
        self._made: Recent[tuple[str, str], TokenMade] = Recent(_REMEMBERED_NS, most=1_000)

    def show(self, who: Principal, token_id: str) -> Shown[TokenDetails]:
        """Raises `ApiError` 404."""
        return Shown(details=self._details(self._existing(who, token_id)))

    def page(self, who: Principal, window: Window) -> Listed[TokenDetails]:
        found, total = self._auth.tokens_within(who.reach, window)
        return listed([self._details(info) for info in found], total, window)

    def create(self, who: Principal, key: str | None, given: TokenCreate) -> TokenMade:
        """Raises `ApiError`: 422 for what it cannot be bound to, 403 for what reaches beyond `who`."""
        check_account(who, given.account_id)
        now = self._clock()
        place = (who.reach.replay_scope, key or "")
        if key is not None and (made := self._made.get(place, now)) is not None:
            return made
        binding = self._binding(who, given)
        bound = binding.agent_id is not None and binding.environment_id is not None
        if given.token_scope is TokenKind.DEPLOYMENT and not bound:
            raise invalid("agent_deployment_id", "name the deployment, or its agent and environment")
        if given.scopes is not None:
            scopes = frozenset(given.scopes)
        else:
            scopes = frozenset({TokenScope.INGEST} if bound else TokenScope)
        if not scopes:
            raise invalid("scopes", "must not be empty")
        info, secret = self._auth.create_token(
            who.account_id,
            text(given.name, NAME_LENGTH) or "",
            scopes,
            agent_id=binding.agent_id,
            environment_id=binding.environment_id,
            expires_at=None if given.expires_at is None else _expiry(given.expires_at, now),
        )
        answer = TokenMade(details=self._details(info), token=secret)
        if key is not None:
            self._made.put(place, answer, now)
        return answer

    def set_status(self, who: Principal, token_id: str, status: TokenStatus) -> Shown[TokenDetails]:
        """What is so already stays so. Raises `ApiError` 404, and 409 for a token that has been revoked."""
        info = self._existing(who, token_id)
        if info.status is not status:
            if info.status is TokenStatus.REVOKED:
                raise ApiError(409, ErrorCode.INVALID_ACTION, "the token has been revoked")
            self._auth.set_status(who.account_id, token_id, status)
            info = self._existing(who, token_id)
        return Shown(details=self._details(info))

    def delete(self, who: Principal, token_id: str) -> Shown[TokenDetails]:
        """Gives the deleted one. Raises `ApiError` 404."""
        info = self._existing(who, token_id)
        self._auth.delete_token(who.account_id, token_id)
        return Shown(details=self._details(info))

    def _existing(self, who: Principal, token_id: str) -> TokenInfo:
        info = self._auth.token_within(who.reach, token_id)
        if info is None:
            raise not_found("api token", token_id)
        return info

    def _binding(self, who: Principal, given: TokenCreate) -> _Binding:
        """What the new token is bound to: what is named, within what `who` is bound to."""
        agent_id, environment_id = given.agent_id, given.environment_id
        with self._store.reader.connect() as connection:
            if given.agent_deployment_id is not None:
                row = places.find_deployment(connection, who.reach, given.agent_deployment_id)
                if row is None:
                    raise invalid("agent_deployment_id", "is unknown")
                agent_id, environment_id = row.agent_id, row.environment_id
            if agent_id is not None and find_agent_row(connection, who.reach, agent_id=agent_id) is None:
                raise invalid("agent_id", "is unknown")
            if (
                environment_id is not None
                and places.find_environment_row(connection, who.reach, environment_id) is None
            ):
                raise invalid("environment_id", "is unknown")
        return _Binding(
            agent_id=who.agent_id or agent_id, environment_id=who.environment_id or environment_id
        )

    def _details(self, info: TokenInfo) -> TokenDetails:
        deployment = None
        if info.agent_id is not None and info.environment_id is not None:
            with self._store.reader.connect() as connection:
                deployment = places.deployment_of(connection, info.agent_id, info.environment_id)
        bound = info.agent_id is not None and info.environment_id is not None
        return TokenDetails(
            id=info.id,
            account_id=info.account_id,
            name=info.name,
            hint=info.hint,
            token_scope=TokenKind.DEPLOYMENT if bound else TokenKind.ACCOUNT,
            scopes=sorted(info.scopes),
            status=info.status,
            agent_id=info.agent_id,
            environment_id=info.environment_id,
            agent_deployment_id=None if deployment is None else deployment.id,
            expires_at=None if info.expires_at is None else iso_utc(info.expires_at),
            last_used_at=None if info.last_used_at is None else iso_utc(info.last_used_at),
            inserted_at=iso_utc(info.inserted_at),
            updated_at=iso_utc(info.updated_at),
        )


def _expiry(given: str, now: int) -> int:
    try:
        at = parse_utc(given, "expires_at")
    except InvalidInputError as error:
        raise invalid("expires_at", f"{error.problem}; {error.fix}") from None
    if at <= now:
        raise invalid("expires_at", "lies in the past")
    return at
