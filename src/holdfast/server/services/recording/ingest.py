"""The way of a request: decoded, written with others, answered."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
from msgspec import UNSET, Raw

from holdfast._ids import new_id
from holdfast.errors import ApiError
from holdfast.server.services.auth import Principal
from holdfast.server.services.reading import invalid
from holdfast.server.services.recording.apply import Batch, BatchResult
from holdfast.server.services.recording.commit import Committer
from holdfast.server.services.recording.decoding import DecodedBulk, decode_bulk, decode_operation
from holdfast.server.services.recording.health import HealthView
from holdfast.wire.bulk import BulkAnswer, MinimalBulkAnswer
from holdfast.wire.envelopes import ErrorAnswer, FieldError
from holdfast.wire.operations import Operation
from holdfast.wire.spool_state import read_spool_state
from holdfast.wire.vocabulary import ErrorCode, OnError

__all__ = ["Ingest", "error_answer"]

_LARGE: Final = 1 << 20
"""A body beyond this is decoded in a thread: the event loop stays free for the others."""
_KEY_LENGTHS: Final = (8, 64)
_encode: Final = msgspec.json.Encoder().encode


class Ingest:
    """Takes operations in. Methods raise `ApiError`; what they return is an encoded answer."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer

    def health(self, account_id: str) -> HealthView:
        """How recording into an account goes."""
        return self._committer.health.of(account_id)

    def heard(self, who: Principal, header: str | None) -> None:
        """What a client says of its spool, in the header of a request."""
        state = read_spool_state(header)
        if state is not None:
            self._committer.health.heard(who.account_id, state)

    async def bulk(self, who: Principal, body: bytes, *, minimal: bool) -> bytes:
        """`POST /bulk`. With `minimal` the answer tells only what failed, and word for the runs named."""
        if len(body) > _LARGE:
            decoded = await asyncio.to_thread(decode_bulk, body)
        else:
            decoded = decode_bulk(body)
        on_error, items, places, errors = decoded
        if not items and not errors:
            raise invalid("items", "must not be empty")
        if on_error is OnError.STOP:
            _check_keys(decoded)
            first_bad = min(errors, default=None)
            if first_bad is not None:
                items = [item for item, place in zip(items, places, strict=True) if place < first_bad]
                errors = {first_bad: errors[first_bad]}
        if errors:
            refused = [error.code for _, error in errors.values()]
            self._committer.health.note(who.account_id, refused=refused)
        batch = Batch(who=who, items=items, on_error=on_error, minimal=minimal)
        result = await self._commit(batch)
        if minimal:
            return _minimal_answer(items, errors, result)
        return _full_answer(items, errors, result, stopped=on_error is OnError.STOP and bool(result.errors))

    async def one(self, who: Principal, fields: dict[str, Raw]) -> bytes:
        """One operation by its fields, `_type` among them; states are kept to strictly."""
        key = fields.get("idempotency_key")
        if key is None or bytes(key) == b"null":
            fields["idempotency_key"] = Raw(_encode(new_id()))
        op = decode_operation(fields)
        if len(op.idempotency_key) > _KEY_LENGTHS[1]:
            raise invalid("idempotency_key", f"must not be longer than {_KEY_LENGTHS[1]} characters")
        result = await self._commit(Batch(who=who, items=[op], on_error=OnError.STOP))
        if 0 in result.errors:
            raise result.errors[0]
        return result.answers[0]

    async def _commit(self, batch: Batch) -> BatchResult:
        if not batch.items:
            return BatchResult(errors={}, answers={}, control={})
        return await asyncio.wrap_future(self._committer.submit(batch))


def _check_keys(decoded: DecodedBulk) -> None:
    _, items, _, errors = decoded
    keys = [item.idempotency_key for item in items] + [key for key, _ in errors.values()]
    shortest, longest = _KEY_LENGTHS
    if any(not shortest <= len(key) <= longest for key in keys):
        raise invalid("items.idempotency_key", f"must have {shortest} to {longest} characters")
    if len(set(keys)) != len(keys):
        raise invalid("items.idempotency_key", "must not repeat in one request")


def _minimal_answer(
    items: list[Operation], undecoded: dict[int, tuple[str, ApiError]], result: BatchResult
) -> bytes:
    outputs = {items[place].idempotency_key: error_answer(error) for place, error in result.errors.items()}
    outputs |= {key: error_answer(error) for key, error in undecoded.values()}
    accepted = len(items) - len(result.errors)
    return _encode(
        MinimalBulkAnswer(
            accepted=accepted,
            outputs=outputs,
            control=result.control or UNSET,
            dropped=result.dropped or UNSET,
        )
    )


def _full_answer(
    items: list[Operation],
    undecoded: dict[int, tuple[str, ApiError]],
    result: BatchResult,
    *,
    stopped: bool,
) -> bytes:
    outputs = {items[place].idempotency_key: Raw(answer) for place, answer in result.answers.items()}
    for place, error in result.errors.items():
        outputs[items[place].idempotency_key] = Raw(_encode(error_answer(error)))
    if not stopped:
        outputs |= {key: Raw(_encode(error_answer(error))) for key, error in undecoded.values()}
    return _encode(BulkAnswer(outputs=outputs))


def error_answer(error: ApiError) -> ErrorAnswer:
    """An error as it is answered."""
    fields = {name: FieldError(message=problem) for name, problem in (error.errors or {}).items()}
    return ErrorAnswer(code=ErrorCode(error.code), message=error.message, errors=fields or UNSET)
