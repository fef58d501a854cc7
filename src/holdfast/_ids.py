"""Identifiers: ours are UUIDv7 (they sort by the time they were made), a client's may be any short string."""

from __future__ import annotations

from typing import Final

from uuid_utils import uuid7

from holdfast.errors import InvalidInputError

__all__ = ["MAX_ID_LENGTH", "check_id", "new_id"]

MAX_ID_LENGTH: Final = 128


def new_id() -> str:
    """A new UUIDv7 in its 36-character form."""
    return str(uuid7())


def check_id(value: str, field: str = "id") -> str:
    """`value`, when it can serve as an id: 1 to 128 printable characters, no spaces at the ends.

    Raises `InvalidInputError` otherwise.
    """
    if not value or len(value) > MAX_ID_LENGTH or not value.isprintable() or value != value.strip():
        raise InvalidInputError(
            field, f"{value[:40]!r} cannot be an id", f"use 1 to {MAX_ID_LENGTH} printable characters"
        )
    return value
