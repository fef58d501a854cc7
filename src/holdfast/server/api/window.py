"""Which part of a list a query asks for, in either of the two spellings that clients use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from holdfast.server.services.reading import invalid
from holdfast.server.services.records import Window

__all__ = ["read_window"]

_LARGEST_PAGE: Final = 100


def read_window(query: Mapping[str, str], *, order: str = "inserted_at") -> Window:
    """`pagination[offset]` from 0, `pagination[page_size]` 1 to 100, `sorting=-name` or `sorting[field]`
    with `sorting[direction]`. Oldest first where no order is asked for. Raises `ApiError` 422."""
    field = query.get("sorting[field]")
    descending = query.get("sorting[direction]", "asc").lower() == "desc"
    if field is None and (short := query.get("sorting")):
        field, descending = short.lstrip("-+"), short.startswith("-")
    return Window(
        offset=_number(query, "pagination[offset]", 0, 0, 1 << 40),
        size=_number(query, "pagination[page_size]", 50, 1, _LARGEST_PAGE),
        field=field or order,
        descending=descending,
    )


def _number(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 16 and least <= int(text) <= most):
        raise invalid(name, f"must be a number from {least} to {most}")
    return int(text)
