"""What the endpoints share: times with a zone, keys of a legal length, a path segment from any id."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAX_KEY", "Requester", "body", "checked_key", "segment", "zoned"]

MAX_KEY = 64


class Requester(Protocol):
    """The part of the HTTP client that an endpoint needs."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, Any] | None = None,
        json_data: dict[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> dict[str, Any]: ...


def zoned(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC. A time without a zone is the local one, as `datetime.now()` makes it."""
    return None if moment is None else moment.astimezone(UTC).isoformat()


def checked_key(key: str | None) -> str | None:
    """`key` itself. Raises `ValueError` for one that no server takes."""
    if key is not None and not 1 <= len(key) <= MAX_KEY:
        raise ValueError(f"idempotency_key has {len(key)} characters; use 1 to {MAX_KEY}")
    return key


def segment(identifier: str) -> str:
    return quote(identifier, safe="")


def body(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are not None: what is left out takes the server's default."""
    return {name: value for name, value in fields.items() if value is not None}
