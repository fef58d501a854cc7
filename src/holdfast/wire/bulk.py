"""`POST /api/v1/bulk`: many operations in one request, and what came of each."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Raw, Struct, UnsetType

from holdfast.wire.envelopes import Control, ErrorAnswer
from holdfast.wire.operations import Operation
from holdfast.wire.vocabulary import OnError

__all__ = ["BulkAnswer", "BulkRequest", "BulkRequestRaw", "MinimalBulkAnswer"]


class BulkRequest(Struct, frozen=True, kw_only=True):
    """`stop`: in order, up to the first item that fails. `continue`: each on its own, in any order."""

    items: list[Operation]
    on_error: OnError = OnError.STOP


class BulkRequestRaw(Struct, frozen=True, kw_only=True):
    """The same with items still to be decoded, so that one that cannot be does not spoil the others."""

    items: list[Raw]
    on_error: OnError = OnError.STOP


class BulkAnswer(Struct, frozen=True, kw_only=True):
    """For each item carried out, by its idempotency key: the body that the single call would answer."""

    outputs: dict[str, Raw]
    status: Literal["success"] = "success"


class MinimalBulkAnswer(Struct, frozen=True, kw_only=True):
    """What `Prefer: return=minimal` gets: only what failed, and word for the runs that were named. `dropped`
    counts those of the accepted that left nothing, because their run has been erased."""

    accepted: int
    outputs: dict[str, ErrorAnswer]
    control: dict[str, Control] | UnsetType = UNSET
    dropped: int | UnsetType = UNSET
    status: Literal["success"] = "success"
