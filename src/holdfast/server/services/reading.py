"""Values of operations as the tables keep them: times, texts and JSON within their bounds."""

from __future__ import annotations

from typing import Final

from msgspec import Raw

from holdfast._clock import LATEST_NS, parse_utc
from holdfast._ids import MAX_ID_LENGTH
from holdfast.errors import ApiError, InvalidInputError
from holdfast.wire.operations import NO_JSON
from holdfast.wire.vocabulary import ErrorCode

__all__ = ["invalid", "json_or_none", "text", "time_or", "usable_id"]

NAME_LENGTH: Final = 512
TEXT_LENGTH: Final = 20_000


def invalid(field: str, problem: str) -> ApiError:
    """The answer to a field that cannot be used."""
    return ApiError(422, ErrorCode.VALIDATION, f"{field}: {problem}", errors={field: problem})


def time_or(value: int | str | None, default: int, field: str = "timestamp") -> int:
    """Nanoseconds since 1970. Raises `ApiError` 422 for what is no time."""
    if value is None:
        return default
    if type(value) is int and 0 <= value <= LATEST_NS:
        return value
    try:
        return parse_utc(value, field)
    except InvalidInputError as error:
        raise invalid(field, f"{error.problem}; {error.fix}") from None


def json_or_none(raw: Raw) -> bytes | None:
    """The bytes as they came; None for `null`."""
    if raw is NO_JSON:  # what the decoder puts where nothing came
        return None
    value = bytes(raw)
    return None if value == b"null" else value


def text(value: str | None, limit: int = NAME_LENGTH) -> str | None:
    """Cut to `limit` characters; U+0000, which not every database takes, becomes U+FFFD."""
    if value is None:
        return None
    if len(value) > limit:
        value = value[: limit - 1] + "…"
    return value.replace("\x00", "\N{REPLACEMENT CHARACTER}") if "\x00" in value else value


def usable_id(value: str, field: str) -> str:
    """`value`, when it can serve as an id; raises `ApiError` 422 otherwise."""
    if (
        not value
        or len(value) > MAX_ID_LENGTH
        or not value.isprintable()
        or value[0] == " "
        or value[-1] == " "
    ):
        raise invalid(field, f"use 1 to {MAX_ID_LENGTH} printable characters")
    return value
