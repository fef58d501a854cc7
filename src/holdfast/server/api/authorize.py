"""Who may use which route: one guard before all of them. A route that does not say is closed."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request
from litestar.handlers import BaseRouteHandler
from msgspec import Struct

from holdfast.errors import ApiError
from holdfast.server.services.access import Connection, principal_of
from holdfast.server.services.auth import Principal
from holdfast.wire.vocabulary import ErrorCode, TokenScope

__all__ = ["ANY_TOKEN", "NO_TOKEN", "AnyRequest", "Query", "authorize", "caller", "route"]

AnyRequest = Request[Any, Any, Any]

ANY_TOKEN: Final = frozenset(TokenScope)
NO_TOKEN: Final[frozenset[TokenScope]] = frozenset()


class Query(Struct, frozen=True):
    """A query parameter, for the description of the API."""

    name: str
    description: str = ""
    values: tuple[str, ...] = ()


def route(
    *scopes: TokenScope,
    any_of: frozenset[TokenScope] | None = None,
    body: type[Struct] | None = None,
    wrapped: bool = False,
    query: tuple[Query, ...] = (),
    paged: bool = False,
) -> dict[str, Any]:
    """The `opt` of a route: which scopes open it (any one of them), and for the description of the API what
    it takes. `wrapped`: the fields of the body lie under `details`."""
    return {
        "scopes": frozenset(scopes) if any_of is None else any_of,
        "body": body,
        "wrapped": wrapped,
        "query": query,
        "paged": paged,
    }


async def authorize(connection: Connection, handler: BaseRouteHandler) -> None:
    """Raises `ApiError`: 401 without a good token, 403 for one without a fitting scope."""
    scopes: frozenset[TokenScope] | None = handler.opt.get("scopes")
    if scopes == NO_TOKEN:
        return
    who = await principal_of(connection)
    if scopes is None:
        raise ApiError(403, ErrorCode.FORBIDDEN, "this route is closed")
    who.need(*sorted(scopes))
    connection.state.principal = who


def caller(request: AnyRequest) -> Principal:
    """Whose token the guard has let in."""
    who: Principal = request.state.principal
    return who
