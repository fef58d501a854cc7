"""The shape of every list."""

from __future__ import annotations

from typing import Literal, TypeVar

from holdfast.server.stores.reads.api import Window
from holdfast.wire.envelopes import Listed, Pagination, Sorting

__all__ = ["listed"]

T = TypeVar("T")


def listed(rows: list[T], total: int, window: Window) -> Listed[T]:
    """The page that `window` asked for, of `total` rows in all."""
    offset, size = window.offset, window.size
    direction: Literal["asc", "desc"] = "desc" if window.descending else "asc"
    return Listed(
        summaries=rows,
        pagination=Pagination(
            item_count=total,
            item_start=offset + 1 if rows else 0,
            item_end=offset + len(rows) if rows else 0,
            page_count=-(-total // size),
            page_index=offset // size + 1,
            page_offset=offset,
            page_size=size,
            next_page_offset=offset + size if offset + size < total else None,
            previous_page_offset=max(0, offset - size) if offset else None,
        ),
        sorting=Sorting(field=window.field, direction=direction),
    )
