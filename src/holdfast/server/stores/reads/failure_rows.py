"""From a recorded error to the rows that say which failures are alike."""

from __future__ import annotations

from typing import Final

import msgspec

from holdfast.core.failures import Group, group_of
from holdfast.server.stores.rows_facets import FailureGroupRow
from holdfast.wire.operations import RecordedError
from holdfast.wire.vocabulary import FailureCategory

__all__ = ["OF_THE_RUN", "group_row", "recorded_group"]

OF_THE_RUN: Final = ""
"""The span id under which a run's own failure is kept."""
_LONGEST_SIDE: Final = 200
_CATEGORIES: Final = {category.value: category for category in FailureCategory}
_decode: Final = msgspec.json.Decoder(RecordedError).decode


def recorded_group(
    error: bytes | None, error_type: str | None, provider: str | None, tool: str | None
) -> Group:
    """The group of a failed span (of a tool, if `tool` is given) or of a failed run, from its columns."""
    recorded = None if error is None else _decode(error)
    if recorded is None:
        return group_of(error_type=error_type, message="", category=None, provider=provider, tool=tool)
    return group_of(
        error_type=recorded.type or error_type,
        message=recorded.message,
        category=_CATEGORIES.get(recorded.category or ""),
        provider=provider,
        tool=tool,
    )


def group_row(account_id: str, group: Group, at: int) -> FailureGroupRow:
    """A failure of the group at that time. Its texts are cleaned and bounded, but for U+0000."""
    return FailureGroupRow(
        account_id,
        group.fingerprint,
        group.category.value,
        _storable(group.side),
        _storable(group.error_type),
        group.message,
        at,
        at,
    )


def _storable(value: str | None) -> str | None:
    return None if value is None else value[:_LONGEST_SIDE].replace("\x00", "\N{REPLACEMENT CHARACTER}")
