"""Taking in what an OpenTelemetry exporter sends, on the same way as every other client's operations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from holdfast.errors import ApiError
from holdfast.server.services.auth import Principal
from holdfast.server.services.otlp.from_json import decode_json_traces
from holdfast.server.services.otlp.from_protobuf import decode_protobuf
from holdfast.server.services.otlp.operations import operations_of
from holdfast.server.services.otlp.records import Export
from holdfast.server.services.otlp.repeated import RepeatedUsage
from holdfast.server.services.recording.apply import Batch
from holdfast.server.services.recording.commit import Committer
from holdfast.wire.operations import InstanceRegister, Operation, SpanCreate
from holdfast.wire.vocabulary import ErrorCode, OnError

__all__ = ["Encoding", "Outcome", "TraceIngest"]

_AT_ONCE: Final = 4_000
"""Operations in one batch: a huge request must not hold up the others for long."""


class Encoding(Enum):
    """How a request is written; the answer is written so too."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"


_DECODERS: Final[dict[Encoding, Callable[[bytes], Export]]] = {
    Encoding.PROTOBUF: decode_protobuf,
    Encoding.JSON: decode_json_traces,
}


class Outcome(Struct, frozen=True, kw_only=True):
    """How many spans cannot be kept, however often they are sent, and why."""

    rejected: int
    problem: str


class TraceIngest:
    """Takes traces in. What is sent again changes nothing."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._repeated = RepeatedUsage()

    async def export(self, who: Principal, body: bytes, encoding: Encoding) -> Outcome:
        """Returns once everything usable is on the disk.

        Raises `ApiError`: 400 for a body that cannot be decoded, 503 where the store cannot write now, and
        then the whole request is to be sent again.
        """
        export, operations = await asyncio.to_thread(_read, body, encoding, self._repeated)
        if who.agent_id or who.environment_id:
            operations = [_bound(operation, who) for operation in operations]
        rejected, problem = export.rejected, export.problem
        for at in range(0, len(operations), _AT_ONCE):
            items = operations[at : at + _AT_ONCE]
            batch = Batch(who=who, items=items, on_error=OnError.CONTINUE, minimal=True)
            result = await asyncio.wrap_future(self._committer.submit(batch))
            for place, error in result.errors.items():
                if error.retry_after is not None:
                    raise error
                rejected += isinstance(items[place], SpanCreate)
                problem = error.message
        return Outcome(rejected=rejected, problem=problem)


def _bound(operation: Operation, who: Principal) -> Operation:
    """A service's name is not a wish for another agent than the token's."""
    if not isinstance(operation, InstanceRegister):
        return operation
    return replace(
        operation,
        agent_id=None if who.agent_id else operation.agent_id,
        environment_id=None if who.environment_id else operation.environment_id,
    )


def _read(body: bytes, encoding: Encoding, repeated: RepeatedUsage) -> tuple[Export, list[Operation]]:
    export = _DECODERS[encoding](body)
    try:
        return export, operations_of(export.spans, repeated)
    except RecursionError:
        raise ApiError(400, ErrorCode.BAD_REQUEST, "an attribute is nested too deeply") from None
