"""The shapes around every answer. An error is always a JSON object, whatever failed."""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from msgspec import UNSET, Struct, UnsetType

from holdfast.wire.questions import AnswerGiven
from holdfast.wire.vocabulary import ErrorCode

__all__ = [
    "Control",
    "ControlAnswer",
    "ControlRequest",
    "Done",
    "ErrorAnswer",
    "FieldError",
    "Listed",
    "Pagination",
    "Shown",
    "Sorting",
]

T = TypeVar("T")


class FieldError(Struct, frozen=True, kw_only=True):
    """What is wrong with one field."""

    message: str
    code: str = "invalid"
    status: str = "error"


class ErrorAnswer(Struct, frozen=True, kw_only=True):
    """`code` is what a client decides by; `errors` maps a field to what is wrong with it."""

    code: ErrorCode
    message: str
    errors: dict[str, FieldError] | UnsetType = UNSET
    status: Literal["error"] = "error"


class Control(Struct, frozen=True, kw_only=True):
    """Word from the server to a live run. `answers` has those to its open questions, by question; the same ones
    come again until the run has said that it stopped waiting."""

    terminate: bool
    reason: str | None = None
    answers: dict[str, AnswerGiven] | UnsetType = UNSET


class Shown(Struct, Generic[T], frozen=True, kw_only=True):
    """One row."""

    details: T
    control: Control | UnsetType = UNSET
    status: Literal["success"] = "success"


class Pagination(Struct, frozen=True, kw_only=True):
    """Where in a list this page lies. `item_start`, `item_end` and `page_index` count from one."""

    item_count: int
    item_start: int
    item_end: int
    page_count: int
    page_index: int
    page_offset: int
    page_size: int
    next_page_offset: int | None
    previous_page_offset: int | None


class Sorting(Struct, frozen=True, kw_only=True):
    field: str
    direction: Literal["asc", "desc"]


class Listed(Struct, Generic[T], frozen=True, kw_only=True):
    """A page of rows. Both `pagination` and `sorting` are always there."""

    summaries: list[T]
    pagination: Pagination | None
    sorting: Sorting | None
    status: Literal["success"] = "success"


class Done(Struct, frozen=True, kw_only=True):
    """Nothing to show but that it was done."""

    details: dict[str, str] | UnsetType = UNSET
    status: Literal["success"] = "success"


class ControlRequest(Struct, frozen=True, kw_only=True):
    """Live runs that have nothing to send ask whether there is word for them."""

    agent_instance_ids: list[str]


class ControlAnswer(Struct, frozen=True, kw_only=True):
    """By run; runs without word are left out."""

    control: dict[str, Control]
    status: Literal["success"] = "success"
