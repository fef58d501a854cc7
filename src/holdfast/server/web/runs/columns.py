"""The columns of the run list, and which of them a reader wants to see."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Final

__all__ = ["COLUMNS_COOKIE", "NAMES", "STANDARD", "Column", "columns_of", "columns_text"]

COLUMNS_COOKIE: Final = "holdfast_columns"


class Column(StrEnum):
    """Besides status and name, which are always there. In the order in which they are shown."""

    AGENT = "agent"
    ENVIRONMENT = "environment"
    PURPOSE = "purpose"
    STARTED = "started"
    DURATION = "duration"
    SPANS = "spans"
    CALLS = "calls"
    TOOLS = "tools"
    ERRORS = "errors"
    INPUT = "input"
    OUTPUT = "output"
    TOKENS = "tokens"
    COST = "cost"


NAMES: Final = {
    Column.AGENT: "Agent",
    Column.ENVIRONMENT: "Environment",
    Column.PURPOSE: "Purpose",
    Column.STARTED: "Started",
    Column.DURATION: "Duration",
    Column.SPANS: "Spans",
    Column.CALLS: "Model calls",
    Column.TOOLS: "Tool calls",
    Column.ERRORS: "Errors",
    Column.INPUT: "Input tokens",
    Column.OUTPUT: "Output tokens",
    Column.TOKENS: "Tokens",
    Column.COST: "Cost",
}
STANDARD: Final = (
    Column.AGENT,
    Column.STARTED,
    Column.DURATION,
    Column.SPANS,
    Column.ERRORS,
    Column.TOKENS,
    Column.COST,
)


def columns_of(cookie: str | None) -> tuple[Column, ...]:
    """The standard ones where the cookie names none."""
    wanted = set((cookie or "").split("."))
    return tuple(column for column in Column if column.value in wanted) or STANDARD


def columns_text(names: Collection[str]) -> str:
    """For the cookie."""
    return ".".join(column.value for column in Column if column.value in names)
