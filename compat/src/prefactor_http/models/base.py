"""The envelopes that every answer comes in."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import BaseModel

__all__ = ["ApiError", "ApiResponse", "DetailedApiError", "ListResponse", "PaginationOutput", "Sorting", "T"]

T = TypeVar("T")


class ApiResponse(BaseModel, Generic[T]):
    """One row."""

    status: str
    details: T


class ApiError(BaseModel):
    status: str = "error"
    code: str
    message: str


class DetailedApiError(ApiError):
    """`errors` maps each refused field to what is wrong with it."""

    errors: dict[str, Any]


class PaginationOutput(BaseModel):
    """`item_start`, `item_end` and `page_index` count from one, the offsets from zero."""

    item_count: int
    item_end: int
    item_start: int
    next_page_offset: int | None
    page_count: int
    page_index: int
    page_offset: int
    page_size: int
    previous_page_offset: int | None


class Sorting(BaseModel):
    field: str
    direction: str


class ListResponse(BaseModel, Generic[T]):
    """Many rows."""

    status: str
    summaries: list[T]
    pagination: PaginationOutput | None
    sorting: Sorting | None
