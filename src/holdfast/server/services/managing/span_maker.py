"""Spans to try things with: finished, of the run's own types, made by the server."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Final

import msgspec
from msgspec import Raw, Struct

from holdfast._ids import new_id
from holdfast.errors import ApiError
from holdfast.server.services.auth import Principal
from holdfast.server.services.checking.span_types import SpanTypes
from holdfast.server.services.managing.changes import not_found
from holdfast.server.services.reading import invalid
from holdfast.server.services.recording.ingest import Ingest
from holdfast.server.stores.base import Store
from holdfast.server.stores.reads.api import ApiReads
from holdfast.wire.details import SpanDetails
from holdfast.wire.envelopes import ErrorAnswer, Listed
from holdfast.wire.operations import SpanCreate
from holdfast.wire.requests import TestSpans
from holdfast.wire.vocabulary import SpanStatus, SpanType

__all__ = ["SpanMaker"]

_MOST: Final = 100


class _Made(Struct):
    details: SpanDetails


class _Outputs(Struct):
    outputs: dict[str, Raw]


_encode: Final = msgspec.json.Encoder().encode
_outputs: Final = msgspec.json.Decoder(_Outputs).decode
_made: Final = msgspec.json.Decoder(_Made).decode
_error: Final = msgspec.json.Decoder(ErrorAnswer).decode


class SpanMaker:
    """Makes them by the way of any other operation."""

    def __init__(self, store: Store, ingest: Ingest) -> None:
        self._reads = ApiReads(store)
        self._types = SpanTypes(store)
        self._ingest = ingest

    async def make(self, who: Principal, key: str | None, given: TestSpans) -> Listed[SpanDetails]:
        """The same key makes no more of them. Raises `ApiError` 404 and 422."""
        if not 1 <= given.count <= _MOST:
            raise invalid("count", f"must be a number from 1 to {_MOST}")
        run_id = given.agent_instance_id
        types = await asyncio.to_thread(self._types_of, who, run_id)
        seed = key or new_id()
        items = [
            SpanCreate(
                idempotency_key=hashlib.sha256(f"{seed} {number}".encode()).hexdigest(),
                agent_instance_id=run_id,
                parent_span_id=given.parent_span_id,
                schema_name=types[number % len(types)],
                name=f"test span {number + 1}",
                status=SpanStatus.COMPLETE,
                payload=Raw(_encode({"test": True, "number": number + 1})),
                result_payload=Raw(b'{"test":true}'),
            )
            for number in range(given.count)
        ]
        answer = _outputs(await self._ingest.bulk(who, _encode({"items": items}), minimal=False))
        return Listed(
            summaries=[_span(answer.outputs[item.idempotency_key]) for item in items],
            pagination=None,
            sorting=None,
        )

    def _types_of(self, who: Principal, run_id: str) -> list[str]:
        found = self._reads.run(who.reach, run_id)
        if found is None:
            raise not_found("agent instance", run_id)
        return list(self._types.of(found[0].schema_version_id)) or [SpanType.STEP.value]


def _span(answer: Raw) -> SpanDetails:
    try:
        return _made(answer).details
    except msgspec.ValidationError:
        problem = _error(answer)
    raise ApiError(503, problem.code, problem.message)
